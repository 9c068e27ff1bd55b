"""No knob does nothing: another value, the same seed, another training curve."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
import pytest

from automl_nn.search.attempt import Attempt, Encodings
from automl_nn.search.problem import pose
from automl_nn.search.spaces import default_space, edit_space
from automl_nn.space.draw import defaults
from automl_nn.space.options import Bundles, Options
from automl_nn.space.ranges import Choice, Held, Range

pytestmark = pytest.mark.slow

SMALL = {
    "model.backbone.d_block": 32,
    "model.backbone.n_blocks": 2,
    "model.gain": 2.0,
    "model.recipe": "free",
    "train.batch_size": 4,
    "train.n_epochs": 2,
}
"""Quick, with gradients that are large and steps that are many enough for every clip rule to act."""

OUTSIDE = {"train.patience"}
"""Knobs that end the training from outside."""

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
    config = defaults(edit_space(space(kind), dict(settings)))
    epochs = Attempt(encodings(kind), config, seed=0).epochs(seconds=60)
    return [(epoch.train_loss, epoch.val_loss, epoch.score) for epoch in epochs]


def knobs(node, path="", held=()):
    """The path of each knob, the values to try, and the settings under which there is such a knob."""
    for key, part in node.items():
        here = f"{path}.{key}" if path else key
        if isinstance(part, Bundles):
            yield from knobs(part.bundles["free"], path, held)
        elif isinstance(part, Options):
            if len(part) > 1:
                yield f"{here}.name", tuple(name for name in part if name not in REFUSED), held
            for name, option in part.items():
                yield from knobs(option.space, here, (*held, (f"{here}.name", name)))
        elif isinstance(part, Range):
            start = SMALL.get(here, part.start)
            yield here, (start, next(end for end in ends(part) if end != start)), held
        elif isinstance(part, Mapping):
            yield from knobs(part, here, held)


def ends(knob):
    """The ends of what a knob searches, the cheap one first."""
    inner = knob.range if isinstance(knob, Held) else knob
    return (inner.values[0], inner.values[-1]) if isinstance(inner, Choice) else (inner.low, inner.high)


def cases():
    for kind in ("labels", "classes", "values"):
        for path, values, held in knobs(space(kind)):
            repeated = kind != "labels" and not path.startswith("train.loss")
            if path not in OUTSIDE and not repeated:
                name = "-".join([kind, *(option for _, option in held), path])
                yield pytest.param(kind, path, values, held, id=name)


@pytest.mark.parametrize(("kind", "path", "values", "held"), list(cases()))
def test_every_value_of_a_knob_has_a_training_curve_of_its_own(kind, path, values, held):
    curves = [curve(kind, frozenset((SMALL | dict(held) | {path: value}).items())) for value in values]
    for i, one in enumerate(curves):
        assert one not in curves[:i], f"{path} = {values[i]!r} trains like {values[curves.index(one)]!r}"
