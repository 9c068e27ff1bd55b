"""A study for MLflow: one experiment, one run for each trial that has ended, its curves as metrics by epoch."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from automl_nn.errors import InputError
from automl_nn.review.exports.runs import TrackedRun, tracked_runs
from automl_nn.store.store import Store

TAG = "automl_nn.trial"
"""The tag that tells which trial a run is, so that no trial is written twice."""

N_METRICS, N_PARAMS, N_LETTERS = 1000, 100, 5000
"""Most that MLflow takes at once, and most letters of a value."""

STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def to_mlflow(store: Store, study_id: int, *, name: str, uri: str | None = None) -> int:
    """Write the trials that an MLflow server or database does not have yet.

    Args:
        store: Where the study is kept.
        study_id: The study.
        name: The study's name, which the experiment gets.
        uri: Where MLflow keeps its runs, such as `sqlite:///mlflow.db`; where MLflow itself would look unless given.

    Returns:
        The number of trials that were written.

    Raises:
        InputError: MLflow is not installed, or refuses.
    """
    with _quiet():
        client = _client(uri)
        experiment = _experiment(client, name)
        there = _there(client, experiment)
        new = [run for run in tracked_runs(store, study_id) if str(run.number) not in there]
        for run in new:
            _write(client, experiment, run)
    return len(new)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the notes on its own migrations that MLflow writes, and without warnings that concern its authors."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


def _client(uri: str | None) -> Any:
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise InputError(
            "MLflow is not installed, so nothing can be written for it: pip install 'automl_nn[mlflow]'."
        ) from error
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        said = str(error).partition(". ")[0].rstrip(".")
        raise InputError(f"MLflow cannot use {uri or 'its default storage'!r}: {said}.") from error
    return client


def _experiment(client: Any, name: str) -> str:
    """The id of the experiment of this name, made if there is none."""
    known = client.get_experiment_by_name(name)
    return str(known.experiment_id if known is not None else client.create_experiment(name))


def _there(client: Any, experiment: str) -> set[str]:
    """The trials that have a run."""
    found, token = set(), None
    while True:
        page = client.search_runs([experiment], page_token=token)
        found |= {run.data.tags.get(TAG) for run in page if run.info.status != "RUNNING"}
        token = page.token
        if not token:
            return found


def _write(client: Any, experiment: str, run: TrackedRun) -> None:
    from mlflow.entities import Metric, Param, RunTag

    words = {TAG: str(run.number), "automl_nn.state": run.state, **run.words}
    tags = [RunTag(key, value[:N_LETTERS]) for key, value in words.items()]
    params = [Param(key, str(value)[:N_LETTERS]) for key, value in run.knobs.items()]
    points = (Metric(name, value, int(at * 1000), epoch) for name, epoch, at, value in run.points())
    begin, end = (int(run.epochs["at"].iloc[i] * 1000) if len(run.epochs) else None for i in (0, -1))
    made = client.create_run(experiment, start_time=begin, run_name=f"trial {run.number}").info.run_id
    client.log_batch(made, tags=tags, metrics=[Metric(f"result.{k}", v, end or 0, 0) for k, v in run.facts.items()])
    for batch in _batches(iter(params), N_PARAMS):
        client.log_batch(made, params=batch)
    for batch in _batches(points, N_METRICS):
        client.log_batch(made, metrics=batch)
    client.set_terminated(made, status=STATUS[run.state], end_time=end)


def _batches(values: Iterator[Any], n: int) -> Iterator[list[Any]]:
    while batch := list(islice(values, n)):
        yield batch
