"""The dead-knob detector: a searched knob whose values all train alike is noise for the search, or a mistake.

Two values of a knob, all else and the seed equal, must give two training curves. They may not on the data at hand: the
width of category vectors does nothing for a table without categories, a clip rule nothing where no gradient is large.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.data.parting.split import Split
from automl_nn.errors import AutoMLError
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.problem import Problem
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import defaults
from automl_nn.space.options import Bundles, Config, Options, Space
from automl_nn.space.ranges import Choice, Held, Range, Text, Value

OUTSIDE = {"train.patience"}
"""Knobs that end the training from outside."""

GROUPS = ("model", "train")
"""Groups of the space whose knobs shape a training."""

QUICK: Mapping[str, Value] = {"model.backbone.d_block": 32, "train.n_epochs": 2, "train.batch_size": 16}
"""What is set for the comparison, where it is searched: small networks, many steps of few rows."""

SMALL: Mapping[str, Value] = {"model.backbone.d_block": 8, "train.batch_size": 16}
N_SHORT = 8
"""A small network of images, and how many epochs it trains."""

N_TRAIN, N_VAL = 256, 128
"""Rows of the comparison, at most."""

SECONDS = 20.0
"""How long the comparison may take."""

Curve = NDArray[np.float64]


@final
@dataclass(frozen=True)
class KnobCase:
    """A knob, two or more of its values, and the settings under which there is such a knob.

    Args:
        path: The knob.
        values: Where it starts, and the far end of what is searched; all names of a table.
        held: Names of the tables around it, by path.
    """

    path: str
    values: tuple[Value, ...]
    held: Mapping[str, Value]


@final
@dataclass(frozen=True)
class Knobs:
    """What the comparison found.

    Args:
        dead: Paths of knobs whose values all train alike on these rows; of one value of a table, `path=value`.
        n_compared: Knobs that were compared.
        n_left: Knobs for which there was no time.
    """

    dead: tuple[str, ...]
    n_compared: int
    n_left: int


def knob_cases(
    space: Mapping[str, Any],
    path: str = "",
    *,
    held: Mapping[str, Value] | None = None,
    starts: Mapping[str, Value] | None = None,
) -> Iterator[KnobCase]:
    """Every searched knob of a space once for each table entry that has it.

    Args:
        space: A space or a part of one.
        path: The path of the part.
        held: Names of the tables around it.
        starts: Values by path to compare with in place of the knobs' own starts.

    Example:
        >>> [(case.path, case.values) for case in knob_cases({"train": {"batch_size": Choice((64, 256))}})]
        [('train.batch_size', (64, 256))]
    """
    around, own = held or {}, starts or {}
    for key, node in space.items():
        here = f"{path}.{key}" if path else key
        if isinstance(node, Bundles):
            name = "free" if "free" in node.bundles else node.default
            yield from knob_cases(node.bundles[name], path, held={**around, here: name}, starts=own)
        elif isinstance(node, Options):
            if len(node) > 1:
                yield KnobCase(f"{here}.name", tuple(node), around)
            for name, option in node.items():
                yield from knob_cases(option.space, here, held={**around, f"{here}.name": name}, starts=own)
        elif isinstance(node, Range) and not _is_text(node):
            start = own.get(here, node.start)
            yield KnobCase(here, (start, _far_end(node, start)), around)
        elif isinstance(node, Mapping):
            yield from knob_cases(node, here, held=around, starts=own)


def _is_text(knob: Range) -> bool:
    """Whether a knob has no other value to compare with."""
    return isinstance(knob.range if isinstance(knob, Held) else knob, Text)


def _far_end(knob: Range, start: Value) -> Value:
    """The end of what a knob searches that is not its start, the cheap one if both are."""
    inner = knob.range if isinstance(knob, Held) else knob
    ends = (inner.values[0], inner.values[-1]) if isinstance(inner, Choice) else (inner.low, inner.high)  # type: ignore[attr-defined]
    return next((end for end in ends if end != start), start)


def training_curve(encodings: Encodings, config: Config) -> Curve:
    """Training loss, validation loss and score of each epoch `(n_epochs, 3)`.

    Args:
        encodings: The rows.
        config: A draw from the space.
    """
    rows = [progress.row for (progress,) in Attempt(encodings, [config], seeds=[0]).epochs(seconds=60)]
    return np.array([(row.train_loss, row.val_loss, row.score) for row in rows])


def compare_knobs(problem: Problem, space: Space, *, seconds: float = SECONDS) -> Knobs:
    """Find the knobs that change nothing, by short trainings on a few of the rows.

    Args:
        problem: What is given.
        space: What is searched.
        seconds: After so long no further knob is compared.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> from automl_nn.search.spaces.default import default_space
        >>> from automl_nn.space.ranges import Integer
        >>> problem = pose(pd.DataFrame({"x": range(60), "y": [0, 1, 1] * 20}), ["y"], roles={"x": "numeric"})
        >>> config = defaults(default_space(problem.task, n_rows=48))
        >>> width = Integer(2, 32, default=8)
        >>> compare_knobs(problem, {**config, "model": {**config["model"], "d_category": width}}).dead
        ('model.d_category',)
    """
    encodings, whole = Encodings(_few(problem)), {group: space[group] for group in GROUPS if group in space}
    settings = _possible(whole, QUICK)
    cases = [case for case in knob_cases(whole, starts=settings) if case.path not in OUTSIDE]
    end, known, dead = time.monotonic() + seconds, dict[str, Curve | None](), list[str]()
    for n_compared, case in enumerate(cases, start=1):
        dead += _compared(encodings, whole, case, settings, known)
        if time.monotonic() > end:
            return Knobs(tuple(dict.fromkeys(dead)), n_compared, len(cases) - n_compared)
    return Knobs(tuple(dict.fromkeys(dead)), len(cases), 0)


def short_scores(
    problem: Problem, *, path: str, values: Sequence[Value], seconds: float = SECONDS
) -> dict[Value, float | None]:
    """The best score of a short training of a small network with each value of a knob; None where it broke down.

    Args:
        problem: What is given.
        path: The knob.
        values: Its values.
        seconds: About how long all trainings together may take.
    """
    encodings, space = Encodings(_few(problem)), space_for(problem)
    scores: dict[Value, float | None] = {}
    for value in values:
        settings = {**_possible(space, SMALL), path: value, "train.n_epochs": N_SHORT}
        attempt = Attempt(encodings, [defaults(edit_space(space, settings))], seeds=[0])
        found = [progress.row.score for (progress,) in attempt.epochs(seconds=seconds / len(values))]
        scores[value] = float(np.nanmax(found)) if np.isfinite(found).any() else None
    return scores


def _compared(
    encodings: Encodings, space: Space, case: KnobCase, settings: Mapping[str, Value], known: dict[str, Curve | None]
) -> list[str]:
    """The knob, or the entries of a table, that train like an earlier value."""
    curves: list[Curve] = []
    dead = []
    for value in case.values:
        config = _config(space, {**settings, **case.held, case.path: value})
        key = repr(config)
        if key not in known:
            known[key] = None if config is None else _curve(encodings, config)
        curve = known[key]
        if curve is None:
            continue
        if any(np.array_equal(curve, other, equal_nan=True) for other in curves):
            dead.append(case.path if len(case.values) == 2 else f"{case.path}={value}")
        curves.append(curve)
    return dead


def _config(space: Space, settings: Mapping[str, Value]) -> Config | None:
    try:
        return defaults(edit_space(space, settings))
    except AutoMLError:
        return None


def _curve(encodings: Encodings, config: Config) -> Curve | None:
    """The curve; None if the values cannot be trained, which is another story."""
    try:
        return training_curve(encodings, config)
    except AutoMLError:
        return None


def _possible(space: Space, settings: Mapping[str, Value]) -> dict[str, Value]:
    """The settings that are searched in this space."""
    known = {case.path for case in knob_cases(space)}
    return {path: value for path, value in settings.items() if path in known and _config(space, {path: value})}


def _few(problem: Problem) -> Problem:
    """The problem with few rows: the first ones, of steps, so that series stay whole; of others a fixed sample."""
    train, val = problem.split.train, problem.split.val
    if problem.steps is not None:
        return problem
    rng = np.random.default_rng(0)
    few_train, few_val = (np.sort(rng.permutation(rows)[:n]) for rows, n in ((train, N_TRAIN), (val, N_VAL)))
    return replace(problem, split=Split(few_train, few_val))
