"""Fit the references within a share of the time, on as many rows as that allows."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from automl_nn.data.images.maps import at_places, kept_places
from automl_nn.errors import BudgetError
from automl_nn.model.encoders import fit_encoder
from automl_nn.model.images import ImageRows
from automl_nn.model.scalers import Robust
from automl_nn.model.views import View
from automl_nn.search.events import ReferenceEnded
from automl_nn.search.problems.problem import Problem
from automl_nn.search.references.boosting import N_ROUNDS
from automl_nn.search.references.parts import Sample
from automl_nn.search.references.reference import FITS, Model, Reference
from automl_nn.search.references.seasonal import SEASONAL, fit_seasonal
from automl_nn.search.references.series_sample import sample_of_series
from automl_nn.search.references.shrunk import MOST_NUMBERS, Shrunk
from automl_nn.store.companions import REFERENCES, ReferenceRow
from automl_nn.store.store import Store

SHARE = 0.1
"""Largest share of a time-out that all references together may take."""

SECONDS = 30.0
"""What they may take where no time-out was given."""

N_FIRST, N_FIRST_IMAGES = 2000, 500
"""Rows of the first fit, which tells how many the time allows; of images, each of which has many columns."""

MOST_IMAGES = 20_000
"""Training images that are looked at."""

SAFETY = 0.7
"""Of the time that is left, what the fit to more rows may be expected to take."""

TREE_SECONDS, TREE_SECONDS_OF_IMAGES = 5e-4, 2e-3
"""Least time of a tree, and of one over images: boosting of very many classes or labels is not begun."""


def fit_references(problem: Problem, *, timeout: float | None, seed: int) -> Iterator[ReferenceRow]:
    """Fit every reference to the rows that train and score it on the rows that choose.

    Args:
        problem: What is given.
        timeout: Seconds of the whole search; a tenth of it is theirs.
        seed: Seed of the rows that are left out for lack of time.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> problem = pose(pd.DataFrame({"x": range(60), "y": [0] * 30 + [1] * 30}), ["y"], roles={"x": "numeric"})
        >>> [(fitted.name, fitted.state) for fitted in fit_references(problem, timeout=None, seed=0)]
        [('linear', 'complete'), ('boosting', 'complete')]
    """
    seconds = SECONDS if timeout is None else SHARE * timeout
    rows = _Rows(problem, np.random.default_rng(seed))  # texts are read for the networks, too: not on their time
    end, names = time.monotonic() + seconds, references_of(problem)
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        share = max(end - time.monotonic(), 0.0) / left
        try:
            yield fit_seasonal(problem) if name == SEASONAL else _fitted(name, rows, seconds=share)
        except BudgetError as error:
            yield ReferenceRow(name, "skipped", message=str(error))
        except (ValueError, ArithmeticError, MemoryError) as error:
            yield ReferenceRow(name, "failed", message=f"{type(error).__name__}: {error}")


def references_of(problem: Problem) -> tuple[str, ...]:
    """The models that networks are compared with.

    Args:
        problem: What is given.
    """
    if problem.maps is not None:
        return ("mean map", "zero") if problem.task.family == "values" else ("mean map",)
    if problem.steps is not None and problem.steps.columns.horizon and problem.task.family == "values":
        return (SEASONAL, "linear", "boosting")
    return ("pixels",) if problem.task.family == "embedding" else ("linear", "boosting")


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
    if set(known.loc[known["state"] == "complete", "name"]) >= set(references_of(problem)):
        return
    for row in fit_references(problem, timeout=timeout, seed=seed):
        store.put_reference(study_id, row)
        yield ReferenceEnded(REFERENCES[row.name], row.state, row.score, row.message)


@final
class _Rows:
    """The rows of a problem, every category as codes; encoded once for all references and folds."""

    def __init__(self, problem: Problem, rng: np.random.Generator) -> None:
        self.problem, self.rng = problem, rng
        steps = problem.steps
        self.view = None if steps is None else View(per_step=steps.columns.per_step, causal=problem.looks_back)
        trained = np.unique(np.concatenate([fold.train for fold in problem.folds]))
        table, known = problem.table.take(problem.telling(trained)), problem.text_encoders
        self.encoder = fit_encoder(table, scaler=Robust, max_one_hot=0, texts=known)

    def sample(self, rows: NDArray[Any], shrunk: Shrunk | None = None) -> Sample:
        if self.view is not None:
            return sample_of_series(self.problem, self.encoder, self.view, rows, rng=self.rng)
        weight = None if self.problem.weight is None else self.problem.weight[rows]
        inputs = replace(self.problem.inputs(self.encoder, rows), starts=None)  # here every row stands alone
        if shrunk is not None:
            inputs = shrunk.beside(inputs, self._images(rows))
        return Sample(inputs, self.problem.y[rows], weight)

    def train(self, rows: NDArray[Any], shrunk: Shrunk | None) -> Sample:
        """Rows to fit to: of very many images some, with the first one of each class among them."""
        if self.problem.images is not None and len(rows) > MOST_IMAGES:
            rows = np.sort(rows[self.order(self.problem.y[rows])[:MOST_IMAGES]])
        return self.sample(rows, shrunk)

    def shrunk(self, name: str, rows: NDArray[Any]) -> Shrunk | None:
        """How a reference sees images; None where it sees none."""
        if self.problem.images is None or self.problem.maps is not None:
            return None
        return Shrunk.of(self._images(rows[:: -(-len(rows) // N_FIRST)]), most=MOST_NUMBERS.get(name, 256))

    def _images(self, rows: NDArray[Any]) -> ImageRows:
        assert self.problem.images is not None
        return ImageRows.of(self.problem.images, torch.from_numpy(np.asarray(rows, dtype=np.int64)))

    def order(self, y: NDArray[np.float32]) -> NDArray[np.int64]:
        """Rows in random order, behind the first one of each class or label."""
        return _order(y if self.problem.maps is None else y[:, :0], self.rng)

    def output(self, model: Model, rows: NDArray[Any], *, shrunk: Shrunk | None, seconds: float) -> NDArray[Any]:
        """A model's outputs, one row each; of maps, those of the pixels that are compared side by side."""
        if self.view is not None:
            return self.view.output(model, self.problem.inputs(self.encoder, rows), seconds=seconds)
        if self.problem.maps is None:
            return model.output(self.sample(rows, shrunk).inputs)
        kept = kept_places(len(self.problem.split.val), self.problem.maps.n_places)
        of_one = model.output(self.problem.inputs(self.encoder, rows[:1]))  # all images have the same map
        return np.tile(at_places(of_one, kept, n_images=1).reshape(1, -1), (len(rows), 1))


