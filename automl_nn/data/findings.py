"""What a table shows before any training: repeated rows, leaks, rare classes, odd scales, missing values."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from automl_nn.data.parting.strata import Integers
from automl_nn.data.table import Column, Table

Level = Literal["note", "warning", "error"]

LEAK_AUC = 0.99
FEW_ROWS = 20
MANY_CLASSES = 100
SMALL_SPREAD = 1e-4
FLOAT32_STEP = float(np.finfo(np.float32).eps)

_SAMPLE = 5_000
_LEAST_OF_A_CLASS = 10


@final
@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about a table.

    Args:
        kind: `duplicates`, `conflicts`, `dropped`, `codes`, `missing`, `classes`, `leak`, `scale` or `one_hot`.
        level: `note` (it is handled), `warning` (look at it before you trust a score) or `error` (it cannot work).
        column: The feature or label it is about; empty where it is about rows.
        message: One sentence in plain words.

    Example:
        >>> Finding("missing", "note", "age", "12 of 300 values (4 %) are missing.").level
        'note'
    """

    kind: str
    level: Level
    column: str
    message: str


def find(table: Table, labels: npt.ArrayLike | None = None) -> tuple[Finding, ...]:
    """Look through a table and, if given, its labels.

    Leaks are looked for in at most 5,000 rows of each class. A label column with more than 100 distinct values is read
    as a quantity: it has no class counts, leaks or conflicts.

    Args:
        table: The features.
        labels: Classes (n_rows,) or one column per label (n_rows, n_labels); NaN is a missing label.

    Example:
        >>> table = Table.from_frame({"age": [31, 47, 31, None], "town": ["Rome", "Oslo", "Rome", "Bonn"]})
        >>> for finding in find(table, [0, 1, 1, 1]):
        ...     print(f"{finding.kind}: {finding.message}")
        duplicates: 1 of 4 rows (25 %) repeats an earlier one, so a split may have equal rows on both sides.
        conflicts: 2 of 4 rows (50 %) equal a row with another label: no model can be right about all of them.
        missing: 1 of 4 values (25 %) is missing.
        classes: The rarest of 2 classes is 0 with 1 of 4 rows (25 %), fewer than 20: scores will be uncertain.
    """
    classes = _classes(labels)
    found = [*_repeated(table, classes), *_dropped(table), *_missing(table), *_class_counts(classes)]
    return (*found, *_leaks(table, classes), *_scales(table), *_one_hot(table))


def find_classes(labels: npt.ArrayLike | None) -> tuple[Finding, ...]:
    """How many rows the rarest class or label has.

    Args:
        labels: Classes (n_rows,) or one column per label (n_rows, n_labels); NaN is a missing label.

    Example:
        >>> find_classes([0, 1, 1])[0].message
        'The rarest of 2 classes is 0 with 1 of 3 rows (33.3 %), fewer than 20: scores will be uncertain.'
    """
    return tuple(_class_counts(_classes(labels)))


def _classes(labels: npt.ArrayLike | None) -> pd.DataFrame:
    """The label columns that hold classes, under their names; a single one has none."""
    if labels is None:
        return pd.DataFrame()
    frame = pd.DataFrame(np.asarray(labels) if not isinstance(labels, pd.DataFrame) else labels)
    frame = frame.set_axis([""] if frame.shape[1] == 1 else [str(name) for name in frame.columns], axis=1)
    return frame.loc[:, frame.nunique() <= MANY_CLASSES].reset_index(drop=True)


def _of(count: int, total: int, noun: str) -> str:
    return f"{count:,} of {total:,} {noun} ({100 * count / total:.3g} %)"


def _repeated(table: Table, classes: pd.DataFrame) -> Iterator[Finding]:
    rows = pd.util.hash_pandas_object(table.frame, index=False)
    n_repeated = int(rows.duplicated().sum())
    if not n_repeated:
        return
    verb = "repeats" if n_repeated == 1 else "repeat"
    text = f"{_of(n_repeated, len(rows), 'rows')} {verb} an earlier one, so a split may have equal rows on both sides."
    yield Finding("duplicates", "warning", "", text)
    for name in classes.columns:
        pairs = pd.DataFrame({"row": rows, "label": classes[name]}).dropna().drop_duplicates()
        torn = rows.isin(pairs["row"][pairs["row"].duplicated()]) & classes[name].notna()
        if torn.any():
            text = f"{_of(int(torn.sum()), len(rows), 'rows')} equal a row with another label"
            yield Finding("conflicts", "warning", name, f"{text}: no model can be right about all of them.")


def _dropped(table: Table) -> Iterator[Finding]:
    for column in table.columns:
        if column.role == "dropped":
            yield Finding("dropped", "note", column.name, f"Left out. {column.reason}")
        elif column.reason:
            yield Finding("codes", "note", column.name, column.reason)


def _missing(table: Table) -> Iterator[Finding]:
    for name, values in table.frame.items():
        count = int(values.isna().sum())
        if count:
            level: Level = "warning" if count > table.n_rows / 2 else "note"
            verb = "is" if count == 1 else "are"
            yield Finding("missing", level, str(name), f"{_of(count, table.n_rows, 'values')} {verb} missing.")


