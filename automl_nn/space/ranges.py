"""What one knob may be: a range to search, with the value to start from and the values it accepts."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

from automl_nn.errors import SpaceError

Value = bool | int | float | str


class Trial(Protocol):
    """The part of an Optuna trial that a space needs."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...
    def suggest_categorical(self, name: str, choices: Sequence[Value]) -> Any: ...


class Range(ABC):
    """Abstract: the values of one knob."""

    @property
    @abstractmethod
    def start(self) -> Value:
        """The value of the first trial, and of every trial if the knob is not searched."""

    @abstractmethod
    def suggest(self, trial: Trial, path: str) -> Value:
        """Draw a value under the name `path`."""

    @abstractmethod
    def check(self, value: Value, path: str) -> Value:
        """Return the value in this knob's type.

        Raises:
            SpaceError: The knob does not accept it.
        """

    @abstractmethod
    def describe(self) -> str:
        """The range in words, equal for equal ranges."""


def _refuse(path: str, value: Value, rule: str) -> SpaceError:
    return SpaceError(f"{path} = {value!r} is not possible: it takes {rule}.")


def _number(value: Value, path: str, rule: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _refuse(path, value, rule)
    return value


@final
@dataclass(frozen=True, slots=True)
class Integer(Range):
    """Whole numbers from `low` to `high`, both included.

    Args:
        low: Smallest value searched.
        high: Largest value searched.
        default: The value to start from.
        log: Search on a logarithmic scale.
        valid: Smallest and largest value that may be set by hand; `(low, high)` unless given.

    Example:
        >>> Integer(1, 6, default=3).check(4, "model.backbone.n_blocks")
        4
    """

    low: int
    high: int
    default: int
    log: bool = False
    valid: tuple[int, int] | None = None

    @property
    def start(self) -> int:
        return self.default

    def suggest(self, trial: Trial, path: str) -> int:
        return trial.suggest_int(path, self.low, self.high, log=self.log)

    def check(self, value: Value, path: str) -> int:
        low, high = self.valid or (self.low, self.high)
        rule = f"a whole number from {low} to {high}"
        number = _number(value, path, rule)
        if number != int(number) or not low <= number <= high:
            raise _refuse(path, value, rule)
        return int(number)

    def describe(self) -> str:
        return f"integer {self.low}..{self.high}{' log' if self.log else ''}"


@final
@dataclass(frozen=True, slots=True)
class Real(Range):
    """Real numbers from `low` to `high`, both included.

    Args:
        low: Smallest value searched.
        high: Largest value searched.
        default: The value to start from.
        log: Search on a logarithmic scale.
        valid: Smallest and largest value that may be set by hand; `(low, high)` unless given.

    Example:
        >>> Real(0.0, 0.7, default=0.1, valid=(0.0, 0.99)).check(0.9, "dropout")
        0.9
    """

    low: float
    high: float
    default: float
    log: bool = False
    valid: tuple[float, float] | None = None

    @property
    def start(self) -> float:
        return self.default

    def suggest(self, trial: Trial, path: str) -> float:
        return trial.suggest_float(path, self.low, self.high, log=self.log)

    def check(self, value: Value, path: str) -> float:
        low, high = self.valid or (self.low, self.high)
        rule = f"a number from {low:g} to {high:g}"
        number = _number(value, path, rule)
        if not low <= number <= high:
            raise _refuse(path, value, rule)
        return float(number)

    def describe(self) -> str:
        return f"real {self.low:g}..{self.high:g}{' log' if self.log else ''}"


@final
@dataclass(frozen=True, slots=True)
class Choice(Range):
    """One of a few values. A choice of one value is fixed: it is not drawn.

    Args:
        values: What is searched.
        default: The value to start from; the first one unless given.
        also: A range of further values that may be set by hand.

    Example:
        >>> Choice((64, 256), default=256, also=Integer(1, 4096, default=1)).check(100, "train.batch_size")
        100
    """

    values: tuple[Value, ...]
    default: Value | None = None
    also: Range | None = None

    @property
    def start(self) -> Value:
        return self.values[0] if self.default is None else self.default

    def suggest(self, trial: Trial, path: str) -> Value:
        drawn: Value = trial.suggest_categorical(path, self.values) if len(self.values) > 1 else self.values[0]
        return drawn

    def check(self, value: Value, path: str) -> Value:
        for known in self.values:
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return known
        if self.also is not None:
            return self.also.check(value, path)
        raise _refuse(path, value, f"one of {', '.join(map(str, self.values))}")

    def describe(self) -> str:
        return f"one of {', '.join(map(str, self.values))}"


@final
@dataclass(frozen=True, slots=True)
class Text(Range):
    """Any text, such as the name of a folder; there is nothing to search in it.

    Example:
        >>> Text("").check("folder", "model.backbone.weights")
        'folder'
    """

    default: str

    @property
    def start(self) -> str:
        return self.default

    def suggest(self, trial: Trial, path: str) -> str:
        del trial, path
        return self.default

    def check(self, value: Value, path: str) -> str:
        if not isinstance(value, str):
            raise _refuse(path, value, "a text")
        return value

    def describe(self) -> str:
        return "a text"


@final
@dataclass(frozen=True, slots=True)
class Held(Range):
    """A knob that keeps its default in every trial until somebody sets it or puts a range in its place.

    Example:
        >>> Held(Integer(1, 1000, default=40)).start
        40
    """

    range: Range

    @property
    def start(self) -> Value:
        return self.range.start

    def suggest(self, trial: Trial, path: str) -> Value:
        del trial, path
        return self.range.start

    def check(self, value: Value, path: str) -> Value:
        return self.range.check(value, path)

    def describe(self) -> str:
        return f"{self.range.start}"
