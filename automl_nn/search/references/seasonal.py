"""What a value to come was a season before: the reference of forecasts."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl_nn.data.series.steps import SeriesColumns
from automl_nn.errors import BudgetError
from automl_nn.model.encoders import Encoder, fit_encoder
from automl_nn.model.scalers import Standard
from automl_nn.model.views import View
from automl_nn.search.problems.problem import Problem
from automl_nn.search.references.linear import Linear
from automl_nn.search.references.reference import Reference
from automl_nn.store.companions import ReferenceRow
from automl_nn.task.tasks import Regression

SEASONAL = "seasonal"
"""Name of the reference."""

MOST_STRETCHES, MOST_STEPS = 32, 1 << 14
"""Training series that tell the season, and the steps of each of them that do."""

LEAST_PEAK, LEAST_RISE = 0.2, 0.1
"""Correlation of a series with itself a season before, and its rise above shorter distances: less is no season."""

NEARLY = 0.9
"""The shortest distance counts whose correlation is at least this share of the best one: a year has twelve months."""


def season(stretches: list[NDArray[np.float64]]) -> int:
    """Steps after which series repeat themselves; 1 if they do not.

    Args:
        stretches: Neighbouring values, NaN where one is missing.

    Source:
        The first high peak of the autocorrelation: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 2.8.

    Example:
        >>> season([np.sin(2 * np.pi * np.arange(200) / 25)]), season([np.random.default_rng(0).normal(size=200)])
        (25, 1)
    """
    n = min(max(len(one) for one in stretches), MOST_STEPS)
    covariance = np.sum([_covariance(one[:MOST_STEPS], n) for one in stretches], axis=0)
    correlation = covariance[: max(n // 2, 1)] / max(float(covariance[0]), np.finfo(np.float64).tiny)
    middle = correlation[1:-1]
    is_peak = (middle >= correlation[:-2]) & (middle > correlation[2:]) & (middle >= LEAST_PEAK)
    is_peak &= middle - np.minimum.accumulate(correlation)[1:-1] >= LEAST_RISE
    peaks = 1 + np.flatnonzero(is_peak)
    return int(peaks[correlation[peaks] >= NEARLY * correlation[peaks].max()][0]) if len(peaks) else 1


def _covariance(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Products with the values some steps before, summed; for each distance below `n`."""
    known = np.isfinite(values)
    centred = np.where(known, values - values[known].mean() if known.any() else 0.0, 0.0)
    spectrum = np.fft.rfft(centred, 2 * n)
    return np.asarray(np.fft.irfft(np.abs(spectrum) ** 2)[:n])


def fit_seasonal(problem: Problem) -> ReferenceRow:
    """The value at the same place of the last season that is known, for each step that chooses and each horizon.

    Steps before which no season is known are told the present value.

    Args:
        problem: Later values of the channels themselves are asked for.

    Raises:
        BudgetError: A target is no number, so that it has no season.
    """
    start, task, steps = time.monotonic(), problem.task, problem.steps
    assert steps is not None
    assert isinstance(task, Regression)
    names = problem.table.take([0]).numbers().columns.tolist()
    targets, horizons = _asked(task, steps.columns)
    if not set(targets) <= set(names):
        raise BudgetError("The target is no number, so that it has no season.")
    columns = [names.index(name) for name in targets]
    encoder = _encoder(problem, task, columns)
    period = _season_of(problem, columns[0])
    before = [-(-horizon // period) * period - horizon for horizon in horizons]
    view = View(per_step=True, causal=True, lags=tuple(sorted(set(before))))
    model = _told(encoder, task, columns, [sorted(set(before)).index(lag) for lag in before])
    whole = view.output(model, problem.inputs(encoder, np.arange(problem.table.n_rows)))
    output = np.asarray(whole[problem.split.val], dtype=np.float32)
    metrics = task.scores(problem.compared.y, output)
    return ReferenceRow(
        SEASONAL,
        "complete",
        score=metrics[task.metric],
        metrics=metrics,
        seconds=time.monotonic() - start,
        n_rows=len(problem.folds[0].train),
        n_parameters=1,
        output=output,
        payload=Reference(SEASONAL, encoder, (model,), view).to_bytes(),
        message=f"the value of the last season of {period:,} steps" if period > 1 else "the present value: no season",
    )


def _season_of(problem: Problem, column: int) -> int:
    """The season that training series tell of a number."""
    assert problem.steps is not None
    train = problem.folds[0].train
    pieces = np.split(train, problem.steps.stretches(train)[1:])[:MOST_STRETCHES]
    return season([problem.table.take(piece).numbers().to_numpy(np.float64)[:, column] for piece in pieces])


def _asked(task: Regression, columns: SeriesColumns) -> tuple[list[str], list[int]]:
    """The channel of each quantity, and how many steps later its value is asked for."""
    horizons = columns.horizons
    if len(horizons) == 1:
        return list(task.targets), [*horizons] * task.d_out
    own = [horizons[place % len(horizons)] for place in range(task.d_out)]
    return [name.removesuffix(f"+{horizon}") for name, horizon in zip(task.targets, own, strict=True)], own


def _encoder(problem: Problem, task: Regression, columns: list[int]) -> Encoder:
    """An encoder that brings channels to the unit of outputs; of several that one channel has, to that of the first."""
    table = problem.table.take(problem.telling(problem.split.train))
    encoder = fit_encoder(table, scaler=Standard, max_one_hot=0, texts=problem.text_encoders)
    assert isinstance(encoder.scaler, Standard)
    center, scale = encoder.scaler.center.copy(), encoder.scaler.scale.copy()
    for column, mean, deviation in reversed(list(zip(columns, task.means, task.scales, strict=True))):
        center[column], scale[column] = mean, 1 / deviation
    return replace(encoder, scaler=Standard(center, scale))


def _told(encoder: Encoder, task: Regression, columns: list[int], places: list[int]) -> Linear:
    """A channel's value so many steps before as each output.

    Args:
        encoder: Brings channels to units.
        task: Has the unit of each output.
        columns: The channel of each output.
        places: Which of the lags of a view it is told at.
    """
    assert isinstance(encoder.scaler, Standard)
    center, deviation = encoder.scaler.center[columns], 1 / encoder.scaler.scale[columns]
    weight = np.zeros((encoder.d_dense * (max(places) + 1), task.d_out))
    weight[np.asarray(places) * encoder.d_dense + columns, range(task.d_out)] = deviation / task.scales
    bias = (center - task.means) / task.scales
    return Linear(weight, np.asarray(bias), np.zeros(0, dtype=np.int64))
