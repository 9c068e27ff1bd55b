"""What the pages of a study tell of its data and cannot ask later, since the data themselves are not kept."""

from collections.abc import Sequence

from automl_nn.review.tables import Report, label_rows
from automl_nn.search.problems.problem import Problem


def about(problem: Problem, *, command: Sequence[str] = ()) -> Report:
    """Rows, labels and missing values of a problem as plain values; stored with its study.

    Args:
        problem: What is given.
        command: The words of a command line that makes the study, without its limits; none if it is made in Python.

    Returns:
        `rows` (`given`, `train`, `val`), `labels` (as `label_rows`), `missing` (values by column, where
        there are any), `n_series` (0 where rows stand alone) and `command`.

    Example:
        >>> import pandas as pd
        >>> from automl_nn.search.problems.problem import pose
        >>> known = about(pose(pd.DataFrame({"x": [0.5, None, 2.0] * 20, "y": [0, 0, 1] * 20}), ["y"]))
        >>> known["rows"]["given"], known["missing"], known["labels"][1]["val"]
        (60, {'x': 20}, 4)
    """
    split, frame = problem.split, problem.table.frame
    missing = {str(name): int(n) for name, n in frame.isna().sum().items() if n}
    return {
        "rows": {"given": problem.table.n_rows, "train": len(split.train), "val": len(split.val)},
        "labels": label_rows(problem),
        "missing": missing,
        "n_series": 0 if problem.steps is None else len(problem.steps.starts),
        "command": [str(word) for word in command],
    }
