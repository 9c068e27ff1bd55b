"""What there is to see of a decision: its numbers as tables, then the pictures, then files of both."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from automl_nn.decide.cut import Cut
from automl_nn.errors import DataError
from automl_nn.review.decision.drawings import (
    draw_class_curve,
    draw_confusion,
    draw_labels,
    draw_precision_recall,
    draw_reliability,
    draw_scores,
    draw_utility,
)

PANEL = (5.0, 4.3)
"""Width and height of a panel, in inches."""

DPI = 110

Panel = Callable[[Axes], None]
"""What draws one picture into axes."""


@dataclass(frozen=True)
class Seen(ABC):
    """Abstract: a decision as tables and pictures."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is a decision for."""

    @property
    @abstractmethod
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The numbers by name."""

    @property
    @abstractmethod
    def panels(self) -> Mapping[str, Panel]:
        """The pictures by name."""

    @property
    @abstractmethod
    def panel_size(self) -> tuple[float, float]:
        """Width and height of a picture, in inches."""

    @property
    @abstractmethod
    def parts(self) -> Mapping[str, "Seen"]:
        """What the decision consists of, by name: its labels or classes."""

    def sheet(self) -> Figure:
        """All pictures in one, three in a row."""
        n, (width, height) = len(self.panels), self.panel_size
        n_columns = min(n, 3)
        n_rows = -(-n // n_columns)
        figure = Figure(figsize=(width * n_columns, height * n_rows), layout="constrained")
        figure.suptitle(self.title)
        grid = figure.subplots(n_rows, n_columns, squeeze=False)
        for draw, axes in zip(self.panels.values(), grid.flat, strict=False):
            draw(axes)
        for axes in grid.flat[n:]:
            axes.remove()
        return figure

    def figures(self) -> dict[str, Figure]:
        """Each picture alone, by name."""
        figures = {name: Figure(figsize=self.panel_size, layout="constrained") for name in self.panels}
        for name, draw in self.panels.items():
            draw(figures[name].subplots())
        return figures

    def save(self, path: Path) -> list[Path]:
        """Write one picture, or a folder of pictures and tables.

        Args:
            path: A file that ends in .png, or a folder, which is made if need be.

        Returns:
            The files that were written.

        Raises:
            DataError: The file or the folder cannot be written.
        """
        check_picture(path)
        try:
            if path.suffix != ".png":
                return self._save_folder(path)
            self.sheet().savefig(path, dpi=DPI)
        except OSError as error:
            raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
        return [path]

    def _save_folder(self, path: Path) -> list[Path]:
        path.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            table.to_csv(path / f"{name}.csv", index=False)
        for name, figure in self.figures().items():
            figure.savefig(path / f"{name}.png", dpi=DPI)
        files = [path / f"{name}.csv" for name in self.tables] + [path / f"{name}.png" for name in self.panels]
        return files + [file for name, part in self.parts.items() for file in part._save_folder(path / _safe(name))]


def _safe(name: str) -> str:
    """A label as the name of a folder."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).lstrip(".") or "_"


def check_picture(path: Path) -> None:
    """Refuse what is neither a .png file in a folder that exists nor a folder.

    Raises:
        DataError: It is something else.

    Example:
        >>> check_picture(Path("curve.png"))
    """
    if path.suffix not in (".png", "") and not path.is_dir():
        raise DataError(f"{str(path)!r} is no picture: name a file that ends in .png, or a folder.")
    if not path.parent.is_dir():
        raise DataError(f"{str(path)!r} cannot be written: there is no folder {str(path.parent)!r}, so make it first.")
    if path.suffix == "" and path.is_file():
        raise DataError(f"{str(path)!r} is a file: name a folder, or a file that ends in .png.")


