"""No knob does nothing: another value, the same seed, another training curve."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from automl_nn.search.encodings import Encodings
from automl_nn.search.knobs import OUTSIDE, compare_knobs, knob_cases, training_curve
from automl_nn.search.problems.problem import pose
from automl_nn.search.spaces.default import default_space, edit_space
from automl_nn.space.draw import defaults, flatten
from automl_nn.space.ranges import Integer, Real

SMALL = {
    "model.backbone.d_block": 32,
    "model.backbone.n_blocks": 2,
    "model.gain": 2.0,
    "train.batch_size": 4,
    "train.clip.z": 2.0,
    "train.n_epochs": 2,
}
"""Quick, with gradients that are large and steps that are many enough for every clip rule to act."""

REFUSED = {"zeros"}
"""Options that no training can be made with."""


@cache
def encodings(kind):
    """120 rows with numbers, categories of few and of many levels, and a target that depends on them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.lognormal(size=(120, 3)), columns=["a", "b", "c"])
    frame["few"] = rng.choice(list("uvwxyz"), size=120)
    frame["many"] = rng.choice([f"level {i}" for i in range(25)], size=120)
    score = np.log(frame["a"]) + (frame["few"] == "x") + rng.normal(size=120)
    if kind == "classes":
        frame["y"] = pd.cut(score, [-np.inf, 0.0, 1.5, np.inf], labels=["low", "mid", "high"]).astype(str)
    else:
        frame["y"] = score if kind == "values" else (score > np.quantile(score, 0.93)).astype(int)
    return Encodings(pose(frame, ["y"]))


@cache
def space(kind):
    """What is searched for such a target, without how it is searched."""
    whole = default_space(encodings(kind).problem.task, n_rows=96)
    return {group: whole[group] for group in ("model", "train")}


@cache
def curve(kind, settings):
    """Loss and score of each epoch under these settings."""
    edited = edit_space(space(kind), {"model.recipe": "free", **dict(settings)})
    known = flatten(defaults(edited)).keys() - dict(settings).keys()
    config = defaults(edit_space(edited, {path: value for path, value in SMALL.items() if path in known}))
    return training_curve(encodings(kind), config).tolist()


def cases():
    for kind in ("labels", "classes", "values"):
        for case in knob_cases(space(kind), starts=SMALL):
            repeated = kind != "labels" and not case.path.startswith("train.loss")
            if case.path not in OUTSIDE and not repeated:
                held = [str(name) for path, name in case.held.items() if path != "model.recipe"]
                values = tuple(value for value in case.values if value not in REFUSED)
                yield pytest.param(kind, replace(case, values=values), id="-".join([kind, *held, case.path]))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "case"), list(cases()))
def test_every_value_of_a_knob_has_a_training_curve_of_its_own(kind, case):
    settings = [frozenset((dict(case.held) | {case.path: value}).items()) for value in case.values]
    curves = [curve(kind, setting) for setting in settings]
    for i, one in enumerate(curves):
        assert one not in curves[:i], f"{case.path} = {case.values[i]!r} trains like {case.values[curves.index(one)]!r}"


def test_a_knob_that_changes_nothing_is_found():
    dead = {"d_category": Integer(2, 32, default=8), "gain": Real(0.5, 2.0, default=1.0)}
    problem = pose(pd.DataFrame({"x": range(60), "y": [0, 1, 1] * 20}), ["y"], roles={"x": "numeric"})
    fixed = edit_space(default_space(problem.task, n_rows=48), {"train.n_epochs": 1, "model.backbone.name": "mlp"})
    config = defaults(fixed)
    found = compare_knobs(problem, {"model": {**config["model"], **dead}, "train": config["train"]})
    assert found.dead == ("model.d_category",)
    assert (found.n_compared, found.n_left) == (2, 0)


def test_the_comparison_ends_in_time():
    found = compare_knobs(encodings("labels").problem, space("labels"), seconds=1e-3)
    assert found.n_compared == 1
    assert found.n_left > 10
