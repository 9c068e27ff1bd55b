"""A command line as words, so that a study can say how to continue it."""

from pathlib import Path
from typing import Any


def words_of(command: str, file: Path, options: dict[str, Any]) -> tuple[str, ...]:
    """A command line of `automl-nn` that says the same as these options.

    Args:
        command: Name of the command.
        file: Its file.
        options: Values by the names of the options; None, False and empty ones are not given.

    Example:
        >>> words_of("tune", Path("a b.csv"), {"target": ["y"], "per_step": False, "val_share": 0.3, "task": None})
        ('automl-nn', 'tune', 'a b.csv', '--target', 'y', '--val-share', '0.3')
    """
    words = ["automl-nn", command, str(file)]
    for name, value in options.items():
        if value is None or value is False or value == []:
            continue
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        else:
            words += [word for one in (value if isinstance(value, list) else [value]) for word in (flag, str(one))]
    return tuple(words)