@final
@dataclass(frozen=True)
class SeenCut(Seen):
    """The threshold of one label.

    Args:
        cut: The threshold.
        goal: What it is for.
        utility: What was maximized.
        curve: What every threshold gives.
        confusion: The confusion counts at one half and at the threshold.
        believed: Predicted and observed shares of positives.
        scores: How many rows of either class lie where.
    """

    cut: Cut
    goal: str
    utility: str
    curve: pd.DataFrame
    confusion: pd.DataFrame
    believed: pd.DataFrame
    scores: pd.DataFrame

    @property
    def title(self) -> str:
        cut = self.cut
        return f"{cut.label}: {self.goal}; {cut.n_rows} rows, {cut.n_positives} positives; {cut.rule}"

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        return {"curve": self.curve, "confusion": self.confusion, "reliability": self.believed, "scores": self.scores}

    @property
    def panels(self) -> Mapping[str, Panel]:
        return {
            "precision_recall": lambda axes: draw_precision_recall(axes, self.curve, cut=self.cut),
            "utility": lambda axes: draw_utility(axes, self.curve, cut=self.cut, utility=self.utility),
            "reliability": lambda axes: draw_reliability(axes, self.believed),
            "confusion_at_half": lambda axes: self._draw_confusion(axes, "half", words="0.5"),
            "confusion": lambda axes: self._draw_confusion(axes, "threshold", words=f"{self.cut.threshold:.3g}"),
            "scores": lambda axes: draw_scores(axes, self.scores, cut=self.cut),
        }

    @property
    def panel_size(self) -> tuple[float, float]:
        return PANEL

    @property
    def parts(self) -> Mapping[str, Seen]:
        return {}

    def _draw_confusion(self, axes: Axes, at: str, *, words: str) -> None:
        row = self.confusion.set_index("at").loc[at]
        cells = [("negative", "not marked", "tn"), ("negative", "marked", "fp")]
        cells += [("positive", "not marked", "fn"), ("positive", "marked", "tp")]
        table = pd.DataFrame([{"actual": kind, "action": act, "n_rows": row[name]} for kind, act, name in cells])
        title = f"at {words}: precision {row['precision']:.3g}, recall {row['recall']:.3g}"
        draw_confusion(axes, table, title=title)


@final
@dataclass(frozen=True)
class SeenLabels(Seen):
    """The thresholds of several labels, the best first.

    Args:
        goal: What they are for.
        labels: One row for each label, the greatest utility first.
        cuts: Each label alone.
    """

    goal: str
    labels: pd.DataFrame
    cuts: Mapping[str, SeenCut]

    @property
    def title(self) -> str:
        return f"{self.goal}: {len(self.labels)} labels, mean utility {self.labels['utility'].mean():.3g}"

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        return {"labels": self.labels}

    @property
    def panels(self) -> Mapping[str, Panel]:
        return {
            "utility": lambda axes: draw_labels(axes, self.labels, column="utility"),
            "threshold": lambda axes: draw_labels(axes, self.labels, column="threshold"),
        }

    @property
    def panel_size(self) -> tuple[float, float]:
        return PANEL[0] * 1.2, max(PANEL[1], 1.0 + 0.28 * len(self.labels))

    @property
    def parts(self) -> Mapping[str, Seen]:
        return self.cuts


@final
@dataclass(frozen=True)
class SeenClasses(Seen):
    """A choice between classes.

    Args:
        goal: What it is for.
        confusion: How often each class got which action, by the decision and by the most probable class.
        curve: What other strengths, shares of answered rows or cut-offs give.
        chosen: Where on the curve the decision lies; NaN where each class has a cut-off.
        cuts: The cut-off of each class alone; empty where there are none.
    """

    goal: str
    confusion: pd.DataFrame
    curve: pd.DataFrame
    chosen: float
    cuts: Mapping[str, SeenCut]

    @property
    def title(self) -> str:
        return f"{self.goal}: {int(self.confusion['n_rows'].sum()) // 2} rows"

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        return {"confusion": self.confusion, "curve": self.curve}

    @property
    def panels(self) -> Mapping[str, Panel]:
        panels: dict[str, Panel] = {
            "confusion_at_argmax": lambda axes: self._draw_confusion(axes, "argmax", words="the most probable class"),
            "confusion": lambda axes: self._draw_confusion(axes, "decision", words="the decision"),
        }
        if self.cuts:
            return panels
        return panels | {"curve": lambda axes: draw_class_curve(axes, self.curve, chosen=self.chosen)}

    @property
    def panel_size(self) -> tuple[float, float]:
        n = self.confusion["actual"].nunique()
        return max(PANEL[0], 1.5 + 0.5 * n), max(PANEL[1], 1.2 + 0.4 * n)

    @property
    def parts(self) -> Mapping[str, Seen]:
        return self.cuts

    def _draw_confusion(self, axes: Axes, at: str, *, words: str) -> None:
        table = self.confusion[self.confusion["at"] == at]
        right = table.loc[table["actual"] == table["action"], "n_rows"].sum() / max(table["n_rows"].sum(), 1)
        paid = f", mean cost {np.average(table['cost'], weights=table['n_rows']):.3g}" if "cost" in table else ""
        draw_confusion(axes, table, title=f"{words}: right {right:.3g}{paid}")