def _class_counts(classes: pd.DataFrame) -> Iterator[Finding]:
    for name in classes.columns:
        counts = classes[name].value_counts()
        if counts.empty:
            yield Finding("classes", "error", name, "All labels are missing.")
            continue
        share = _of(int(counts.iloc[-1]), int(counts.sum()), "rows")
        text = f"The rarest of {len(counts)} classes is {_plain(counts.index[-1])} with {share}"
        if counts.iloc[-1] < FEW_ROWS:
            yield Finding("classes", "warning", name, f"{text}, fewer than {FEW_ROWS}: scores will be uncertain.")
        else:
            yield Finding("classes", "note", name, f"{text}.")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _leaks(table: Table, classes: pd.DataFrame) -> Iterator[Finding]:
    for label in classes.columns:
        targets = [rows for rows in _contrasts(classes[label]) if len(rows[0])]
        for column in _comparable(table) if targets else ():
            values = table.frame[column.name]
            auc = max(separation(values.iloc[rows], positive) for rows, positive in targets)
            if auc > LEAK_AUC:
                text = f"It separates {label or 'the classes'} almost alone (AUC {auc:.4f}): was it known before them?"
                yield Finding("leak", "warning", column.name, text)


def _comparable(table: Table) -> Iterator[Column]:
    """The columns whose single values may tell classes apart: all but texts."""
    yield from (column for column in table.used if column.role != "text")


def _contrasts(labels: "pd.Series[Any]") -> Iterator[tuple[Integers, npt.NDArray[np.bool_]]]:
    """Rows of one class against the others, equally many of both where there are enough, in random order."""
    rng = np.random.default_rng(0)
    classes = np.sort(labels.dropna().unique())
    for one in classes[1:] if len(classes) == 2 else classes:
        sides = np.flatnonzero(labels == one), np.flatnonzero(labels.notna() & (labels != one))
        if min(map(len, sides)) >= _LEAST_OF_A_CLASS:
            rows = rng.permutation(np.concatenate([rng.permutation(side)[:_SAMPLE] for side in sides]))
            yield rows, (labels.iloc[rows] == one).to_numpy()


def separation(values: "pd.Series[Any]", positive: npt.NDArray[np.bool_]) -> float:
    """How well one column tells the positive rows from the others: its area under the ROC curve, or 1 minus it.

    A missing value counts as the smallest one. The levels of a category are ordered by their share of positive rows
    in one half, and measured in the other.

    Args:
        values: One column of a table (n_rows,).
        positive: Which rows are positive (n_rows,).

    Returns:
        0.5 (not at all) to 1 (perfectly).

    Example:
        >>> separation(pd.Series([1.0, 2.0, 3.0, np.nan]), np.array([False, True, True, False]))
        1.0
    """
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return _auc(
            values.astype("float64" if values.dtype.kind == "f" else "int64").fillna(-np.inf).to_numpy(), positive
        )
    codes, half = values.cat.codes.to_numpy() + 1, len(values) // 2
    n_levels = len(values.cat.categories) + 1
    n_rows, n_positive = (np.bincount(codes[:half], weights, n_levels) for weights in (None, positive[:half]))
    return _auc(((n_positive + 0.5) / (n_rows + 1))[codes[half:]], positive[half:])


def _auc(scores: npt.NDArray[Any], positive: npt.NDArray[np.bool_]) -> float:
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return 0.5
    wins = rankdata(scores)[positive].sum() - n_positive * (n_positive + 1) / 2
    auc = float(wins / n_positive / n_negative)
    return max(auc, 1 - auc)


def _scales(table: Table) -> Iterator[Finding]:
    numbers = table.frame.select_dtypes("float64")
    for name, spread in numbers.std().items():
        level = abs(numbers[name].mean())
        if 0 < spread < FLOAT32_STEP * level:
            text = (
                f"Its values differ by {spread:.1e} around {level:.1e}, too little for 32-bit numbers unless centred."
            )
            yield Finding("scale", "note", str(name), text)
        elif 0 < spread < SMALL_SPREAD:
            text = f"Its values spread over {spread:.1e}: a fixed epsilon would erase them, a relative one is used."
            yield Finding("scale", "note", str(name), text)


def _one_hot(table: Table) -> Iterator[Finding]:
    flags = table.take(np.arange(0, table.n_rows, max(table.n_rows // _SAMPLE, 1))).flags()
    values = flags.to_numpy()
    first = 0
    while first < values.shape[1] - 2:
        n_columns = _length_of_group(values[:, first:])
        if n_columns:
            names = flags.columns[first : first + n_columns]
            text = f"{n_columns} columns from {names[0]!r} to {names[-1]!r} are one category: each row has a single 1."
            yield Finding("one_hot", "note", names[0], text)
        first += n_columns or 1


def _length_of_group(flags: npt.NDArray[np.float32]) -> int:
    """How many of the first columns sum to 1 in every row; 0 if none or fewer than 3 do."""
    total = np.zeros(len(flags))
    for j in range(flags.shape[1]):
        total = total + flags[:, j]
        if not (total <= 1).all():
            return 0
        if (total == 1).all():
            return j + 1 if j >= 2 else 0
    return 0
