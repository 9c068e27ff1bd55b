"""A table whose columns have roles, and the four forms in which a network's encoders read it."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.read import as_frame
from automl_nn.data.roles import MAX_LEVELS, ROLES, Column, Role, convert, guess_role, why_category, why_useless
from automl_nn.errors import DataError, did_you_mean

__all__ = ["Column", "Role", "Table"]

_PERIODS = {"day": 1.0, "week": 7.0, "year": 365.2425}


@final
@dataclass(frozen=True, eq=False)
class Table:
    """Features of rows, each column in the form of its role.

    Args:
        whole: The used columns under a RangeIndex: float64 (numeric), bool, or float16 in [0, 1] where some are missing
            (boolean), UTC datetime64 (datetime), a pandas category of texts (category) or plain texts (text). Any value
            may be missing.
            Columns that were given in the form of their role are not copied.
        columns: What was found about every column given, the dropped ones included, in the order given.
        rows: Which rows of `whole` the table has, in this order; all of them unless given.

    Example:
        >>> table = Table.from_frame(pd.DataFrame({"age": [31, 47], "town": ["Rome", None], "kind": ["a", "a"]}))
        >>> [(column.name, column.role) for column in table.columns]
        [('age', 'numeric'), ('town', 'category'), ('kind', 'dropped')]
        >>> table.columns[2].reason
        'All of its values are a.'
    """

    whole: pd.DataFrame
    columns: tuple[Column, ...]
    rows: npt.NDArray[np.integer[Any]] | None = None

    @staticmethod
    def from_frame(frame: Any, *, roles: Mapping[str, Role] | None = None) -> "Table":
        """Find the role of every column and bring its values to the form of the role.

        Args:
            frame: Anything that `as_frame` takes, without the target.
            roles: Roles by column name that are set by hand; a column named here is kept even if it looks useless.

        Raises:
            DataError: There are fewer than 2 rows or no usable column, a column name is repeated or unknown, a value is
                infinite or does not have the role set by hand, or a category has too many levels.

        Example:
            >>> Table.from_frame({"zip": [10115, 80331]}, roles={"zip": "category"}).levels()["zip"].tolist()
            ['10115', '80331']
        """
        frame = as_frame(frame)
        roles = roles or {}
        _refuse_too_small(frame)
        _refuse_unknown(roles, frame)
        settled = [_settle(frame[name], roles.get(name)) for name in frame.columns]
        columns = tuple(column for column, _ in settled)
        used = {column.name: values for column, values in settled if column.role != "dropped"}
        if not used:
            raise DataError(f"No column can be used: {columns[0].name!r} was dropped. {columns[0].reason}")
        return Table(pd.DataFrame(used, copy=False), columns)

    @staticmethod
    def from_schema(frame: Any, schema: Sequence[Mapping[str, str]]) -> "Table":
        """Bring new rows to the columns and roles of a known table.

        The order of the columns does not matter, columns that the schema does not use may be there or not, values may
        be missing, and a category may have levels that were never seen. Text that reads as a number is one.

        Args:
            frame: Anything that `as_frame` takes.
            schema: What `schema()` returned.

        Raises:
            DataError: A used column is missing, or a value does not have its column's role.

        Example:
            >>> known = Table.from_frame({"age": [31, 47], "town": ["Rome", "Oslo"]})
            >>> Table.from_schema({"town": ["Bonn"], "age": ["52"]}, known.schema()).frame.to_dict("list")
            {'age': [52.0], 'town': ['Bonn']}
        """
        frame = as_frame(frame)
        columns = tuple(_column(entry) for entry in schema)
        used = [column for column in columns if column.role != "dropped"]
        for column in used:
            if column.name not in frame.columns:
                raise DataError(
                    f"The rows lack the column {column.name!r} that the model was trained with; leave its values empty "
                    f"if they are unknown. {did_you_mean(column.name, frame.columns)}"
                )
        return Table(pd.DataFrame({c.name: convert(frame[c.name], c.role) for c in used}, copy=False), columns)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.whole) if self.rows is None else len(self.rows)

    @property
    def frame(self) -> pd.DataFrame:
        """The used columns in the form of their roles, under a RangeIndex."""
        return self._of(*ROLES)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that are not dropped."""
        return tuple(column for column in self.columns if column.role != "dropped")

    @property
    def n_numeric(self) -> int:
        """Number of numeric columns, the parts of moments not counted."""
        return sum(column.role == "numeric" for column in self.columns)

    def take(self, rows: npt.ArrayLike) -> "Table":
        """These rows, by position and in this order; their values are not copied before they are asked for.

        Example:
            >>> Table.from_frame({"age": [31, 47, 19]}).take([2, 0]).frame["age"].tolist()
            [19.0, 31.0]
        """
        chosen = np.asarray(rows)
        chosen = chosen if chosen.dtype.kind == "i" else chosen.astype(np.intp)
        return Table(self.whole, self.columns, chosen if self.rows is None else self.rows[chosen])

    def schema(self) -> list[dict[str, str]]:
        """Names, roles and reasons as plain values, for `from_schema`.

        Example:
            >>> Table.from_frame({"age": [31, 47]}).schema()
            [{'name': 'age', 'role': 'numeric', 'reason': ''}]
        """
        return [asdict(column) for column in self.columns]

    def numbers(self) -> pd.DataFrame:
        """Numeric columns, then the parts of the datetime columns, in float64; NaN is a missing value.

        The parts of a moment are its days since 1970 and its place on the circles of the day, the week and the year.

        Example:
            >>> table = Table.from_frame({"at": ["2024-01-01T06:00", "2024-01-01T18:00"]})
            >>> table.numbers()["at.day_sin"].round(6).tolist()
            [1.0, -1.0]
        """
        parts: dict[Hashable, pd.Series[float]] = dict(self._of("numeric").items())
        moments = self._of("datetime")
        for name in moments.columns:
            parts |= _parts_of_moments(moments[name])
        return pd.DataFrame(parts, index=pd.RangeIndex(self.n_rows), dtype="float64")

    def flags(self) -> pd.DataFrame:
        """Boolean columns as 0 and 1 in float32; NaN is a missing value."""
        return self._of("boolean").astype("float32")

    def levels(self) -> pd.DataFrame:
        """Category columns as texts; None is a missing value."""
        levels = {name: _texts(values) for name, values in self._of("category").items()}
        return pd.DataFrame(levels, index=pd.RangeIndex(self.n_rows), dtype="object")

    def texts(self) -> pd.DataFrame:
        """Text columns; None is a missing value.

        Example:
            >>> table = Table.from_frame({"note": ["all well", None], "age": [31, 47]}, roles={"note": "text"})
            >>> table.texts()["note"].tolist()
            ['all well', None]
        """
        texts = self._of("text").astype("object")
        return texts.where(texts.notna(), None)

    def _of(self, *roles: Role) -> pd.DataFrame:
        columns = {column.name: self.whole[column.name] for column in self.used if column.role in roles}
        if not columns:
            return pd.DataFrame(index=pd.RangeIndex(self.n_rows))
        frame = pd.DataFrame(columns, index=self.whole.index, copy=False)  # a list of names would copy them
        return frame if self.rows is None else frame.take(self.rows).reset_index(drop=True)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled column by column, each of which lies in one piece that processes can share in place."""
        pieces = {name: _in_one_piece(values) for name, values in self.frame.items()}
        return _joined, (pieces, self.columns, self.n_rows)


def _joined(values: "dict[Hashable, pd.Series[Any]]", columns: tuple[Column, ...], n_rows: int) -> Table:
    """What `Table.__reduce__` took apart; rows of images alone have no columns."""
    return Table(pd.DataFrame(values, copy=False) if values else pd.DataFrame(index=pd.RangeIndex(n_rows)), columns)


def _in_one_piece(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same values, copied only where they lie scattered among those of other columns."""
    is_plain = isinstance(values.dtype, np.dtype)
    return values.copy() if is_plain and not values.to_numpy().flags.c_contiguous else values


