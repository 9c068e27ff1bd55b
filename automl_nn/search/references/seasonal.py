"""What a value to come was a season before: the reference of forecasts."""

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from automl_nn.errors import BudgetError
from automl_nn.model.encoders import Encoder, fit_encoder
from automl_nn.model.scalers import Standard
from automl_nn.search.companions import ReferenceRow
from automl_nn.search.problem import Problem
from automl_nn.search.references.linear import Linear
from automl_nn.search.references.reference import Reference
from automl_nn.search.references.views import View
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
    """The value at the same place of the last season that is known, for each step that chooses.

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
    if not set(task.targets) <= set(names):
        raise BudgetError("The target is no number, so that it has no season.")
    columns = [names.index(name) for name in task.targets]
    encoder = _encoder(problem, task, columns)
    train = problem.folds[0].train
    firsts = steps.stretches(train)
    pieces = np.split(train, firsts[1:])[:MOST_STRETCHES]
    period = season([problem.table.take(piece).numbers().to_numpy(np.float64)[:, columns[0]] for piece in pieces])
    horizon = steps.columns.horizon
    view = View(per_step=True, causal=True, lag=-(-horizon // period) * period - horizon)
    weight = np.zeros((encoder.d_dense, task.d_out))
    weight[columns, range(task.d_out)] = 1.0
    model = Linear(weight, np.zeros(task.d_out), np.zeros(0, dtype=np.int64))
    whole = view.output(model, problem.inputs(encoder, np.arange(problem.table.n_rows)))
    output = np.asarray(whole[problem.split.val], dtype=np.float32)
    metrics = task.scores(problem.compared.y, output)
    return ReferenceRow(
        SEASONAL,
        "complete",
        score=metrics[task.metric],
        metrics=metrics,
        seconds=time.monotonic() - start,
        n_rows=len(train),
        n_parameters=1,
        output=output,
        payload=Reference(SEASONAL, encoder, (model,), view).to_bytes(),
        message=f"the value of the last season of {period:,} steps" if period > 1 else "the present value: no season",
    )


def _encoder(problem: Problem, task: Regression, columns: list[int]) -> Encoder:
    """An encoder that brings the targets to the unit of outputs."""
    table = problem.table.take(problem.telling(problem.split.train))
    encoder = fit_encoder(table, scaler=Standard, max_one_hot=0, texts=problem.text_encoders)
    assert isinstance(encoder.scaler, Standard)
    center, scale = encoder.scaler.center.copy(), encoder.scaler.scale.copy()
    center[columns], scale[columns] = task.means, 1 / np.asarray(task.scales)
    return replace(encoder, scaler=Standard(center, scale))
