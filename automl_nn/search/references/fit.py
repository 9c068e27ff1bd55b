"""Fit the references within a share of the time, on as many rows as that allows."""

import time
from collections.abc import Iterator
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from automl_nn.errors import BudgetError
from automl_nn.model.encoders import fit_encoder
from automl_nn.model.scalers import Robust
from automl_nn.search.companions import REFERENCES, ReferenceRow
from automl_nn.search.events import ReferenceEnded
from automl_nn.search.problem import Problem
from automl_nn.search.references.boosting import N_ROUNDS
from automl_nn.search.references.parts import Sample
from automl_nn.search.references.reference import FITS, Model, Reference
from automl_nn.search.store import Store

SHARE = 0.1
"""Largest share of a time-out that all references together may take."""

SECONDS = 30.0
"""What they may take where no time-out was given."""

N_FIRST = 2000
"""Rows of the first fit, which tells how many the time allows."""

SAFETY = 0.7
"""Of the time that is left, what the fit to more rows may be expected to take."""

TREE_SECONDS = 5e-4
"""Least time of a tree: boosting of very many classes or labels is not begun."""


def fit_references(problem: Problem, *, timeout: float | None, seed: int) -> Iterator[ReferenceRow]:
    """Fit every reference to the rows that train and score it on the rows that choose.

    Args:
        problem: What is given.
        timeout: Seconds of the whole search; a tenth of it is theirs.
        seed: Seed of the rows that are left out for lack of time.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problem import pose
        >>> problem = pose(pd.DataFrame({"x": range(60), "y": [0] * 30 + [1] * 30}), ["y"], roles={"x": "numeric"})
        >>> [(fitted.name, fitted.state) for fitted in fit_references(problem, timeout=None, seed=0)]
        [('linear', 'complete'), ('boosting', 'complete')]
    """
    seconds = SECONDS if timeout is None else SHARE * timeout
    end, rows = time.monotonic() + seconds, _Rows(problem, np.random.default_rng(seed))
    for left, name in zip(range(len(FITS), 0, -1), FITS, strict=True):
        share = (end - time.monotonic()) / left
        try:
            yield _fitted(name, rows, seconds=share)
        except BudgetError as error:
            yield ReferenceRow(name, "skipped", message=str(error))
        except (ValueError, ArithmeticError, MemoryError) as error:
            yield ReferenceRow(name, "failed", message=f"{type(error).__name__}: {error}")


def add_references(
    store: Store, study_id: int, problem: Problem, *, timeout: float | None, seed: int
) -> Iterator[ReferenceEnded]:
    """Fit the references of a study that has none yet, and store them.

    Args:
        store: Where the study is kept.
        study_id: The study.
        problem: What is given.
        timeout: Seconds of the whole search.
        seed: The study's seed.
    """
    known = store.references(study_id)
    if set(known.loc[known["state"] == "complete", "name"]) >= set(FITS):
        return
    for row in fit_references(problem, timeout=timeout, seed=seed):
        store.put_reference(study_id, row)
        yield ReferenceEnded(REFERENCES[row.name], row.state, row.score, row.message)


@final
class _Rows:
    """The rows of a problem, every category as codes; encoded once for all references and folds."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem, self.rng = problem, rng
        trained = np.unique(np.concatenate([fold.train for fold in problem.folds]))
        self.encoder = fit_encoder(problem.table.take(trained), scaler=Robust, max_one_hot=0)

    def sample(self, rows: NDArray[Any]) -> Sample:
        weight = None if self.problem.weight is None else self.problem.weight[rows]
        return Sample(self.encoder.transform(self.problem.table.take(rows)), self.problem.y[rows], weight)


def _fitted(name: str, rows: _Rows, *, seconds: float) -> ReferenceRow:
    start, problem = time.monotonic(), rows.problem
    task, val, folds = problem.task, problem.split.val, problem.folds
    output = np.full((len(problem.y), task.d_out), np.nan, dtype=np.float32)
    models: list[Model] = []
    n_fitted = n_rows = 0
    for left, fold in zip(range(len(folds), 0, -1), folds, strict=True):
        share = (seconds - time.monotonic() + start) / left
        model, n = _fit(name, rows, rows.sample(fold.train), seconds=share)
        output[fold.val] = model.output(rows.sample(fold.val).inputs)
        models.append(model)
        n_fitted, n_rows = n_fitted + n, n_rows + len(fold.train)
    metrics = task.scores(problem.y[val], output[val])
    return ReferenceRow(
        name,
        "complete",
        score=metrics[task.metric],
        metrics=metrics,
        seconds=time.monotonic() - start,
        n_rows=n_fitted,
        n_parameters=sum(model.n_parameters for model in models),
        output=output[val],
        payload=Reference(name, rows.encoder, tuple(models)).to_bytes(),
        message=None if n_fitted == n_rows else f"fitted to {n_fitted} of {n_rows} rows, to save time",
    )


def _fit(name: str, rows: _Rows, sample: Sample, *, seconds: float) -> tuple[Model, int]:
    """A model and the number of rows that it was fitted to: few at first, then as many as the time allows."""
    task = rows.problem.task
    if name == "boosting":
        _refuse_many_trees(task.d_out * N_ROUNDS, seconds)
    start, n_rows = time.monotonic(), min(N_FIRST, len(sample))
    order = _order(sample, rows.rng)

    def fit(n: int) -> Model:
        few = sample if n == len(sample) else sample.take(np.sort(order[:n]))
        return FITS[name](few, task, vocabularies=rows.encoder.vocabularies)

    first = fit(n_rows)
    took = time.monotonic() - start
    n_more = min(len(sample), int(n_rows * SAFETY * (seconds - took) / took))
    return (fit(n_more), n_more) if n_more > n_rows else (first, n_rows)


def _order(sample: Sample, rng: np.random.Generator) -> NDArray[np.int64]:
    """The rows in random order, behind the first one of each class or label."""
    order = rng.permutation(len(sample))
    firsts = [np.unique(column[order], return_index=True)[1] for column in sample.y.T if len(np.unique(column)) < 1000]
    early = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *firsts]))
    return np.concatenate([order[early], np.delete(order, early)])


def _refuse_many_trees(n_trees: int, seconds: float) -> None:
    least = n_trees * TREE_SECONDS
    if least > seconds:
        raise BudgetError(
            f"Boosting takes at least {least:.2g} s for {n_trees} trees, more than its {seconds:.2g} s: "
            "give the search more time."
        )
