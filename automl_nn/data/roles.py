"""The role of a column: guessed from its values, and the values in the form that the role has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import numpy as np
import pandas as pd

from automl_nn.data.codes import are_codes
from automl_nn.errors import DataError

Role = Literal["numeric", "boolean", "category", "text", "datetime", "dropped"]
ROLES: tuple[Role, ...] = get_args(Role)

MAX_LEVELS = 5_000_000
"""A category with more levels is refused: its embedding would be larger than what it could learn."""

MIN_WORDS = 3.0
"""Texts of so many words on average are sentences, if most of them are distinct; shorter ones are names of levels."""

MIN_TEXTS = 20
"""Under this many distinct values, texts are levels of a category, however long they are."""

MIN_ROWS_OF_IDS = 50
"""Under this many rows, values that are all distinct are no sign of an identifier."""

_ROLE_OF_KIND: dict[str, Role] = {
    "boolean": "boolean",
    "integer": "numeric",
    "floating": "numeric",
    "mixed-integer-float": "numeric",
    "complex": "numeric",
    "decimal": "numeric",
    "timedelta64": "numeric",
    "timedelta": "numeric",
    "datetime64": "datetime",
    "datetime": "datetime",
    "date": "datetime",
    "period": "datetime",
}
_FLAG_OF_WORD = dict.fromkeys(("true", "t", "yes", "y"), 1.0) | dict.fromkeys(("false", "f", "no", "n"), 0.0)
_ISO_DATE = r"\s*\d{4}-\d{2}-\d{2}(?:[T ].*)?"


@final
@dataclass(frozen=True)
class Column:
    """A column of a table and what it is used as.

    Args:
        name: Its header.
        role: What it is used as.
        reason: Why it is dropped, or not read as what it looks like, in one sentence; empty otherwise.

    Example:
        >>> Column("age", "numeric").reason
        ''
    """

    name: str
    role: Role
    reason: str = ""


def guess_role(values: "pd.Series[Any]") -> Role:
    """The role that the values of one column suggest; never `dropped`.

    Columns of the numbers 0 and 1 are boolean, whole numbers that look like codes a category. Text is numeric, boolean
    or datetime if all of its values are; it is free text if most of its values are distinct and have several words.

    Example:
        >>> guess_role(pd.Series(["2024-01-31", None, "2024-02-01T12:00"]))
        'datetime'
    """
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "string":
        return _guess_text(pd.Series(values.dropna().unique()), n_present=int(values.notna().sum()))
    role = _ROLE_OF_KIND.get(kind, "category")
    if role == "numeric" and _is_flag(values):
        return "boolean"
    return "category" if role == "numeric" and are_codes(values) else role


def _guess_text(distinct: "pd.Series[str]", *, n_present: int) -> Role:
    tests: dict[Role, Callable[[pd.Series[str]], bool]] = {
        "boolean": lambda texts: bool(texts.str.lower().isin({"true", "false"}).all()),
        "numeric": lambda texts: bool(pd.to_numeric(texts, errors="coerce").notna().all()),
        "datetime": lambda texts: bool(texts.str.fullmatch(_ISO_DATE).all() and _parse_iso(texts).notna().all()),
    }
    for role, passes in tests.items():
        if passes(distinct.head(100)) and passes(distinct):
            return role
    return "text" if _are_sentences(distinct, n_present) else "category"


def _are_sentences(distinct: "pd.Series[str]", n_present: int) -> bool:
    if len(distinct) < max(MIN_TEXTS, n_present / 2):
        return False
    return bool(np.mean([len(text.split()) for text in distinct.head(1000)]) >= MIN_WORDS)


def _is_flag(values: "pd.Series[Any]") -> bool:
    if not pd.api.types.is_numeric_dtype(values) or values.min() != 0 or values.max() != 1:
        return False
    return bool(values.dropna().isin([0, 1]).all())


def convert(values: "pd.Series[Any]", role: Role) -> "pd.Series[Any]":
    """The values of one column in the form of its role.

    Args:
        values: One column; its name is used in errors.
        role: `numeric` gives float64, or keeps float32; `boolean` bool, or float16 in [0, 1] where some are missing,
            `datetime` UTC datetime64 in microseconds, `category` a pandas category of texts and `text` plain texts;
            missing values stay missing.

    Raises:
        DataError: A value does not have this role, or it is infinite.

    Example:
        >>> convert(pd.Series(["1.5", None]), "numeric").tolist()
        [1.5, nan]
    """
    return _CONVERTERS[role](values)


def _to_numbers(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_complex_dtype(values):
        raise DataError(f"Complex data not supported: column {values.name!r} holds complex numbers; give real ones.")
    if pd.api.types.is_timedelta64_dtype(values):
        return pd.Series(values.dt.total_seconds())
    numbers = _as_floats(values) if pd.api.types.is_numeric_dtype(values) else _parse_numbers(values)
    if np.isinf(numbers.to_numpy()).any():
        raise DataError(
            f"Column {values.name!r} contains infinity: put a number or a missing value (NaN) in its place."
        )
    return numbers


def _as_floats(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same numbers, not copied where they are floats of one or two words."""
    return values if values.dtype in (np.float32, np.float64) else values.astype("float64")


