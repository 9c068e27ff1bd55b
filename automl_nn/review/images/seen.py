"""Contact sheets among the pictures of a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import pandas as pd
from matplotlib.axes import Axes

from automl_nn.review.images.contact import Sheet
from automl_nn.review.seen import Panel, Seen

TILE = (1.7, 1.9)
"""Width and height of a tile with its words, in inches."""

PICTURE = 0.94
"""Share of a tile's width that its picture takes."""


@final
@dataclass(frozen=True, eq=False)
class SeenSheet(Seen):
    """Nothing but a contact sheet.

    Args:
        images: The sheet.
    """

    images: Sheet

    @property
    def title(self) -> str:
        return self.images.title

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        return {"words": pd.DataFrame({"picture": [tile.words for tile in self.images.tiles]})}

    @property
    def panels(self) -> Mapping[str, Panel]:
        return {"sheet": lambda axes: draw_sheet(axes, self.images)}

    @property
    def panel_size(self) -> tuple[float, float]:
        n_rows = -(-len(self.images.tiles) // self.images.n_columns)
        return TILE[0] * self.images.n_columns, TILE[1] * max(n_rows, 1) + 0.6

    @property
    def parts(self) -> Mapping[str, Seen]:
        return {}


@final
@dataclass(frozen=True, eq=False)
class SeenWithImages(Seen):
    """A decision with a contact sheet among its parts, which a folder has room for.

    Args:
        seen: The decision.
        images: The sheet.
    """

    seen: Seen
    images: Sheet

    @property
    def title(self) -> str:
        return self.seen.title

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        return self.seen.tables

    @property
    def panels(self) -> Mapping[str, Panel]:
        return self.seen.panels

    @property
    def panel_size(self) -> tuple[float, float]:
        return self.seen.panel_size

    @property
    def parts(self) -> Mapping[str, Seen]:
        return {**self.seen.parts, "images": SeenSheet(self.images)}


def draw_sheet(axes: Axes, sheet: Sheet) -> None:
    """Pictures side by side, each with its words below it.

    Args:
        axes: Where to.
        sheet: The pictures.
    """
    for place, tile in enumerate(sheet.tiles):
        row, column = divmod(place, sheet.n_columns)
        top = row * TILE[1] / TILE[0]
        extent = (column, column + PICTURE, top + PICTURE, top)
        axes.imshow(tile.pixels, extent=extent, interpolation="nearest", aspect="equal")
        words = tile.words.replace(": ", ":\n", 1)
        axes.text(column + PICTURE / 2, top + PICTURE + 0.01, words, ha="center", va="top", fontsize=7)
    n_rows = max(1, -(-len(sheet.tiles) // sheet.n_columns))
    axes.set(xlim=(0, sheet.n_columns), ylim=(n_rows * TILE[1] / TILE[0], 0))
    axes.set_axis_off()
    axes.set_title(sheet.note if sheet.tiles else "There are none.", fontsize="small")
