"""A study for TensorBoard: one run for each trial, its curves as scalars, its knobs in the table of hyperparameters."""

import warnings
from pathlib import Path
from typing import Any

from automl_nn.errors import InputError
from automl_nn.review.exports.runs import TrackedRun, tracked_runs
from automl_nn.store.store import Store


def to_tensorboard(store: Store, study_id: int, folder: Path) -> int:
    """Write the event files of a study; `tensorboard --logdir FOLDER` shows them.

    Args:
        store: Where the study is kept.
        study_id: The study.
        folder: Where to write, a folder for each trial; new or empty, since TensorBoard adds up what it finds.

    Returns:
        The number of trials.

    Raises:
        InputError: TensorBoard is not installed.
    """
    writer = _writer()
    n_trials = 0
    for run in tracked_runs(store, study_id):
        with writer(log_dir=str(folder / f"trial_{run.number:05d}")) as made:
            _write(run, made)
        n_trials += 1
    return n_trials


def _writer() -> Any:
    with warnings.catch_warnings(action="ignore"):  # what it imports is older than Python
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise InputError(
                "TensorBoard is not installed, so nothing can be written for it: pip install 'automl_nn[tensorboard]'."
            ) from error
    return SummaryWriter


def _write(run: TrackedRun, writer: Any) -> None:
    from torch.utils.tensorboard.summary import hparams

    for name, epoch, at, value in run.points():
        writer.add_scalar(name.replace(".", "/"), value, global_step=epoch, walltime=at)
    last = {f"result/{name}": value for name, value in run.facts.items()}
    for name, value in last.items():
        writer.add_scalar(name, value)
    for name, words in {"state": run.state, **run.words}.items():
        writer.add_text(name, words)
    knobs = {
        name: value if isinstance(value, bool | int | float | str) else str(value) for name, value in run.knobs.items()
    }
    for summary in hparams(knobs, last):  # type: ignore[no-untyped-call]
        writer.file_writer.add_summary(summary)
