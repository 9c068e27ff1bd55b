import json

import numpy as np
import pandas as pd
import pytest

from automl_nn.data.table import Table
from automl_nn.errors import DataError, SplitError
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.problem import pose
from automl_nn.search.problems.study_spec import N_PROBE, spec_of

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=200) * 1e-9,
        "town": RNG.choice(["Rome", "Oslo", None], 200),
        "day": pd.Timestamp("2024-03-01") + pd.to_timedelta(RNG.integers(0, 1000, 200), unit="h"),
        "who": np.arange(200) // 5,
        "y": (RNG.random(200) < 0.15).astype(int),
    }
)


def test_every_row_with_a_label_is_in_exactly_one_part():
    split = pose(FRAME, ["y"]).split
    assert sorted([*split.train, *split.val]) == list(range(200))


def test_both_parts_hold_positives_in_proportion():
    problem = pose(FRAME, ["y"])
    shares = [problem.y[rows].mean() for rows in (problem.split.train, problem.split.val)]
    assert shares[0] == pytest.approx(shares[1], abs=0.02)


def test_the_split_depends_on_the_seed_alone():
    one, same, other = (pose(FRAME, ["y"], seed=seed).split.val for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert set(one) != set(other)


@pytest.mark.parametrize("form", [lambda days: days, lambda days: days.astype(str)], ids=["moments", "texts"])
def test_later_rows_choose_when_parted_by_time_and_the_gap_is_in_no_part(form):
    frame = FRAME.assign(day=form(FRAME["day"]))
    split = pose(frame, ["y"], parting=Parting(time="day", gap="2D")).split
    days = FRAME["day"]
    assert days[split.val].min() - days[split.train].max() >= pd.Timedelta("2D")
    assert len(split.train) + len(split.val) < len(FRAME)


def test_a_gap_in_no_unit_of_time_is_refused():
    with pytest.raises(SplitError, match="give a text such as 7D"):
        pose(FRAME, ["y"], parting=Parting(time="day", gap="soon"))


def test_too_few_positives_are_refused():
    with pytest.raises(SplitError):
        pose(FRAME.assign(y=np.eye(200)[0]), ["y"], kind="binary")


def test_the_spec_is_plain_json_and_tells_changed_data():
    spec = spec_of(pose(FRAME, ["y"]))
    assert json.loads(json.dumps(spec)) == spec
    changed = FRAME.copy()
    changed.loc[7, "x"] += 1e-15
    assert spec_of(pose(changed, ["y"]))["data"] != spec["data"]


def test_the_probe_reads_back_as_the_rows_that_it_was():
    problem = pose(FRAME, ["y"])
    probe = pd.DataFrame(json.loads(json.dumps(spec_of(problem)["probe"])))
    read = Table.from_schema(probe, problem.table.schema())
    kept = problem.table.take(problem.split.val[:N_PROBE])
    pd.testing.assert_frame_equal(read.numbers(), kept.numbers(), check_exact=True)
    pd.testing.assert_frame_equal(read.levels(), kept.levels())


def test_findings_name_the_users_classes():
    findings = pose(FRAME.assign(y=np.where(FRAME["y"], "ill", "well")), ["y"]).findings
    assert any("is ill with" in finding.message for finding in findings if finding.kind == "classes")


@pytest.mark.parametrize(
    "weight",
    [np.ones(199), np.full(200, -1.0), np.zeros(200), np.r_[np.nan, np.ones(199)]],
    ids=["too few", "negative", "all zero", "missing"],
)
def test_bad_weights_are_refused(weight):
    with pytest.raises(DataError, match="weight"):
        pose(FRAME, ["y"], weight=weight)


def test_other_weights_are_another_problem():
    specs = [spec_of(pose(FRAME, ["y"], weight=weight)) for weight in (None, np.ones(200), np.arange(200.0))]
    assert len({spec["data"]["weight"] for spec in specs}) == 3


def test_the_rows_that_choose_do_not_tell_the_scale(rng):
    frame = pd.DataFrame({"x": rng.normal(size=100), "y": rng.normal(size=100)})
    problem = pose(frame, ["y"])
    changed = frame.copy()
    changed.loc[problem.split.val, "y"] *= 1000
    assert pose(changed, ["y"]).task == problem.task


def test_the_later_rows_must_hold_every_class():
    frame = FRAME.sort_values("y", ascending=False).assign(t=range(200))
    with pytest.raises(SplitError):
        pose(frame, ["y"], parting=Parting(time="t"))
