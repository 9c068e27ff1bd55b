"""A series that is scored while it goes on, with as much memory as a few windows take."""

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn.data.read import as_frame
from automl_nn.data.series.steps import Steps
from automl_nn.data.table import Table
from automl_nn.decide.events.decision import EventCuts
from automl_nn.errors import DataError
from automl_nn.model.views import view_of
from automl_nn.model.windows import stride_of
from automl_nn.predict.predictor import Predictor
from automl_nn.search.references.reference import Reference
from automl_nn.train.trained import Trained


@final
@dataclass(frozen=True)
class _Sight:
    """What a model reads of a series to say something about one step.

    Args:
        ahead: Steps that must follow before it is final.
        behind: Steps before it that are read, at most.
        stride: Steps from one window to the next one.
    """

    ahead: int
    behind: int
    stride: int

    @staticmethod
    def of(model: Trained | Reference) -> "_Sight":
        """Of one of the models that predict together."""
        if isinstance(model, Trained):
            backbone, view = model.network.backbone, view_of(model.model)
            if view is not None:
                return _Sight(*view.reach, 1)
            return _Sight(0 if backbone.looks_back else backbone.length, backbone.length, stride_of(backbone.length))
        return _Sight(0, 0, 1) if model.view is None else _Sight(*model.view.reach, 1)


@final
@dataclass(frozen=True)
class _Scored:
    """Steps and the outputs for them."""

    rows: pd.DataFrame
    output: NDArray[np.float64]

    def __getitem__(self, steps: slice) -> "_Scored":
        return _Scored(self.rows[steps].reset_index(drop=True), self.output[steps])

    def joined(self, later: "_Scored") -> "_Scored":
        """These steps and those that follow."""
        rows = pd.concat([self.rows, later.rows], ignore_index=True)
        return _Scored(rows, np.concatenate([self.output, later.output]))


@final
class Stream:
    """Scores one series step by step: the same numbers as `Predictor.predict_frame` gives for the whole series.

    A step is told as soon as no later step can change what is said of it. Networks that look back tell it at once;
    others need a window's length of further steps. A decision on events adds what it has to wait for: the least
    duration of an alarm, and the gap that is bridged. Only the last few windows are kept.

    Args:
        predictor: A model of labels or values of steps.

    Attributes:
        delay: Steps that must follow one before its score is final; 0 where networks look back.

    Raises:
        DataError: The model says nothing about single steps.

    Example:
        >>> import tempfile
        >>> from automl_nn import SeriesColumns, Study
        >>> x = np.tile([0.0, 0.1, 3.0, 0.2], 200)
        >>> frame = pd.DataFrame({"pump": np.repeat(range(8), 100), "x": x, "alarm": x > 1})
        >>> network = {"name": "lstm", "direction": "forward", "length": 32}
        >>> settings = {"train.n_epochs": 1, **{f"model.backbone.{knob}": value for knob, value in network.items()}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study = Study(
        ...         frame, "alarm", series=SeriesColumns("pump"), settings=settings, storage=f"sqlite:///{folder}/s.db"
        ...     )
        ...     stream = Stream(study.tune(n_trials=1).predictor())
        >>> told = [len(stream.feed({"pump": ["new"], "x": [value]})) for value in (0.0, 0.1, 3.0)]
        >>> stream.delay, told, len(stream.end())
        (0, [1, 1, 1], 0)
    """

    def __init__(self, predictor: Predictor) -> None:
        if predictor.series is None or not predictor.series.per_step:
            raise DataError("This model says nothing about single steps of series: only models that do read a stream.")
        sights = [_Sight.of(model) for model in predictor.networks]
        self.delay = max(sight.ahead for sight in sights)
        self._behind = max(sight.behind for sight in sights)
        self._stride = math.lcm(*(sight.stride for sight in sights))
        self._predictor, self._columns = predictor, predictor.series
        self._rows, self._first, self._n_scored = pd.DataFrame(), 0, 0
        self._waiting = _Scored(pd.DataFrame(), np.empty((0, predictor.task.d_out)))
        decision = predictor.decision
        self._events = decision if isinstance(decision, EventCuts) else None
        self._alarms = None if self._events is None else self._events.online()
        self._has_ended = False

    def feed(self, data: Any) -> pd.DataFrame:
        """Read further steps, one or many.

        Args:
            data: As for `Predictor.predict_frame`: rows of one series in the order of their times. The column of the
                series may be left out.

        Returns:
            What `predict_frame` says of the steps that are final by now; they begin with the step behind the last one
            that was told before. Perhaps none.

        Raises:
            DataError: Rows are of another series, do not ascend in time, or are not those that the model reads, or the
                series has ended; then the stream is as it was before.
        """
        if self._has_ended:
            raise DataError("This series has ended: take a new stream for another one.")
        new = self._named(as_frame(data))
        Table.from_schema(new, self._predictor.schema)  # which refuses what it cannot read
        rows = pd.concat([self._rows, new], ignore_index=True)
        self._check(rows)
        scored = self._scored(rows, max(len(rows) - self.delay, self._n_scored - self._first))
        self._n_scored += len(scored.rows)
        self._keep(rows)
        return self._told(scored)

    def end(self) -> pd.DataFrame:
        """What is said of the steps that were waiting, now that the series has ended."""
        self._has_ended = True
        return self._told(self._scored(self._rows, len(self._rows)))

    def _named(self, frame: pd.DataFrame) -> pd.DataFrame:
        name = self._columns.series
        return frame if name is None or name in frame else frame.assign(**{name: 0})

    def _check(self, rows: pd.DataFrame) -> None:
        steps = Steps.of(rows, self._columns)
        if len(steps.starts) > 1:
            one, other = steps.names[:2].tolist()
            raise DataError(f"A stream is one series, but steps of {one!r} and {other!r} came: take a stream for each.")

    def _scored(self, rows: pd.DataFrame, until: int) -> _Scored:
        """The steps that are new, before this one."""
        new = slice(self._n_scored - self._first, until)
        if new.start >= new.stop:
            return _Scored(rows[:0], np.empty((0, self._predictor.task.d_out)))
        return _Scored(rows, self._predictor.output_of(rows))[new]

    def _keep(self, rows: pd.DataFrame) -> None:
        """Keep the steps that later ones are read with, from the begin of a window on."""
        first = max(self._n_scored - self._behind, 0) // self._stride * self._stride
        self._rows, self._first = rows.iloc[first - self._first :].reset_index(drop=True), first

    def _told(self, scored: _Scored) -> pd.DataFrame:
        """What is said of steps that are final, once it is settled whether they belong to an alarm."""
        if self._events is None or self._alarms is None:
            return self._predictor.frame_of(self._places(scored), scored.output)
        numbers = self._alarms.feed(self._events.scores(scored.output))
        if self._has_ended:
            numbers = np.concatenate([numbers, self._alarms.end()])
        waiting = self._waiting.joined(scored)
        settled, self._waiting = waiting[: len(numbers)], waiting[len(numbers) :]
        return self._predictor.frame_of(self._places(settled), settled.output, alarms=numbers)

    def _places(self, scored: _Scored) -> pd.DataFrame:
        """Series and time of steps, perhaps of none."""
        return scored.rows.reindex(columns=self._columns.names)
