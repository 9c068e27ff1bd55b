"""What a model that knows no order is told of series: of a step its neighbours, of a whole series its course."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.errors import BudgetError
from automl_nn.model.backbones import TOLD
from automl_nn.model.encoders import Inputs

Reals = NDArray[np.float32]
Integers = NDArray[np.int64]

OFFSETS = (1, 2, 4)
"""Distances of the neighbours whose values a step is told."""

SPANS = (8, 32, 128)
"""Steps over which means and deviations are told; powers of two."""

EXTREMES_SPAN = 32
"""Steps over which the least and the largest value are told."""

LEAST_DEVIATION = 1e-6
"""Of scaled values; where they deviate less, a step lies where the others do."""

N_SEGMENTS = 16
"""Parts of a series whose means tell its course."""

STEPS_AT_ONCE = 1 << 17
"""Steps that are looked at together; stretches are not cut."""


@runtime_checkable
class Scores(Protocol):
    """A model that gives outputs for rows that stand alone."""

    def output(self, inputs: Inputs) -> NDArray[np.float64]:
        """Outputs `(n_rows, d_out)`."""


@final
@dataclass(frozen=True)
class View:
    """How steps become rows that stand alone.

    A step is told its neighbours' values, means, deviations and extremes around it, and how many deviations it lies
    from each mean, which is comparable between series of different scales; beyond the ends of a series the last value
    goes on. A whole series is told its statistics and the means of its parts.

    Args:
        per_step: Whether each step is a row; else each series is one.
        causal: Whether a step is told nothing of later ones.
        lags: A step is told nothing but its values so many steps before, for each of them, or its own where the series
            began later; None for what surrounds it.
        relative: Whether a step is told how many deviations it lies from each mean; models that were stored before
            there was a choice are not.

    Example:
        >>> x = torch.arange(12.0).unsqueeze(1)
        >>> inputs = Inputs(x, torch.zeros(12, 0, dtype=torch.int64), starts=torch.tensor([0, 5]))
        >>> View(per_step=True, causal=True).read(inputs).numbers[[0, 4, 5], :4].tolist()
        [[0.0, 0.0, 0.0, 0.0], [4.0, 3.0, 2.0, 0.0], [5.0, 5.0, 5.0, 5.0]]
        >>> View(per_step=False, causal=False).read(inputs).numbers[:, :3].tolist()
        [[2.0, 0.0, 4.0], [8.0, 5.0, 11.0]]
    """

    per_step: bool
    causal: bool
    lags: tuple[int, ...] | None = None
    relative: bool = True

    def to_json(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(known: dict[str, Any]) -> "View":
        """The view that `to_json` told."""
        lags = known["lags"]
        lags = None if lags is None else tuple(lags)
        return View(known["per_step"], known["causal"], lags, relative=known.get("relative", False))

    def width(self, d_dense: int) -> int:
        """Numbers of a row."""
        if self.lags is not None:
            return d_dense * len(self.lags)
        if not self.per_step:
            return d_dense * (7 + N_SEGMENTS)
        return d_dense * (1 + len(self._offsets) + (2 + self.relative) * len(SPANS) + 2)

    @property
    def reach(self) -> tuple[int, int]:
        """Steps that a step is told of, behind it and before it."""
        return 0 if self.causal else max(SPANS) // 2, max(SPANS) if self.lags is None else max(self.lags)

    @property
    def _offsets(self) -> tuple[int, ...]:
        back = tuple(-offset for offset in OFFSETS)
        return back if self.causal else (*back, *OFFSETS)

    def read(self, inputs: Inputs) -> Inputs:
        """The rows: one for each step, or one for each series."""
        x, starts = inputs.dense.numpy(), _starts(inputs)
        if self.per_step:
            return Inputs(torch.from_numpy(self._of_steps(x, starts)), inputs.codes)
        lasts = np.append(starts[1:], len(x)) - 1
        return Inputs(torch.from_numpy(_of_series(x, starts)), inputs.codes[torch.from_numpy(lasts)])

    def beside(self, inputs: Inputs) -> Inputs:
        """The rows of all steps, which still know where their series begin."""
        rows = [self.read(piece) for _, piece in self.pieces(inputs)]
        numbers = torch.cat([inputs.dense.new_zeros(0, self.width(inputs.d_dense)), *(part.numbers for part in rows)])
        return Inputs(numbers, inputs.codes, starts=inputs.starts)

    def pieces(self, inputs: Inputs) -> Iterator[tuple[slice, Inputs]]:
        """Whole stretches, about `STEPS_AT_ONCE` steps at a time: which they are, and the inputs."""
        starts = np.append(_starts(inputs), len(inputs))
        first = 0
        while first < len(starts) - 1:
            last = max(first + 1, int(np.searchsorted(starts, starts[first] + STEPS_AT_ONCE, side="right")) - 1)
            steps = slice(int(starts[first]), int(starts[last]))
            yield steps, replace(inputs.at(steps), starts=torch.from_numpy(starts[first:last] - starts[first]))
            first = last

    def output(self, model: Scores, inputs: Inputs, *, seconds: float = np.inf) -> NDArray[np.float64]:
        """A model's outputs for all steps `(n_steps, d_out)`; those of a series stand at each of its steps.

        Args:
            model: Fitted to rows of this view.
            inputs: The steps.
            seconds: How long it may take.

        Raises:
            BudgetError: It would take longer, as the first pieces tell.
        """
        found, begun = [], time.monotonic()
        for steps, piece in self.pieces(inputs):
            output = model.output(self.read(piece))
            found.append(output if self.per_step else np.repeat(output, _sizes(piece), axis=0))
            needed = (time.monotonic() - begun) * len(inputs) / steps.stop
            if needed > seconds:
                raise BudgetError(
                    f"Its scores for {len(inputs):,} steps would take {needed:.2g} s, more than its {seconds:.2g} s: "
                    "give the search more time."
                )
        return np.concatenate(found)

    def _of_steps(self, x: Reals, starts: Integers) -> Reals:
        sizes = np.diff(starts, append=len(x))
        first, last = np.repeat(starts, sizes), np.repeat(starts + sizes - 1, sizes)
        here = np.arange(len(x))
        if self.lags is not None:
            return np.hstack([x[np.where(here - lag >= first, here - lag, here)] for lag in self.lags])
        columns: list[NDArray[Any]] = [x, *(x[np.clip(here + offset, first, last)] for offset in self._offsets)]
        sums, squares = (_running_sums(values) for values in (x.astype(np.float64), x.astype(np.float64) ** 2))
        for span in SPANS:
            end = here if self.causal else np.minimum(here + span // 2, last)
            begin = np.maximum(end - span + 1, first)
            n = (end - begin + 1)[:, None]
            mean = (sums[end + 1] - sums[begin]) / n
            variance = (squares[end + 1] - squares[begin]) / n - mean**2
            deviation = np.sqrt(np.maximum(variance, 0))
            columns += [mean, deviation]
            if self.relative:
                columns.append((x - mean) / np.maximum(deviation, LEAST_DEVIATION))
        end = here if self.causal else np.minimum(here + EXTREMES_SPAN // 2, last)
        columns += [_trailing(np.minimum, x, first)[end], _trailing(np.maximum, x, first)[end]]
        return np.hstack(columns, dtype=np.float32, casting="same_kind")


def view_of(model: Mapping[str, Any]) -> View | None:
    """What a network is told of each step that it reads alone; None where it reads windows, or rows of a table.

    Args:
        model: A model config.

    Example:
        >>> view_of({"backbone": {"name": "step_mlp", "direction": "forward"}})
        View(per_step=True, causal=True, lags=None, relative=False)
    """
    backbone = model["backbone"]
    if backbone["name"] not in TOLD:
        return None
    causal, statistics = backbone["direction"] == "forward", backbone.get("statistics", "plain")
    return View(per_step=True, causal=causal, relative=statistics == "relative")


def _starts(inputs: Inputs) -> Integers:
    assert inputs.starts is not None
    return np.asarray(inputs.starts.numpy())


def _sizes(inputs: Inputs) -> Integers:
    return np.diff(_starts(inputs), append=len(inputs))


def _running_sums(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of all rows before each row, and of all of them."""
    sums = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=sums[1:])
    return sums


