"""Which labels steps have: those of whole series, values to come; and channels that hold nothing."""

import numpy as np
import pandas as pd

from automl_nn.data.series.steps import Steps
from automl_nn.errors import DataError


def at_last_step(labels: pd.DataFrame, steps: Steps) -> pd.DataFrame:
    """Labels of whole series, each at its last step and missing at all others.

    Args:
        labels: One row a step, in the order of the steps.
        steps: The series.

    Raises:
        DataError: A series has several labels.

    Example:
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> frame = pd.DataFrame({"s": [0, 0, 1, 1]})
        >>> at_last_step(pd.DataFrame({"y": ["a", "a", "b", "b"]}), Steps.of(frame, SeriesColumns("s")))["y"].tolist()
        [nan, 'a', nan, 'b']
    """
    for name, column in labels.items():
        several = column.groupby(steps.numbers).nunique().to_numpy() > 1
        if several.any():
            series = steps.names[[several.argmax()]].tolist()[0]
            raise DataError(
                f"Series {series!r} has several values of {name!r}, but a series has one: repeat it in all rows, or "
                "add --per-step (per_step=True) if each step has its own."
            )
    is_last = np.zeros(len(labels), dtype=bool)
    is_last[steps.lasts] = True
    return pd.DataFrame({name: column.where(is_last) for name, column in labels.items()})


def later(labels: pd.DataFrame, steps: Steps) -> pd.DataFrame:
    """The labels of `horizon` steps later, missing at the end of each series; with several, a column for each.

    Args:
        labels: One row a step, in the order of the steps.
        steps: The series.

    Raises:
        DataError: No series is longer than the horizon, or several later words are asked for.

    Example:
        >>> from automl_nn.data.series.steps import SeriesColumns
        >>> steps = Steps.of(pd.DataFrame({"s": [0, 0, 0, 1, 1]}), SeriesColumns("s", horizon=1))
        >>> later(pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 5.0]}), steps)["x"].tolist()
        [2.0, 3.0, nan, 5.0, nan]
    """
    furthest, horizons = steps.columns.furthest, steps.columns.horizons
    if int(steps.sizes.max()) <= furthest:
        raise DataError(f"No series is longer than the horizon of {furthest} steps: take a shorter one.")
    found = labels.groupby(steps.numbers)
    if len(horizons) == 1:
        return found.shift(-furthest)
    for name, column in labels.items():
        if pd.to_numeric(column, errors="coerce").isna().sum() > column.isna().sum():
            raise DataError(f"Several values to come are told of numbers, but {name!r} holds words: take one horizon.")
    shifted = {horizon: found.shift(-horizon) for horizon in horizons}
    return pd.DataFrame({f"{name}+{horizon}": shifted[horizon][name] for name in labels for horizon in horizons})


def refuse_empty_channels(features: pd.DataFrame) -> None:
    """Refuse features that have no value at any step.

    Raises:
        DataError: There is one.

    Example:
        >>> refuse_empty_channels(pd.DataFrame({"pulse": [60.0, None]}))
    """
    for name in features.columns:
        if features[name].isna().all():
            raise DataError(f"Channel {name!r} is missing at all {len(features)} steps: leave it out.")
