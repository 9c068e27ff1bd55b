"""Command lines that a page offers to copy: continue a study, run a trial again, search on from it."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from automl_nn.space.ranges import Value

MORE = ("--timeout", "10m")
"""How much longer to search, where nothing else is asked for."""


@final
@dataclass(frozen=True)
class Command:
    """A command line with what it does.

    Args:
        purpose: What it does, in a few words.
        text: What to type.
        note: What to know about it.
    """

    purpose: str
    text: str
    note: str = ""


def command_words(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The words of the command line that made a study, without its limits; none if it was made in Python.

    Args:
        spec: What the study was begun with.
    """
    return tuple(map(str, spec.get("about", {}).get("command", ())))


def continuing(words: Sequence[str], *, n_trials: int) -> Command:
    """Search on in the same study.

    Args:
        words: What `command_words` returned.
        n_trials: Trials that the study has.

    Example:
        >>> continuing(("automl-nn", "tune", "my data.csv"), n_trials=7).text
        "automl-nn tune 'my data.csv' --timeout 10m"
    """
    if not words:
        note = "The study was made in Python: make the same Study(...) again first."
        return Command("Continue this study", f"study.tune(n_trials={max(2 * n_trials, 10)})", note)
    return Command("Continue this study", shlex.join([*words, *MORE]), _where(words))


def again(
    words: Sequence[str], *, name: str, number: int, config: Mapping[str, Value], start: Mapping[str, Value]
) -> Command:
    """Train the configuration of a trial once more, in a study of its own.

    Args:
        words: What `command_words` returned.
        name: The study.
        number: The trial.
        config: Its config, as values by path.
        start: The config of trial 0.
    """
    purpose, settings = f"Run trial {number} again", differing(start, config)
    if not words:
        text = f"Study(..., settings={settings!r}).tune(n_trials=1)"
        return Command(purpose, text, "The study was made in Python: give the same data and target.")
    note = "The same choices in a study of its own; its random numbers differ, so its score will, too."
    return Command(purpose, shlex.join([*_named(words, f"{name}-again-{number}"), *_set(settings), *_ONE]), note)


_ONE = ("--n-trials", "1")


def around(
    words: Sequence[str], *, name: str, number: int, config: Mapping[str, Value], start: Mapping[str, Value]
) -> Command:
    """Search on from a trial: the kinds of parts that it does not share with trial 0 stay, all else is searched anew.

    Args:
        words: What `command_words` returned.
        name: The study.
        number: The trial.
        config: Its config, as values by path.
        start: The config of trial 0.
    """
    purpose = f"Start from trial {number}"
    kinds = {path: value for path, value in differing(start, config).items() if isinstance(value, str)}
    if not words:
        text = f"Study(..., settings={kinds!r}).tune(timeout=600)"
        return Command(purpose, text, "The study was made in Python: give the same data and target.")
    note = _KEPT if kinds else "Only numbers differ from trial 0, and those are searched anew: this is a new search."
    return Command(purpose, shlex.join([*_named(words, f"{name}-from-{number}"), *_set(kinds), *MORE]), note)


_KEPT = (
    "A new study that keeps what is set here, the kinds of parts in which this trial differs from trial 0; all else, "
    "its numbers too, is searched anew."
)


def differing(start: Mapping[str, Value], config: Mapping[str, Value]) -> dict[str, Value]:
    """What to set so that the start becomes another config.

    Values that differ, all values of a part of another kind, and, where a choice that stands for several differs, such
    as a recipe, the kinds of all parts beside it.

    Args:
        start: The config of trial 0, as values by path.
        config: Another config.

    Example:
        >>> start = {"loss.name": "ce", "loss.tau": 0.0, "size": 64}
        >>> differing(start, {"loss.name": "focal", "loss.tau": 0.0, "size": 64})
        {'loss.name': 'focal', 'loss.tau': 0.0}
    """
    changed = {path for path, value in config.items() if start.get(path) != value}
    kinds = {path for path in changed if isinstance(config[path], str)}
    parts = tuple(path.removesuffix("name") for path in kinds if path.endswith(".name"))
    groups = tuple(f"{path.rpartition('.')[0]}." for path in kinds if not path.endswith(".name"))
    return {
        path: value
        for path, value in config.items()
        if path in changed or path.startswith(parts) or (isinstance(value, str) and path.startswith(groups))
    }


def _set(settings: Mapping[str, Value]) -> list[str]:
    return [word for path, value in settings.items() for word in ("--set", f"{path}={_text(value)}")]


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _named(words: Sequence[str], name: str) -> list[str]:
    """The words with another name of the study."""
    kept = list(words)
    if "--study-name" in kept:
        at = kept.index("--study-name")
        del kept[at : at + 2]
    return [*kept, "--study-name", name]


def _where(words: Sequence[str]) -> str:
    masked = " Put the password in place of ***." if any("***" in word for word in words) else ""
    return f"Type it in the folder in which the study was begun.{masked}"