def _refuse_too_small(frame: pd.DataFrame) -> None:
    if not frame.shape[1]:
        raise DataError(
            f"The table has 0 feature(s) (shape={frame.shape}) while a minimum of 1 is required: add a column."
        )
    if len(frame) < 2:
        raise DataError(f"The table has n_samples={len(frame)} rows while a minimum of 2 is required: add rows.")


def _refuse_unknown(roles: Mapping[str, Role], frame: pd.DataFrame) -> None:
    for name, role in roles.items():
        if name not in frame.columns:
            raise DataError(f"Unknown column {name!r} in roles. {did_you_mean(name, frame.columns)}")
        if role not in ROLES:
            raise DataError(f"Unknown role {role!r} of column {name!r}. {did_you_mean(role, ROLES)}")


def _settle(values: "pd.Series[Any]", role: Role | None) -> tuple[Column, "pd.Series[Any]"]:
    """What a column is, and its values in that form."""
    name = str(values.name)
    if role == "dropped":
        return Column(name, "dropped", "It was set aside by hand."), values
    found = role or guess_role(values)
    hint = why_category(values) if found == "category" and not role else ""
    values = convert(values, found)
    reason = "" if role else why_useless(values)
    if reason:
        return Column(name, "dropped", reason), values
    if found == "category" and len(values.cat.categories) > MAX_LEVELS:
        raise DataError(
            f"Column {name!r} has {len(values.cat.categories):,} levels, more than the {MAX_LEVELS:,} that a category "
            "may have: group its rare levels or leave the column out."
        )
    return Column(name, found, hint), values


def _column(entry: Mapping[str, str]) -> Column:
    role = next((role for role in ROLES if role == entry["role"]), None)
    if role is None:
        raise DataError(
            f"Unknown role {entry['role']!r} of column {entry['name']!r}. {did_you_mean(entry['role'], ROLES)}"
        )
    return Column(entry["name"], role, entry.get("reason", ""))


def _parts_of_moments(moments: "pd.Series[Any]") -> dict[Hashable, "pd.Series[float]"]:
    days = (moments - pd.Timestamp(0)) / pd.Timedelta(days=1)
    parts: dict[Hashable, pd.Series[float]] = {f"{moments.name}.days": days}
    for period, n_days in _PERIODS.items():
        angle = days * (2 * np.pi / n_days)
        parts[f"{moments.name}.{period}_sin"] = pd.Series(np.sin(angle.to_numpy()))
        parts[f"{moments.name}.{period}_cos"] = pd.Series(np.cos(angle.to_numpy()))
    return parts


def _texts(values: "pd.Series[Any]") -> npt.NDArray[np.object_]:
    levels = np.array([*values.cat.categories, None], dtype=np.object_)
    texts: npt.NDArray[np.object_] = levels[values.cat.codes.to_numpy()]
    return texts
