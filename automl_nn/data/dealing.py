"""Dealing rows or groups to parts so that every class and label is spread as the parts are."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.errors import SplitError

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

_ATTEMPTS = 10


@final
@dataclass(frozen=True, eq=False)
class Cells:
    """Which class of which label column each row belongs to: one cell per class and column.

    Args:
        codes: Cell of every row in every label column, (n_rows, n_labels); -1 where the label is missing.
        names: A name of each cell for errors.
        counts: Number of rows in each cell.

    Example:
        >>> cells = Cells.of(np.array([0.0, 1.0, np.nan, 1.0]))
        >>> cells.names, cells.counts.tolist()
        (('class 0', 'class 1'), [1, 2])
    """

    codes: Integers
    names: tuple[str, ...]
    counts: Integers

    @staticmethod
    def of(labels: npt.ArrayLike) -> "Cells":
        """The cells of labels (n_rows,) or (n_rows, n_labels), in which NaN or None is a missing label."""
        columns = pd.DataFrame(np.asarray(labels))
        codes: list[npt.NDArray[Any]] = []
        names: list[str] = []
        for j in columns:
            found, classes = pd.factorize(columns[j], sort=True)
            codes.append(np.where(found < 0, -1, found + len(names)))
            names += [_name(value, column=j if columns.shape[1] > 1 else None) for value in classes]
        table = np.stack(codes, axis=1).astype(np.int64)
        return Cells(table, tuple(names), np.bincount(table[table >= 0], minlength=len(names)))

    @staticmethod
    def none(n_rows: int) -> "Cells":
        """No labels at all: what is dealt at random has no cells."""
        return Cells(np.full((n_rows, 1), -1, dtype=np.int64), (), np.zeros(0, dtype=np.int64))

    def spread(self, part: Integers, n_parts: int) -> Integers:
        """Rows per cell and part, (n_cells, n_parts); a row in part -1 is in none."""
        n_cells = len(self.names)
        seen = (self.codes >= 0) & (part[:, None] >= 0)
        flat = (self.codes * n_parts + part[:, None])[seen]
        return np.bincount(flat, minlength=n_cells * n_parts).reshape(n_cells, n_parts)


def _name(value: Any, *, column: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"class {text}" if column is None else f"class {text} of label {column}"


def deal_rows(cells: Cells, shares: Reals, *, min_positives: int, rng: np.random.Generator) -> Integers:
    """Deal rows to parts, the rarest cell first.

    Rows of one cell are ordered by all of their labels and dealt out evenly, so that labels that occur together are
    spread together; what rounding gives a part too much in one cell it gets less of in the next one.

    Args:
        cells: The classes to spread.
        shares: Share of the rows in each part, summing to 1.
        min_positives: Rows that every part must hold of every cell.
        rng: Source of the order of the rows.

    Returns:
        The part of each row.

    Raises:
        SplitError: A cell has too few rows.

    Source:
        Sechidis et al. (2011), On the stratification of multi-label data, Alg. 1; here a whole cell is dealt at once.

    Example:
        >>> cells = Cells.of(np.array([0, 0, 0, 0, 1, 1]))
        >>> part = deal_rows(cells, np.array([0.5, 0.5]), min_positives=1, rng=np.random.default_rng(0))
        >>> cells.spread(part, 2).tolist()
        [[2, 2], [1, 1]]
    """
    _refuse_rare(cells.counts, cells, n_needed=len(shares) * min_positives, what="row")
    for _ in range(_ATTEMPTS):
        part = _deal_rows_once(cells, shares, min_positives, rng)
        if _suffices(cells, part, len(shares), min_positives):
            return part
    raise _unlucky(cells, part, len(shares), min_positives)


def _deal_rows_once(cells: Cells, shares: Reals, min_positives: int, rng: np.random.Generator) -> Integers:
    part = np.full(len(cells.codes), -1, dtype=np.int64)
    signature = cells.codes @ rng.random(cells.codes.shape[1])
    carried = np.zeros(len(shares))
    for cell in [*np.argsort(cells.counts, kind="stable"), None]:
        inside = np.ones(len(part), dtype=bool) if cell is None else (cells.codes == cell).any(axis=1)
        dealt = np.bincount(part[inside & (part >= 0)], minlength=len(shares))
        rows = rng.permutation(np.flatnonzero(inside & (part < 0)))
        wish = shares * inside.sum() - dealt
        least = np.maximum((0 if cell is None else min_positives) - dealt, 0)
        counts = _allot(len(rows), wish, least=least, carried=carried)
        carried += shares * len(rows) - counts
        part[rows[np.argsort(signature[rows], kind="stable")]] = _interleave(counts, rng)
    return part


def _allot(n_rows: int, wish: Reals, *, least: Integers, carried: Reals) -> Integers:
    """Whole numbers that sum to `n_rows`, near `wish` and, where that is possible, not under `least`."""
    base = least.astype(np.float64) if least.sum() <= n_rows else np.zeros(len(least))
    spare = np.maximum(wish, least) - base
    if spare.sum() <= 0:
        spare = np.ones(len(wish))
    ideal = base + spare * (n_rows - base.sum()) / spare.sum()
    counts: Integers = np.floor(ideal + 1e-9).astype(np.int64)
    most_due = np.argsort(-(ideal - counts + carried), kind="stable")
    counts[most_due[: n_rows - counts.sum()]] += 1
    return counts


def _interleave(counts: Integers, rng: np.random.Generator) -> Integers:
    """A sequence of parts in which each one comes as often as it should and in even distances."""
    places = [(np.arange(count) + rng.random()) / max(count, 1) for count in counts]
    return np.repeat(np.arange(len(counts)), counts)[np.argsort(np.concatenate(places), kind="stable")]


def deal_groups(
    groups: Integers, cells: Cells, *, shares: Reals, min_positives: int, rng: np.random.Generator
) -> Integers:
    """Deal whole groups to parts, the rarest cell first and large groups before small ones.

    Args:
        groups: Number of each row's group, from 0 without holes.
        cells: The classes to spread.
        shares: Share of the rows in each part, summing to 1.
        min_positives: Rows that every part must hold of every cell.
        rng: Source of the order of equal groups.

    Returns:
        The part of each row.

    Raises:
        SplitError: There are too few groups, or too few of them hold a cell.

    Example:
        >>> groups = np.array([0, 0, 1, 1, 2, 2])
        >>> halves = np.array([2, 1]) / 3
        >>> rng = np.random.default_rng(0)
        >>> np.bincount(deal_groups(groups, Cells.none(6), shares=halves, min_positives=1, rng=rng)).tolist()
        [4, 2]
    """
    sizes = _sizes(groups, cells)
    if len(sizes) < len(shares):
        raise SplitError(
            f"{len(shares)} parts need as many groups, but there are {len(sizes)}: "
            f"{len(shares) - len(sizes)} are missing, so add groups or ask for fewer parts."
        )
    _refuse_rare((sizes[:, :-1] > 0).sum(axis=0), cells, n_needed=len(shares) * (min_positives > 0), what="group")
    _refuse_rare(cells.counts, cells, n_needed=len(shares) * min_positives, what="row")
    for attempt in range(_ATTEMPTS):
        urgency = np.ones(len(shares)) if attempt % 2 == 0 else 1 / shares
        part = _deal_groups_once(sizes, shares, urgency, rng)[groups]
        if len(np.unique(part)) == len(shares) and _suffices(cells, part, len(shares), min_positives):
            return part
    raise _unlucky(cells, part, len(shares), min_positives)


def _sizes(groups: Integers, cells: Cells) -> Integers:
    """Rows of every group in every cell, and in all, (n_groups, n_cells + 1)."""
    n_groups, n_cells = int(groups.max()) + 1, len(cells.names)
    flat = (groups[:, None] * n_cells + cells.codes)[cells.codes >= 0]
    in_cells = np.bincount(flat, minlength=n_groups * n_cells).reshape(n_groups, n_cells)
    return np.column_stack([in_cells, np.bincount(groups)])


def _deal_groups_once(sizes: Integers, shares: Reals, urgency: Reals, rng: np.random.Generator) -> Integers:
    part = np.full(len(sizes), -1, dtype=np.int64)
    room = shares[:, None] * sizes.sum(axis=0)
    for cell in np.argsort(sizes.sum(axis=0), kind="stable"):
        pending = rng.permutation(np.flatnonzero((part < 0) & (sizes[:, cell] > 0)))
        pending = pending[np.argsort(-sizes[pending, cell], kind="stable")]
        part[pending] = _fill(sizes[pending, cell], room[:, cell], urgency)
        np.subtract.at(room, part[pending], sizes[pending])
    return part


def _fill(sizes: Integers, room: Reals, urgency: Reals) -> list[int]:
    """The part of each group: the one with the most room left, weighted by its urgency."""
    left = (room * urgency).tolist()
    steps = urgency.tolist()
    parts = []
    for size in sizes.tolist():
        part = left.index(max(left))
        left[part] -= size * steps[part]
        parts.append(part)
    return parts


def suffices_or_refuse(cells: Cells, part: Integers, *, n_parts: int, min_positives: int) -> None:
    """Check parts that were not dealt but given.

    Raises:
        SplitError: A part holds fewer than `min_positives` rows of a cell.
    """
    if not _suffices(cells, part, n_parts, min_positives):
        raise _unlucky(cells, part, n_parts, min_positives)


def _suffices(cells: Cells, part: Integers, n_parts: int, min_positives: int) -> bool:
    return bool((cells.spread(part, n_parts) >= min_positives).all())


def _refuse_rare(counts: Integers, cells: Cells, *, n_needed: int, what: str) -> None:
    if len(counts) and counts.min() < n_needed:
        cell = int(counts.argmin())
        raise SplitError(
            f"{cells.names[cell]} lies in {counts[cell]} {what}(s), but the parts asked for need {n_needed}: "
            f"{n_needed - counts[cell]} are missing, so add {what}s of it, merge it with another class, or ask for "
            "fewer parts or fewer rows of it in each."
        )


def _unlucky(cells: Cells, part: Integers, n_parts: int, min_positives: int) -> SplitError:
    spread = cells.spread(part, n_parts)
    if not len(spread):
        return SplitError(f"The groups cannot be dealt to {n_parts} parts: add groups or ask for fewer parts.")
    cell, poorest = np.unravel_index(spread.argmin(), spread.shape)
    n_rows = int(spread[cell, poorest])
    return SplitError(
        f"A part gets {n_rows} row(s) of {cells.names[int(cell)]}, but {min_positives} are needed: "
        f"{min_positives - n_rows} are missing, so add rows of it or ask for other parts or fewer rows of it in each."
    )
