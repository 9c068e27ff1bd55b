"""A deployable model: encoders, networks, calibration and decision."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from automl_nn.data.images.arrays import ImageForm, Images
from automl_nn.data.images.folder import PATH
from automl_nn.data.images.given import given_rows, table_of
from automl_nn.data.images.maps import MapForm, at_places
from automl_nn.data.read import as_frame, read_frame
from automl_nn.data.series.steps import SeriesColumns, Steps
from automl_nn.data.table import Table
from automl_nn.decide.decision import Decision
from automl_nn.decide.ensemble import blend
from automl_nn.decide.events.decision import EventCuts
from automl_nn.errors import DataError, ModelFileError
from automl_nn.predict.archive import MANIFEST, read_archive, write_archive
from automl_nn.predict.words import in_words
from automl_nn.search.problems.study_spec import N_PROBE
from automl_nn.search.references.reference import Reference
from automl_nn.task.base import Task
from automl_nn.task.tasks import task_from_json
from automl_nn.train.device import each_alone, threads
from automl_nn.train.trained import Trained

FORMAT = 1
"""Version of the file format; a file of a later one is refused."""

ROWS_AT_ONCE = 65_536
"""Rows that a thread predicts at a time."""

PARITY = 1e-3
"""Largest difference between an output and the same one in training, relative to the largest output."""


@final
@dataclass(frozen=True)
class Predictor:
    """Predicts rows of a table.

    Args:
        task: What is asked.
        schema: Columns and roles that the rows must have.
        decision: Calibration, and where the scores are cut.
        networks: Trained networks; a linear model or boosted trees may be among them.
        weights: Weight of each network in the mean of their outputs; they sum to 1.
        versions: Libraries that the model was made with.
        series: Where rows are steps: the columns that say of which series, and when.
        images: Where rows have images: their form. `data` is then the images, or a frame of what stands beside them,
            which are given as `images`.
        maps: Where each pixel has an output: the form of the maps.

    Example:
        >>> import tempfile
        >>> from sklearn.datasets import load_wine
        >>> from automl_nn import Study
        >>> folder, frame = tempfile.mkdtemp(), load_wine(as_frame=True).frame
        >>> study = Study(frame, "target", settings={"train.n_epochs": 3}, storage=f"sqlite:///{folder}/studies.db")
        >>> study.tune(n_trials=1).predictor().save(f"{folder}/wine.nn")
        >>> Predictor.load(f"{folder}/wine.nn").predict_proba(frame).shape
        (178, 3)
    """

    task: Task
    schema: tuple[Mapping[str, str], ...]
    decision: Decision
    networks: tuple[Trained | Reference, ...]
    weights: tuple[float, ...]
    versions: Mapping[str, str]
    series: SeriesColumns | None = None
    images: ImageForm | None = None
    maps: MapForm | None = None

    def __repr__(self) -> str:
        """One line, without the weights of the networks."""
        return f"{type(self).__name__}({self.task.kind}, metric={self.task.metric!r}, models={len(self.networks)})"

    def output(self, data: Any, *, images: Any = None) -> NDArray[np.float64]:
        """The networks' mean output for each row, free of the loss's own shift, `(n, d_out)`.

        Where a whole series has one label, there is one output for each series, in the order in which they first occur.
        Of maps, there is one for each pixel, image after image.

        Args:
            data: A frame, a path, or anything that `as_frame` takes. Other columns than the schema's are ignored. For
                a model of images, what `given_rows` takes.
            images: The image of each row of `data`.

        Raises:
            DataError: A column is missing or holds values of another type, or images are not those that were learned.
        """
        return self.output_of(*self.read(data, images))

    def read(
        self, data: Any, images: Any = None, *, folder: str | Path | None = None
    ) -> tuple[pd.DataFrame, Images | None]:
        """The rows, and their images if the model reads some; for those who need them more than once.

        Args:
            data: As for `output`.
            images: As for `output`.
            folder: Where paths of images begin that a table names; see `given_rows`.
        """
        if self.images is not None:
            return given_rows(data, self.images, images, folder=folder)
        if images is not None:
            raise DataError("This model reads no images: give it the rows alone.")
        return (read_frame(data) if isinstance(data, str | Path) else as_frame(data)), None

    def output_of(self, frame: pd.DataFrame, images: Images | None = None) -> NDArray[np.float64]:
        """What `output` returns for what `read` returned."""
        if self.series is not None:
            return self._output_of_steps(frame, Steps.of(frame, self.series))
        table = table_of(frame, self.schema, n_rows=len(frame))
        if images is not None or table.n_rows <= ROWS_AT_ONCE:
            return self._blended(table, images=images)
        starts = range(0, table.n_rows, ROWS_AT_ONCE)
        pieces = [np.arange(start, min(start + ROWS_AT_ONCE, table.n_rows)) for start in starts]
        return np.concatenate(each_alone(lambda rows: self._blended(table.take(rows)), pieces))

    def _output_of_steps(self, frame: pd.DataFrame, steps: Steps) -> NDArray[np.float64]:
        """Outputs for steps in the order of the rows, or for each series."""
        output = np.empty((len(frame), self.task.d_out))

        def fill(piece: tuple[slice | NDArray[np.int64], NDArray[np.int64]]) -> None:
            rows, starts = piece
            output[rows] = self._blended(Table.from_schema(frame.iloc[rows], self.schema), starts=starts)

        pieces = list(steps.pieces())
        if len(pieces) == 1:  # then the networks of an ensemble are asked at once
            fill(pieces[0])
        else:
            each_alone(fill, pieces)
        return output if steps.columns.per_step else output[steps.order[steps.lasts]]

    def _blended(
        self, table: Table, *, starts: NDArray[np.int64] | None = None, images: Images | None = None
    ) -> NDArray[np.float64]:
        def output(network: Trained | Reference) -> NDArray[np.float32]:
            return network.output(table, starts=starts, images=images)

        are_few = images is None and table.n_rows <= ROWS_AT_ONCE
        with threads(1 if are_few else torch.get_num_threads()):
            outputs = each_alone(output, self.networks) if images is None else [*map(output, self.networks)]
        return blend(outputs, self.weights, family=self.task.family)

    def predict(self, data: Any, *, images: Any = None) -> NDArray[Any]:
        """What the decision makes of each row.

        Args:
            data: As for `output`.
            images: As for `output`.

        Returns:
            Class names `(n,)`, None where the decision gives no answer; 0 or 1 for each label `(n, n_labels)`; or
            values in the target's unit, `(n,)` or `(n, n_targets)`. A decision on events names the steps of alarms
            by the positive class. Of maps, the same for each pixel, `(n, height, width)` or `(n, height, width, d)`.
        """
        frame, found = self.read(data, images)
        actions = self._actions(self.output_of(frame, found), frame)
        named = in_words(actions, task=self.task, decision=self.decision)
        return named if self.maps is None else self.maps.shaped(named)

    def predict_proba(self, data: Any, *, images: Any = None) -> NDArray[np.float64]:
        """Calibrated probabilities, `(n, n_classes)` or `(n, n_labels)`; of maps, the same for each pixel.

        Args:
            data: As for `output`.
            images: As for `output`.

        Raises:
            DecisionError: The task is a regression.
        """
        probability = self.decision.probability(self.output(data, images=images))
        return probability if self.maps is None else self.maps.shaped(probability)

    def predict_frame(self, data: Any, *, images: Any = None) -> pd.DataFrame:
        """Predictions and probabilities as a frame, one row for each row given, in their order.

        Args:
            data: As for `output`.
            images: As for `output`.

        Returns:
            `prediction`, or `prediction_<target>` where there are several; `proba_<class>` for classes and labels.
            Where rows are steps, the columns of series and time stand before them. A decision on events adds `event`:
            the number of the alarm in its series, from 1, and 0 where there is none. Where images are files, the column
            of their paths stands first.

        Raises:
            DataError: The model predicts maps, or `output` refuses the rows.
        """
        if self.maps is not None:
            raise DataError("A map is no column of a table: call `predict`, which returns arrays.")
        frame, found = self.read(data, images)
        return self.frame_of(frame, self.output_of(frame, found))

    def frame_of(
        self, data: pd.DataFrame, output: NDArray[np.float64], *, alarms: NDArray[np.int64] | None = None
    ) -> pd.DataFrame:
        """What `predict_frame` gives for rows whose output is known.

        Args:
            data: The rows.
            output: What `output` returned for them.
            alarms: Number of the alarm of each step, where they were found as the steps came.
        """
        predictions = self._predictions(output, self._actions(output, data) if alarms is None else alarms)
        if self.images is not None:
            names = [name for name in (self.images.column or PATH,) if name in data.columns]
            return data[names].join(predictions)
        if self.series is None:
            return predictions
        if self.series.per_step:
            return data[self.series.names].join(predictions)
        return pd.DataFrame({self.series.series: data[self.series.series].unique()}).join(predictions)

    def _predictions(self, output: NDArray[np.float64], actions: NDArray[Any]) -> pd.DataFrame:
        values = in_words(actions, task=self.task, decision=self.decision)
        several = values.ndim == 2
        targets = self.task.targets if values.shape[1:] in ((), (len(self.task.targets),)) else range(values.shape[1])
        names = [f"prediction_{name}" for name in targets] if several else ["prediction"]
        frame = pd.DataFrame(values if several else values[:, None], columns=names)
        if isinstance(self.decision, EventCuts):
            frame["event"] = actions
        if not self.task.classes:
            return frame
        probability = self.decision.probability(output)
        return frame.assign(**{f"proba_{name}": probability[:, i] for i, name in enumerate(self.task.classes)})

    def check_parity(
        self,
        rows: Table,
        images: Images | None,
        stored: NDArray[Any],
        *,
        places: NDArray[np.int64] | None = None,
    ) -> None:
        """Compare with what the networks gave in training.

        Args:
            rows: The first of the rows that choose; of steps, their first stretch.
            images: Their images.
            stored: Stored outputs of these rows or of more of them, `(n_val, d_out)`.
            places: Of maps, the pixels of each image whose outputs are stored.

        Raises:
            ModelFileError: The outputs differ by more than rounding.
        """
        starts = None if self.series is None else np.zeros(1, dtype=np.int64)
        output = at_places(self._blended(rows, starts=starts, images=images), places, n_images=rows.n_rows)[:N_PROBE]
        difference = float(np.abs(output - stored[: len(output)]).max(initial=0.0))
        if not difference <= PARITY * max(1.0, float(np.abs(stored).max(initial=0.0))):
            raise ModelFileError(
                f"The model gives other outputs than in training (difference {difference:.2g}): it was not written; "
                "train again with the libraries that are installed now."
            )

    def _actions(self, output: NDArray[np.float64], data: pd.DataFrame) -> NDArray[Any]:
        """What the decision does with each row; one on events tells the number of the step's alarm in its series."""
        if not isinstance(self.decision, EventCuts) or self.series is None:
            return self.decision.apply(output)
        steps = Steps.of(data, self.series)
        numbers = np.empty(len(output), dtype=np.int64)
        numbers[steps.order] = self.decision.find(output[steps.order], offsets=steps.offsets).numbers()
        return numbers

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model to a file.

        Args:
            path: Where to; a model that is there is replaced once the new one is complete.

        Raises:
            ModelFileError: The file cannot be written, or it is there and no model.
        """
        parts = {_name_of(network, i): network.to_bytes() for i, network in enumerate(self.networks)}
        write_archive(path, {**parts, MANIFEST: json.dumps(self._manifest(), indent=1).encode()})

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "versions": dict(self.versions),
            "task": self.task.to_json(),
            "schema": [dict(column) for column in self.schema],
            "decision": self.decision.to_json(),
            "weights": list(self.weights),
            **({} if self.series is None else {"series": self.series.to_json()}),
            **({} if self.images is None else {"images": self.images.to_json()}),
            **({} if self.maps is None else {"maps": self.maps.to_json()}),
        }

    @staticmethod
    def load(path: str | PathLike[str]) -> "Predictor":
        """Read a model from a file.

        Raises:
            ModelFileError: The file is missing, truncated, changed, from a newer version, or no model at all.
        """
        parts = read_archive(path)
        try:
            manifest = json.loads(parts[MANIFEST])
            _check_format(manifest, path)
            return Predictor(
                task=task_from_json(manifest["task"]),
                schema=tuple(manifest["schema"]),
                decision=Decision.from_json(manifest["decision"]),
                networks=tuple(_network(parts, i) for i in range(len(manifest["weights"]))),
                weights=tuple(manifest["weights"]),
                versions=manifest["versions"],
                series=SeriesColumns(**manifest["series"]) if "series" in manifest else None,
                images=ImageForm.from_json(manifest["images"]) if "images" in manifest else None,
                maps=MapForm.from_json(manifest["maps"]) if "maps" in manifest else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, ModelFileError):
                raise
            raise ModelFileError(
                f"{str(path)!r} says something that automl_nn {version('automl_nn')} does not know ({error!r}): "
                "upgrade automl_nn, or write the model anew."
            ) from error


def _name_of(network: Trained | Reference, i: int) -> str:
    return f"{'network' if isinstance(network, Trained) else 'reference'}-{i}.safetensors"


def _network(parts: Mapping[str, bytes], i: int) -> Trained | Reference:
    reference = parts.get(f"reference-{i}.safetensors")
    return (
        Trained.from_bytes(parts[f"network-{i}.safetensors"]) if reference is None else Reference.from_bytes(reference)
    )


def _check_format(manifest: Mapping[str, Any], path: str | PathLike[str]) -> None:
    if manifest["format"] > FORMAT:
        raise ModelFileError(
            f"{str(path)!r} has format {manifest['format']}, but this version of automl_nn reads up to {FORMAT}: "
            f"upgrade automl_nn (the model was written by {manifest['versions'].get('automl_nn', 'a newer one')})."
        )
