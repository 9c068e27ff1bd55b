import io
import json

import numpy as np
import pandas as pd
import pytest

from automl_nn.cli.demo import MISS, measure
from automl_nn.cli.output import Format, show
from automl_nn.review.words import duration, number


def shown(report, form=Format.table):
    file = io.StringIO()
    show(report, form, file=file)
    return file.getvalue()


def test_json_is_valid_whatever_the_numbers():
    report = {
        "score": float("nan"),
        "rows": [{"x": float("inf")}, {"x": 1}],
        "at": pd.Timestamp(0),
        "range": (1, -np.inf),
    }
    assert json.loads(shown(report, Format.json), parse_constant=pytest.fail) == {
        "score": None,
        "rows": [{"x": None}, {"x": 1}],
        "at": "1970-01-01 00:00:00",
        "range": [1, None],
    }


def test_facts_come_first_then_tables():
    text = shown({"rows": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "score": 0.25, "none": None, "empty": []})
    assert text.splitlines() == ["score  0.2500", "none   -", "rows", "name  n", "a     1", "b     2"]


def test_groups_of_numbers_stand_side_by_side():
    text = shown({"metrics": {"here": {"f1": 0.5, "n": 3}, "there": {"f1": 0.75, "n": 4}}})
    assert [line.split() for line in text.splitlines()] == [
        ["metrics"],
        ["here", "there"],
        ["f1", "0.5000", "0.7500"],
        ["n", "3", "4"],
    ]


def test_columns_that_say_nothing_are_left_out():
    assert shown([{"a": 1, "reason": ""}, {"a": 2, "reason": None}]).split() == ["a", "1", "2"]


def test_names_are_not_read_as_markup():
    assert "[red]x[/red]" in shown({"[red]x[/red]": "[bold]y"})
    assert "[bold]y" in shown([{"[red]x[/red]": "[bold]y"}])


def test_lines_do_not_break_away_from_a_terminal():
    assert len(shown({"long": "word " * 500}).splitlines()) == 1
    assert len(shown([{"knobs": {f"knob{i}": i for i in range(100)}}]).splitlines()) == 2


def test_an_empty_list_is_said():
    assert shown([]).strip() == "none"


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0, "0"), (0.005, "0.005"), (float("nan"), "-"), (-12345.678, "-1.235e+04")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_time_spans_have_two_units():
    assert [duration(seconds) for seconds in (59.6, 60, 3599.9, 7200)] == ["1 min", "1 min", "1 h", "2 h"]


def test_the_demo_counts_what_the_predictions_got_right():
    truth = pd.Series([True, True, True, False, False])
    predicted = pd.DataFrame(
        {
            "prediction": ["malignant", "malignant", "benign", "malignant", "benign"],
            "proba_malignant": [0.9, 0.3, 0.1, 0.6, 0.2],
        }
    )
    outcome = measure(truth, predicted, threshold=0.25, average_precision=0.8)
    assert (outcome.n_rows, outcome.n_positives, outcome.found, outcome.alarms) == (5, 3, 2, 3)
    assert (outcome.cost, outcome.cost_at_half) == (1 + MISS, 1 + 2 * MISS)
    sentences = outcome.sentences()
    assert len(sentences) == 3
    assert "finds 2 of them (66.7%), misses 1, and raises 3 alarms, 1 of them false" in sentences[0]
