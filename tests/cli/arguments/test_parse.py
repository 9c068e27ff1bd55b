from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_nn.cli.arguments.parse import parse_cost, parse_roles, parse_seconds, parse_settings, parse_value
from automl_nn.errors import BudgetError, DataError, DecisionError, SpaceError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60),
        ("0.5", 0.5),
        ("90s", 90),
        ("10m", 600),
        ("10min", 600),
        ("1h30m", 5400),
        ("1h 30m", None),
        ("2d", 172800),
    ],
)
def test_a_time_is_a_number_of_seconds_or_numbers_with_units(text, seconds):
    if seconds is None:
        with pytest.raises(BudgetError, match="1h30m"):
            parse_seconds(text)
    else:
        assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "-5", "0m", "", " ", "ten", "10x", "nan", "inf", "1.2.3", "m", "5m3h"])
def test_a_time_that_is_none_or_not_positive_is_refused_with_its_text(text):
    with pytest.raises(BudgetError) as caught:
        parse_seconds(text)
    assert repr(text) in str(caught.value)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_time(text):
    with suppress(BudgetError):
        assert parse_seconds(text) > 0


@given(st.integers(min_value=1, max_value=10**6))
def test_units_are_multiples_of_seconds(n):
    assert parse_seconds(f"{n}m") == parse_seconds(str(60 * n))
    assert parse_seconds(f"{n}h{n}m{n}s") == 3661 * n


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("-1", -1), ("0.1", 0.1), ("1e-3", 0.001), ("true", True), ("False", False), ("none", "none")],
)
def test_a_value_has_the_type_that_it_looks_like(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


def test_settings_are_read_by_path():
    assert parse_settings(["a.b=1", "a.c=x=y", " d = 2 "]) == {"a.b": 1, "a.c": "x=y", "d": 2}


@pytest.mark.parametrize("text", ["a.b", "=1", "a.b=", ""])
def test_a_setting_without_path_or_value_is_refused(text):
    with pytest.raises(SpaceError, match="path=value"):
        parse_settings([text])


def test_a_column_with_an_equals_sign_can_have_a_role():
    assert parse_roles(["a=b=category"]) == {"a=b": "category"}
    with pytest.raises(DataError, match="column=role"):
        parse_roles(["zip"])


def test_costs_are_given_by_name_in_any_order():
    assert parse_cost("fn=50, fp=1") == parse_cost("fp=1,fn=50") == (1.0, 50.0)


@pytest.mark.parametrize("text", ["fp=1", "1,50", "fp=1,fn=x", "fp=1,fn=2,tp=3", ""])
def test_other_costs_are_refused(text):
    with pytest.raises(DecisionError, match="fp=1,fn=50"):
        parse_cost(text)