def _parse_numbers(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_datetime64_any_dtype(values):
        raise _refuse(values, values.notna(), "a number")
    present = _without_blanks(values)
    numbers = pd.to_numeric(present, errors="coerce")
    _refuse_lost(present, numbers, "a number")
    return numbers.astype("float64")


def _to_flags(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if values.dtype == np.bool_:
        return values
    if pd.api.types.is_numeric_dtype(values):
        return _narrow(_to_numbers(values).clip(0, 1))
    present = _without_blanks(values)
    texts = present.astype("str").str.strip().str.lower()
    flags = texts.map(_FLAG_OF_WORD).astype("float64")
    flags = flags.fillna(pd.to_numeric(texts.where(present.notna()), errors="coerce").astype("float64").clip(0, 1))
    _refuse_lost(present, flags, "true or false")
    return _narrow(flags)


def _narrow(flags: "pd.Series[Any]") -> "pd.Series[Any]":
    """One byte for each flag; two where some are missing, or lie between false and true."""
    return flags.astype("bool" if flags.isin((0.0, 1.0)).all() else "float16")


def _to_datetimes(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    if pd.api.types.is_numeric_dtype(values) and values.notna().any():
        raise _refuse(values, values.notna(), "a date such as 2024-01-31 or 2024-01-31T12:00:00")
    present = _without_blanks(values)
    moments = _parse_iso(present)
    _refuse_lost(present, moments, "a date such as 2024-01-31 or 2024-01-31T12:00:00")
    return pd.Series(moments.dt.tz_localize(None).astype("datetime64[us]"))


def _parse_iso(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)


def _to_levels(values: "pd.Series[Any]") -> "pd.Series[Any]":
    try:
        codes, distinct = pd.factorize(values)
    except TypeError as error:
        raise DataError(
            f"Column {values.name!r} holds {type(values.dropna().iloc[0]).__name__} values: "
            "a table takes one number, text or date per field, so spread them over columns."
        ) from error
    code_of_level, levels = pd.factorize(pd.Index([_level(value) for value in distinct], dtype="str"), sort=True)
    codes = np.append(code_of_level, -1)[codes]
    return pd.Series(pd.Categorical.from_codes(codes, categories=levels), name=values.name)


def _level(value: Any) -> str:
    """The text of a level: 1 and 1.0 are one level, because a missing value turns whole numbers into real ones."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _to_texts(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Texts as they are, anything else as it is written."""
    present = values.notna().to_numpy()
    texts = np.full(len(values), None, dtype=object)
    texts[present] = [str(value) for value in values[present]]
    return pd.Series(texts, name=values.name, dtype="str")


def _keep(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values


_CONVERTERS: dict[Role, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
    "numeric": _to_numbers,
    "boolean": _to_flags,
    "category": _to_levels,
    "text": _to_texts,
    "datetime": _to_datetimes,
    "dropped": _keep,
}


def _without_blanks(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if not pd.api.types.is_string_dtype(values):
        return values
    return values.mask(values.str.strip() == "")


def _refuse_lost(values: "pd.Series[Any]", converted: "pd.Series[Any]", rule: str) -> None:
    lost = converted.isna() & values.notna()
    if lost.any():
        raise _refuse(values, lost, rule)


def _refuse(values: "pd.Series[Any]", bad: "pd.Series[bool]", rule: str) -> DataError:
    row = int(np.flatnonzero(bad.to_numpy())[0])
    return DataError(
        f"Column {values.name!r} holds {str(values.iloc[row])!r} in row {row}, which is not {rule}: "
        "correct it or leave it empty."
    )


def why_category(values: "pd.Series[Any]") -> str:
    """Why numbers are read as levels of a category, in one sentence; empty for a category of anything else.

    Args:
        values: A column as it was given, whose role was found to be `category`.

    Example:
        >>> why_category(pd.Series(["Rome", "Oslo"]))
        ''
    """
    if not pd.api.types.is_numeric_dtype(values):
        return ""
    return (
        f"Its {values.nunique():,} different numbers come back as codes do, so each is a level of a category: "
        f"set its role to numeric if they are quantities."
    )


def why_useless(values: "pd.Series[Any]") -> str:
    """Why a column in the form of its role can teach nothing, in one sentence; empty if it can.

    It is constant, all missing, or like an identifier: a category with more than 95 % distinct values, or a whole
    number that runs in equal steps from row to row. Whole numbers that are all distinct in another order are kept,
    since they may be measurements.

    Args:
        values: What `convert` returned.

    Example:
        >>> why_useless(pd.Series([2.0, 2.0]))
        'All of its values are 2.0.'
    """
    present = values.dropna()
    if present.empty:
        return "All of its values are missing."
    if len(present) == len(values) and (present == present.iloc[0]).all():
        return f"All of its values are {present.iloc[0]}."
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _why_like_names(present)
    if values.dtype == np.float64 and _is_running_number(values.to_numpy()):
        return (
            f"It is a running number from {values.iloc[0]:.0f} to {values.iloc[-1]:.0f}, which says nothing of a row."
        )
    return ""


def _why_like_names(present: "pd.Series[Any]") -> str:
    n_levels = len(present.cat.categories)
    if len(present) >= MIN_ROWS_OF_IDS and n_levels > 0.95 * len(present):
        return f"{n_levels:,} of its {len(present):,} values are distinct, so it names rows instead of describing them."
    return ""


def _is_running_number(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> bool:
    if len(numbers) < MIN_ROWS_OF_IDS or not float(numbers[0]).is_integer():
        return False
    step = float(numbers[1] - numbers[0])
    return step != 0 and step.is_integer() and bool((np.diff(numbers) == step).all())
