"""Contact sheets: the images that a model is most wrong about, with what it said and what is true."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

from automl_nn.data.images.maps import MapForm, kept_places
from automl_nn.review.images.thumbnails import Pixels, Thumbnails
from automl_nn.review.mistakes import worst_rows
from automl_nn.review.words import number
from automl_nn.task.base import Task

Array = npt.NDArray[np.float64]

N_SHOWN, N_BESIDE = 24, 6
"""Images of a sheet of mistakes, and how many stand side by side."""

N_QUERIES, N_NEAREST = 6, 5
"""Images whose nearest ones are shown, and how many of them."""

N_MAPS = 6
"""Images whose maps are shown."""

HALF = 0.5


@final
@dataclass(frozen=True, eq=False)
class Tile:
    """A picture with its words.

    Args:
        pixels: Values `(height, width, 3)`.
        words: What to read below it.
    """

    pixels: Pixels
    words: str


@final
@dataclass(frozen=True, eq=False)
class Sheet:
    """Pictures side by side.

    Args:
        title: What they have in common.
        note: How to read them.
        n_columns: How many stand side by side.
        tiles: The pictures, row after row.
    """

    title: str
    note: str
    n_columns: int
    tiles: tuple[Tile, ...]


@final
@dataclass(frozen=True, eq=False)
class Judged:
    """Images that choose, and what a model gave for them.

    Args:
        task: What is asked.
        output: Network outputs, (n_rows, d_out); of maps, one row for each pixel that is stored.
        y: Encoded labels, NaN where missing, (n_rows, d_y).
        row_ids: The row of each, (n_rows,).
        thumbnails: The small images that are kept.
        maps: Size of the maps, where pixels have labels.
        n_rows: Images that choose, kept or not.
    """

    task: Task
    output: Array
    y: Array
    row_ids: npt.NDArray[np.int64]
    thumbnails: Thumbnails
    maps: MapForm | None = None
    n_rows: int = 0

    def sheet(self) -> Sheet:
        """The images that the model is most wrong about."""
        if self.maps is not None:
            return self._of_maps(self.maps)
        return self._seen()._neighbours() if self.task.family == "embedding" else self._seen()._mistakes()

    def _seen(self) -> "Judged":
        """The rows whose images are kept."""
        kept = np.isin(self.row_ids, self.thumbnails.row_ids)
        n_rows = len(np.unique(self.row_ids))
        return replace(self, output=self.output[kept], y=self.y[kept], row_ids=self.row_ids[kept], n_rows=n_rows)

    def _mistakes(self) -> Sheet:
        lists = worst_rows(self.task, self.output, self.y, row_ids=self.row_ids, n=N_SHOWN)
        frame = pd.concat([rows.assign(kind=kind) for kind, rows in lists.items()], ignore_index=True)
        if "probability" in frame:
            frame = frame.sort_values("probability", kind="stable")
        words = [(int(row["row"]), self._words(row)) for row in frame.to_dict("records")]
        tiles = [Tile(self.thumbnails.of_row(row), told) for row, told in words if told][:N_SHOWN]
        first = "Those furthest from" if self.task.family == "values" else "Those with the least probability of"
        note = f"{first} the truth come first.{self._left_out()}"
        return Sheet("Worst mistakes as images", note, N_BESIDE, tuple(tiles))

    def _words(self, row: dict[Any, Any]) -> str:
        """What was said and what is true; nothing for a row that is right."""
        task, at = self.task, int(row["at"])
        if task.family == "values":
            several = f"{row['target']} " if "target" in row else ""
            return f"row {row['row']}: {several}said {number(row['predicted'])}, is {number(row['actual'])}"
        if task.family == "classes":
            said = float(task.prediction(self.output[at : at + 1]).max())
            is_wrong = row["predicted"] != row["actual"]
            return f"row {row['row']}: said {row['predicted']} ({said:.2f}), is {row['actual']}" if is_wrong else ""
        if row["probability"] >= HALF:
            return ""
        is_alarm, said = row["kind"] == "false alarms", 1 - row["probability"]
        if task.classes and task.kind == "binary":
            said_name, true_name = (task.classes[1], task.classes[0]) if is_alarm else task.classes[:2]
            return f"row {row['row']}: said {said_name} ({said:.2f}), is {true_name}"
        name = row.get("label", task.targets[0])
        words = f"said {name} ({said:.2f}), is not" if is_alarm else f"said no {name} ({said:.2f}), is"
        return f"row {row['row']}: {words}"

    def _left_out(self) -> str:
        n_left = self.n_rows - len(self.thumbnails)
        if n_left <= 0:
            return ""
        return f" Small copies are kept of {len(self.thumbnails):,} of the {self.n_rows:,} images that choose."

    def _neighbours(self) -> Sheet:
        """Queries with what lies nearest to them; those whose nearest is of another class first."""
        vectors = self.task.prediction(self.output)
        likeness = vectors @ vectors.T
        np.fill_diagonal(likeness, -np.inf)
        nearest = np.argsort(-likeness, axis=1, kind="stable")[:, : min(N_NEAREST, len(vectors) - 1)]
        codes = self.y[:, 0]
        wrong = (codes[nearest[:, :1]] != codes[:, None]).any(axis=1)
        tiles = [
            tile for i in np.argsort(~wrong, kind="stable")[:N_QUERIES] for tile in self._query(i, nearest, likeness)
        ]
        note = f"An image, and the {nearest.shape[1]} that lie nearest to it; those are first that lie wrong."
        return Sheet("Nearest neighbours", note, 1 + nearest.shape[1], tuple(tiles))

    def _query(self, i: int, nearest: npt.NDArray[np.int64], likeness: Array) -> Iterator[Tile]:
        names = [str(name) for name in getattr(self.task, "names", ())]
        yield Tile(self.thumbnails.of_row(self.row_ids[i]), f"row {self.row_ids[i]}: {names[int(self.y[i, 0])]}")
        for j in nearest[i]:
            words = f"{names[int(self.y[j, 0])]}, likeness {likeness[i, j]:.2f}"
            yield Tile(self.thumbnails.of_row(self.row_ids[j]), words)

    def _of_maps(self, form: MapForm) -> Sheet:
        """Image, truth and prediction of the worst images and of ones between, by the mean squared error."""
        ids = self.row_ids[np.sort(np.unique(self.row_ids, return_index=True)[1])]
        kept = kept_places(len(ids), form.n_places)
        truth, said = (values.reshape(len(ids), len(kept), -1)[..., 0] for values in self._on_one_scale())
        errors = np.nan_to_num(((said - truth) ** 2), nan=0.0).mean(axis=1)
        shown = [i for i in np.argsort(-errors, kind="stable") if ids[i] in self.thumbnails.row_ids]
        places = np.unique(np.linspace(0, len(shown) - 1, min(N_MAPS, len(shown))).astype(np.int64))
        grid = _nearest_kept(form, kept)
        tiles: list[Tile] = []
        for i in (shown[place] for place in places):
            tiles.append(Tile(self.thumbnails.of_row(ids[i]), f"row {ids[i]}"))
            tiles += [Tile(_grey(values[i][grid]), words) for values, words in ((truth, "truth"), (said, "predicted"))]
        some = (
            ""
            if len(kept) == form.n_places
            else f" Drawn from {len(kept)} of {form.n_places} pixels, which are stored."
        )
        note = f"The map {form.names[0]!r}, from the worst image to the best one, on one scale of grey.{some}"
        return Sheet("Predicted maps beside the truth", note, 3, tuple(tiles))

    def _on_one_scale(self) -> tuple[Array, Array]:
        """Truth and prediction between 0 and 1 of what the truth spans."""
        truth, said = (np.asarray(values, dtype=np.float64) for values in self.task.read(self.y, self.output))
        lowest, highest = float(np.nanmin(truth)), float(np.nanmax(truth))
        span = max(highest - lowest, 1e-30)
        return (truth - lowest) / span, ((said - lowest) / span).clip(0, 1)


def _nearest_kept(form: MapForm, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each pixel `(height, width)`, which of the kept ones is nearest to it."""
    everywhere = np.stack(np.divmod(np.arange(form.n_places), form.width), axis=1)
    nearest = cKDTree(everywhere[kept]).query(everywhere)[1]
    return np.asarray(nearest, dtype=np.int64).reshape(form.height, form.width)


def _grey(values: Array) -> Pixels:
    """Shares as grey, unknown ones as red."""
    grey = np.rint(255 * np.nan_to_num(values, nan=0.0)).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=2)
    pixels[np.isnan(values)] = (160, 60, 60)
    return pixels
