"""Series of many millions of steps: the same answers from less memory, and fewer steps that choose."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import automl_nn.search.problems.series as posing
from automl_nn import Parting, SeriesColumns
from automl_nn.data.parting.split import Split
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.series import step_space
from automl_nn.space.draw import defaults

COLUMNS = SeriesColumns("s", "t")
QUICK = {"model.backbone.d_block": 8, "train.n_epochs": 1, "train.n_windows": 32, "train.batch_size": 8}


@pytest.fixture
def frame() -> pd.DataFrame:
    """Forty series of 100 steps with a jump at three labelled steps of each."""
    y = np.zeros((40, 100), dtype=np.int8)
    y[:, 40:43] = 1
    level = np.random.default_rng(0).normal(size=y.size) + 3 * y.ravel()
    steps = {"s": np.repeat(np.arange(40), 100), "t": np.tile(np.arange(100), 40)}
    return pd.DataFrame({**steps, "level": level.astype(np.float32), "y": y.ravel()})


def _epoch(problem: Problem, **settings: object) -> tuple[float, ...]:
    config = defaults(edit_space(step_space(problem), {**QUICK, **settings}))
    *_, last = Attempt(Encodings(problem), [config], seeds=[0]).epochs(seconds=60)
    row = last[0].row
    return row.train_loss, row.val_loss, row.score, row.grad_norm_max


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_labels_in_bytes_train_as_those_in_floats(frame: pd.DataFrame, precision: str) -> None:
    problem = pose_steps(frame, ["y"], COLUMNS)
    short: list[Any] = [rows.astype(np.int32) for rows in (problem.split.train, problem.split.val)]
    narrow = replace(problem, y=problem.y.astype(np.uint8), split=Split(*short))
    found, known = (_epoch(own, **{"train.precision": precision}) for own in (narrow, problem))
    assert found == pytest.approx(known, rel=1e-6 if precision == "float32" else 0.05)


def test_many_labels_are_kept_in_bytes(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    known = pose_steps(frame, ["y"], COLUMNS)
    monkeypatch.setattr(posing, "ENOUGH_STEPS", 1000)
    monkeypatch.setattr(posing, "STEPS_AT_ONCE", 700)
    problem = pose_steps(frame, ["y"], COLUMNS)
    assert problem.y.dtype == np.uint8
    assert np.array_equal(problem.y, known.y)
    assert np.array_equal(problem.compared.y, known.compared.y)


def test_many_labels_with_gaps_stay_floats(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posing, "ENOUGH_STEPS", 1000)
    monkeypatch.setattr(posing, "STEPS_AT_ONCE", 700)
    y = frame["y"].astype("float32").mask(frame["t"] == 99)
    problem = pose_steps(frame.assign(y=y), ["y"], COLUMNS)
    assert problem.y.dtype == np.float32
    assert int(np.isnan(problem.y).sum()) == 40


def test_of_very_many_steps_a_smaller_share_chooses(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posing, "ENOUGH_TO_CHOOSE", 400)
    monkeypatch.setattr(posing, "ENOUGH_RARE", 12)
    assert len(pose_steps(frame, ["y"], COLUMNS).split.val) == 400
    assert len(pose_steps(frame, ["y"], COLUMNS, parting=Parting(0.3)).split.val) == 1200


def test_where_positives_are_rare_more_steps_choose(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posing, "ENOUGH_TO_CHOOSE", 100)
    monkeypatch.setattr(posing, "ENOUGH_RARE", 18)
    split = pose_steps(frame, ["y"], COLUMNS).split
    assert len(split.val) == 600
    assert frame["y"].iloc[split.val].sum() == 18
