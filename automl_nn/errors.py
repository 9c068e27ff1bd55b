"""Every error that automl_nn raises on purpose.

```
AutoMLError
├── InputError             what was given cannot be used (exit code 2)
│   ├── DataError          a file or a table
│   ├── TargetError        a target column
│   ├── SplitError         too few rows or labels for the parts asked for
│   ├── SpaceError         an option, a knob or a value
│   ├── BudgetError        trials, seconds, epochs
│   ├── StorageError       a database, or a study that is not the one asked for
│   ├── DecisionError      scores, costs, constraints
│   └── ModelFileError     a saved model
├── FullDiskError          no room is left for a database (exit code 1)
└── TrainingError          the input was fine, the training was not (exit code 1)
    ├── DivergedError      a loss or an output stopped being finite
    └── NoTrialError       no trial of the study finished
```

A message names the value, the rule and the way out, in one sentence.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class AutoMLError(Exception):
    """Base of all errors raised by automl_nn."""

    exit_code = 1


class InputError(AutoMLError, ValueError):
    """What the caller gave cannot be used."""

    exit_code = 2


class DataError(InputError):
    """A file or a table cannot be used."""


class TargetError(InputError):
    """A target column does not fit the task."""


class SplitError(InputError):
    """The rows or labels do not suffice for the parts asked for."""


class SpaceError(InputError):
    """An option, a knob or a value does not exist."""


class BudgetError(InputError):
    """A budget in trials, seconds or epochs is not positive."""


class StorageError(InputError):
    """A database cannot be used, or it holds another study under this name."""


class DecisionError(InputError):
    """Scores, costs or constraints that no decision can be made from."""


class ModelFileError(InputError):
    """A saved model is truncated, changed, or from a newer version."""


class FullDiskError(AutoMLError):
    """No room is left on the disk that a database lies on."""


class TrainingError(AutoMLError):
    """Training failed on input that was fine."""


class DivergedError(TrainingError):
    """A loss or an output stopped being finite."""


class NoTrialError(TrainingError):
    """No trial of the study finished."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that proposes the nearest known name and lists them all.

    Args:
        name: What was asked for.
        known: What exists.

    Example:
        >>> did_you_mean("rellu", ["gelu", "relu"])
        "Did you mean 'relu'? Known: gelu, relu."
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    listed = f"Known: {', '.join(names)}."
    return f"Did you mean {near[0]!r}? {listed}" if near else listed


def preview(values: Sequence[object]) -> str:
    """The first few values, for a message.

    Example:
        >>> preview(range(9))
        '0, 1, 2, 3, 4, ...'
    """
    shown = ", ".join(repr(value) for value in values[:5])
    return f"{shown}, ..." if len(values) > 5 else shown
