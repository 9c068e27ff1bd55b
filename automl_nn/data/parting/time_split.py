"""Train and validation rows by time: what comes later chooses."""

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automl_nn.data.parting.dealing import suffices_or_refuse
from automl_nn.data.parting.split import Split, shares_of
from automl_nn.data.parting.strata import Strata
from automl_nn.data.roles import convert
from automl_nn.errors import SplitError

Gap = float | str | timedelta | np.timedelta64


def time_split(
    times: npt.ArrayLike,
    *,
    val_share: float = 0.2,
    gap: Gap = 0,
    labels: npt.ArrayLike | None = None,
    min_positives: int = 1,
) -> Split:
    """Cut rows so that the latest ones are in `val` and none of `train` lies within `gap` before them.

    Rows of one moment are never on both sides. Rows inside the gap are in neither part.

    Args:
        times: Numbers, dates or moments, one per row (n_rows,), in any order.
        val_share: Share of the rows in `val`, between 0 and 1; more where many rows have the first moment of `val`.
        gap: Least distance from `train` to `val`, in the unit of `times`; a timedelta or a text such as "7D" for dates.
        labels: Classes that both parts must hold, as in `stratified_split`.
        min_positives: Rows that each part must hold of every class of every label.

    Raises:
        SplitError: A time is missing, a part is empty, the gap is negative, or a part lacks rows of a class.

    Example:
        >>> split = time_split([1, 2, 3, 4, 5], val_share=0.4, gap=2)
        >>> split.train.tolist(), split.val.tolist()
        ([0, 1], [3, 4])
    """
    moments = _moments(times)
    distance = _distance(gap, moments)
    n_val = round(len(moments) * float(shares_of(val_share, len(moments))[1]))
    first = moments.sort_values(ignore_index=True).iloc[len(moments) - n_val]
    in_val, in_train = (moments >= first).to_numpy(), ((moments < first) & (moments <= first - distance)).to_numpy()
    if not in_train.any():
        raise SplitError(
            f"No row lies {gap} or more before {first}, where the validation rows begin: "
            "take a smaller gap or a smaller val_share."
        )
    part = np.where(in_val, 1, np.where(in_train, 0, -1))
    if labels is not None:
        suffices_or_refuse(Strata.of(labels), part, n_parts=2, min_positives=min_positives)
    return Split.dealt(part)


def _moments(times: npt.ArrayLike) -> "pd.Series[Any]":
    moments = pd.Series(times).reset_index(drop=True).rename("times")
    moments = convert(moments, "numeric" if pd.api.types.is_numeric_dtype(moments) else "datetime")
    if moments.isna().any():
        raise SplitError(f"Row {int(moments.isna().argmax())} has no time: give it one or leave the row out.")
    return moments


def _distance(gap: Gap, moments: "pd.Series[Any]") -> Any:
    dated = pd.api.types.is_datetime64_any_dtype(moments)
    if gap != 0 and dated == isinstance(gap, int | float):
        raise SplitError(f"gap = {gap!r} does not fit the times: give {'a text such as 7D' if dated else 'a number'}.")
    try:
        distance: Any = pd.Timedelta(gap) if dated else gap
    except ValueError as error:
        raise SplitError(f"gap = {gap!r} is no length of time: give a text such as 7D, 12h or 30min.") from error
    if distance < 0 * distance:
        raise SplitError(f"gap = {gap!r} is not possible: it is 0 or more.")
    return distance