def _fitted(name: str, rows: _Rows, *, seconds: float) -> ReferenceRow:
    start, problem = time.monotonic(), rows.problem
    task, val, folds = problem.task, problem.split.val, problem.folds
    shrunk = rows.shrunk(name, folds[0].train)
    outputs: list[NDArray[Any]] = []
    models: list[Model] = []
    n_fitted = n_rows = 0
    for left, fold in zip(range(len(folds), 0, -1), folds, strict=True):
        share = (seconds - time.monotonic() + start) / left
        sample = rows.train(fold.train, shrunk)
        n_given = len(sample) if rows.view is not None and not rows.view.per_step else len(fold.train)
        model, n = _fit(name, rows, sample, seconds=share)
        outputs.append(rows.output(model, fold.val, shrunk=shrunk, seconds=seconds / len(folds)))
        models.append(model)
        n_fitted, n_rows = n_fitted + n, n_rows + n_given
    output = _at(val, outputs, [fold.val for fold in folds])
    output = output if problem.maps is None else output.reshape(-1, task.d_out)
    metrics = task.scores(problem.compared.y, output)
    return ReferenceRow(
        name,
        "complete",
        score=metrics[task.metric],
        metrics=metrics,
        seconds=time.monotonic() - start,
        n_rows=n_fitted,
        n_parameters=sum(model.n_parameters for model in models),
        output=output,
        payload=Reference(name, rows.encoder, tuple(models), rows.view, shrunk).to_bytes(),
        message=None if n_fitted == n_rows else f"fitted to {n_fitted} of {n_rows} rows, to save time",
    )


def _at(rows: NDArray[Any], outputs: Sequence[NDArray[Any]], places: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """The outputs of some rows, each of which has them at its place in one of several lists; NaN if it has none."""
    n_rows = 1 + max(int(rows.max()), *(int(place.max()) for place in places))
    whole = np.full((n_rows, outputs[0].shape[1]), np.nan, dtype=np.float32)
    for output, place in zip(outputs, places, strict=True):
        whole[place] = output
    return np.asarray(whole[rows])


def _fit(name: str, rows: _Rows, sample: Sample, *, seconds: float) -> tuple[Model, int]:
    """A model and the number of rows that it was fitted to: few at first, then as many as the time allows."""
    task, has_images = rows.problem.task, rows.problem.images is not None
    if name == "boosting":
        _refuse_many_trees(task.d_out * N_ROUNDS, seconds, each=TREE_SECONDS_OF_IMAGES if has_images else TREE_SECONDS)
    start, n_rows = time.monotonic(), min(N_FIRST_IMAGES if has_images else N_FIRST, len(sample))
    order = rows.order(sample.y)

    def fit(n: int) -> Model:
        few = sample if n == len(sample) else sample.take(np.sort(order[:n]))
        return FITS[name](few, task, vocabularies=rows.encoder.vocabularies)

    first = fit(n_rows)
    took = max(time.monotonic() - start, 1e-6)
    n_more = min(len(sample), int(n_rows * SAFETY * (seconds - took) / took))
    return (fit(n_more), n_more) if n_more > n_rows else (first, n_rows)


def _order(y: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
    order = rng.permutation(len(y))
    firsts = [np.unique(column[order], return_index=True)[1] for column in y.T if len(np.unique(column)) < 1000]
    early = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *firsts]))
    return np.concatenate([order[early], np.delete(order, early)])


def _refuse_many_trees(n_trees: int, seconds: float, *, each: float) -> None:
    least = n_trees * each
    if least > seconds:
        raise BudgetError(
            f"Boosting takes at least {least:.2g} s for {n_trees} trees, more than its {max(seconds, 0):.2g} s: "
            "give the search more time."
        )