def _trailing(choose: Callable[[Reals, Reals], Reals], x: Reals, first: Integers) -> Reals:
    """The least or the largest of the last `EXTREMES_SPAN` values of a series, by doubling."""
    found, span, here = x, 1, np.arange(len(x))
    while span < EXTREMES_SPAN:
        found = choose(found, found[np.maximum(here - span, first)])
        span *= 2
    return found


def _of_series(x: Reals, starts: Integers) -> Reals:
    """Mean, extremes, ends, deviation and restlessness of each series, and the means of its parts."""
    sizes = np.diff(starts, append=len(x))
    sums, squares = (_running_sums(values) for values in (x.astype(np.float64), x.astype(np.float64) ** 2))
    ends = starts + sizes
    mean = (sums[ends] - sums[starts]) / sizes[:, None]
    variance = (squares[ends] - squares[starts]) / sizes[:, None] - mean**2
    moves = _running_sums(np.abs(np.diff(x.astype(np.float64), axis=0, append=x[-1:])))
    columns = [
        mean,
        np.minimum.reduceat(x, starts, axis=0),
        np.maximum.reduceat(x, starts, axis=0),
        x[starts],
        x[ends - 1],
        np.sqrt(np.maximum(variance, 0)),
        (moves[ends - 1] - moves[starts]) / np.maximum(sizes - 1, 1)[:, None],
    ]
    for part in range(N_SEGMENTS):
        begin = starts + np.minimum(sizes * part // N_SEGMENTS, sizes - 1)
        end = np.maximum(starts + sizes * (part + 1) // N_SEGMENTS, begin + 1)
        columns.append((sums[end] - sums[begin]) / (end - begin)[:, None])
    return np.hstack(columns, dtype=np.float32, casting="same_kind")
