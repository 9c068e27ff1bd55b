"""What was given to `fit`: rows with their targets, checked as scikit-learn checks them."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from automl_nn.errors import TargetError

GROUP = "__group__"
"""Column that carries the groups to the split; it is no feature."""


@final
@dataclass(frozen=True)
class Given:
    """The rows that `fit` was given, less those without weight.

    Args:
        features: One column a feature.
        y: Labels or quantities, `(n,)` or `(n, n_targets)`.
        names: Names of the targets, none of them a feature's.
        groups: What must not be parted `(n,)`.
        weight: Weight of each row `(n,)`.
    """

    features: pd.DataFrame
    y: NDArray[Any]
    names: list[str]
    groups: NDArray[Any] | None
    weight: NDArray[np.float64] | None

    def take(self, rows: NDArray[np.intp]) -> "Given":
        """These rows."""
        return Given(
            features=self.features.iloc[rows].reset_index(drop=True),
            y=self.y[rows],
            names=self.names,
            groups=None if self.groups is None else self.groups[rows],
            weight=None if self.weight is None else self.weight[rows],
        )

    def frame(self) -> pd.DataFrame:
        """Features, targets and groups side by side."""
        targets = pd.DataFrame(self.y, columns=self.names)
        groups = {} if self.groups is None else {GROUP: self.groups}
        return pd.concat([self.features, targets, pd.DataFrame(groups, index=targets.index)], axis=1)


def target_names(y: Any, values: NDArray[Any], taken: list[str]) -> list[str]:
    """The targets' own names where they have some, behind underscores where a feature has the same."""
    own = list(y.columns) if hasattr(y, "columns") else [getattr(y, "name", None)]
    if None in own:
        own = ["y"] if values.ndim == 1 else [f"y{i}" for i in range(values.shape[1])]
    names = list(map(str, own))
    while set(names) & {*taken, GROUP}:
        names = [f"_{name}" for name in names]
    return names


def checked_labels(y: Any, *, may_miss: bool = False) -> NDArray[Any]:
    """Checked classes `(n,)` or labels `(n, n_labels)`.

    Args:
        y: Targets as they were given.
        may_miss: Whether rows may have no class; labels may always be missing.

    Example:
        >>> checked_labels([1, None, 0], may_miss=True).tolist()
        [1, None, 0]
    """
    if _has_several(y):
        return _numbers(y)
    labels = _one_column(y, may_miss=may_miss)
    check_classification_targets(_known(labels))
    return labels


def checked_quantities(y: Any, *, may_miss: bool = False) -> NDArray[np.float64]:
    """Checked quantities `(n,)` or `(n, n_targets)`.

    Args:
        y: Targets as they were given.
        may_miss: Whether rows may have none; one of several may always be missing.
    """
    return _numbers(y if _has_several(y) else _one_column(y, may_miss=may_miss))


def _has_several(y: Any) -> bool:
    try:
        shape = np.asarray(y).shape
    except ValueError:
        raise TargetError(
            "Input y holds sequences of unequal lengths, but one value, or one row of values, is needed for each row: "
            "values of each step of a series are for StepClassifier and StepRegressor."
        ) from None
    return len(shape) == 2 and shape[1] > 1


def _numbers(y: Any) -> NDArray[np.float64]:
    """Finite or missing numbers."""
    numbers: NDArray[np.float64] = check_array(
        y, dtype=np.float64, ensure_2d=False, ensure_all_finite="allow-nan", input_name="y"
    )
    return numbers


def _one_column(y: Any, *, may_miss: bool) -> NDArray[Any]:
    column: NDArray[Any] = column_or_1d(y, warn=True)
    missing = np.flatnonzero(pd.isna(column))
    if may_miss and 0 < len(missing) < len(column):
        return column
    if len(missing):
        raise TargetError(f"Input y contains NaN: it is missing in row {missing[0]}; leave such rows out.")
    return np.asarray(check_array(column, dtype=None, ensure_2d=False, input_name="y"))


def _known(labels: NDArray[Any]) -> NDArray[Any]:
    """Those that are not missing; numbers beside a None, which are objects there, are numbers again."""
    return np.asarray(pd.Series(labels[~pd.isna(labels)]).infer_objects().to_numpy())


def sorted_classes(labels: NDArray[Any]) -> NDArray[Any]:
    """The distinct labels, sorted; two at least.

    Args:
        labels: Classes, perhaps missing here and there `(n,)`.

    Raises:
        TargetError: There is one class alone.

    Example:
        >>> sorted_classes(np.array([1, None, 0, 1]))
        array([0, 1])
    """
    classes = np.unique(_known(labels))
    if len(classes) < 2:
        raise TargetError(
            f"There is one class alone, {classes.tolist()[0]!r}, but 2 are needed (rows of weight 0 do not count): add "
            "rows of others."
        )
    return classes
