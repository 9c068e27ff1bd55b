"""The target columns of a frame, apart from its features."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from automl_nn.errors import DataError, TargetError, did_you_mean


def split_target(frame: pd.DataFrame, names: str | Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut a frame into its features and its target columns.

    Args:
        frame: Features and targets, under text column names.
        names: One target column or several; their order is kept.

    Returns:
        The features and the targets, with the rows of `frame`.

    Raises:
        TargetError: A name is unknown, given twice, or no name is given.
        DataError: No feature column is left.

    Example:
        >>> features, target = split_target(pd.DataFrame({"age": [31], "sick": [True]}), "sick")
        >>> features.columns.tolist(), target.columns.tolist()
        (['age'], ['sick'])
    """
    targets = [names] if isinstance(names, str) else list(names)
    if not targets:
        raise TargetError(f"No target column is named: name at least one of {', '.join(frame.columns)}.")
    for name, count in Counter(targets).items():
        if name not in frame.columns:
            raise TargetError(f"There is no target column {name!r}. {did_you_mean(name, frame.columns)}")
        if count > 1:
            raise TargetError(f"The target column {name!r} is named {count} times: name it once.")
    if len(targets) == frame.shape[1]:
        raise DataError(f"The target {targets[0]!r} leaves no feature column: give a table with at least one more.")
    features = {name: frame[name] for name in frame.columns if name not in targets}
    return pd.DataFrame(features, copy=False), frame[targets]  # dropping columns would copy the others
