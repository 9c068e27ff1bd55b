"""The choices of a search as factors: which of a few levels each trial had."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from automl_nn.review.words import number
from automl_nn.space.ranges import Value

Codes = npt.NDArray[np.int64]

MOST_VALUES = 5
"""Numbers with more values than this are parted into ranges that hold equally many trials."""

N_RANGES = 3

WORDS = {
    "train.optimizer.lr": "learning rate",
    "train.loss.tau": "loss weight (tau)",
    "train.loss.gamma": "focal gamma",
    "train.clip.name": "gradient clipping",
    "model.backbone.n_blocks": "blocks",
    "model.backbone.d_block": "width of a block",
}
"""What a few knobs are called in a sentence; the others by their path."""


@final
@dataclass(frozen=True, eq=False)
class Factor:
    """A knob, and which of its levels each trial had.

    Args:
        knob: Its path.
        of: The alternative that it belongs to, where alternatives search it in ranges of their own; else empty.
        levels: Its values or ranges of values, in words.
        codes: The level of each trial, -1 where a trial lacks the knob, (n_trials,).
        parts: The knobs that it decides, for a knob that stands for several choices at once.
    """

    knob: str
    of: str
    levels: tuple[str, ...]
    codes: Codes
    parts: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What the knob is called."""
        return knob_words(self.knob) + (f", {self.of}" if self.of else "")


def knob_words(path: str) -> str:
    """What a knob is called: without its group, in plain words.

    Example:
        >>> [knob_words(path) for path in ("train.optimizer.lr", "model.initializer.name", "train.batch_size")]
        ['learning rate', 'initializer', 'batch size']
    """
    below = path.removesuffix(".name").partition(".")[2] or path
    return WORDS.get(path) or re.sub("[._]", " ", below)


def factors(configs: Sequence[Mapping[str, Value]], space: Mapping[str, str]) -> tuple[Factor, ...]:
    """The knobs in which trials differ.

    Args:
        configs: The config of each trial, as values by path.
        space: Every knob's range in words, as `describe` gives it; it tells which knobs stand for others.

    Example:
        >>> configs = [{"train.loss.name": "focal", "train.loss.gamma": 2.0}, {"train.loss.name": "cross_entropy"}]
        >>> [(factor.words, factor.levels, factor.codes.tolist()) for factor in factors(configs, {})]
        [('loss', ('cross_entropy', 'focal'), [1, 0])]
    """
    paths = dict.fromkeys(path for config in configs for path in config)
    bundles = _bundles(space)
    apart = _apart(space, bundles)
    found = []
    for path in paths:
        values = [config.get(path) for config in configs]
        for of, own in _by_alternative(path, values, configs, apart):
            levels, codes = _levels(own)
            if len(levels) > 1:
                found.append(Factor(path, of, levels, codes, bundles.get(path, ())))
    return tuple(found)


def _by_alternative(
    path: str, values: list[Value | None], configs: Sequence[Mapping[str, Value]], apart: Mapping[str, str]
) -> list[tuple[str, list[Value | None]]]:
    """The values of each alternative alone, where alternatives have ranges of their own."""
    if path not in apart:
        return [("", values)]
    owners = [config.get(apart[path]) for config in configs]
    names = sorted({str(owner) for owner, value in zip(owners, values, strict=True) if value is not None})
    return [(name, [v if o == name else None for o, v in zip(owners, values, strict=True)]) for name in names]


def _levels(values: Sequence[Value | None]) -> tuple[tuple[str, ...], Codes]:
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        distinct = np.unique(numbers[~np.isnan(numbers)])
        return _ranges(numbers, distinct) if len(distinct) > MOST_VALUES else _numbers(numbers, distinct)
    names = sorted({_named(value) for value in known})
    codes = [-1 if value is None else names.index(_named(value)) for value in values]
    return tuple(names), np.array(codes, dtype=np.int64)


def _named(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbers(numbers: npt.NDArray[np.float64], distinct: npt.NDArray[np.float64]) -> tuple[tuple[str, ...], Codes]:
    codes = np.where(np.isnan(numbers), -1, np.searchsorted(distinct, numbers))
    return tuple(number(value) for value in distinct), codes.astype(np.int64)


def _ranges(numbers: npt.NDArray[np.float64], distinct: npt.NDArray[np.float64]) -> tuple[tuple[str, ...], Codes]:
    known = numbers[~np.isnan(numbers)]
    inner = np.unique(np.quantile(known, np.arange(1, N_RANGES) / N_RANGES, method="inverted_cdf"))
    codes = np.searchsorted(inner, numbers, side="left")
    ends = [_span(distinct[(np.searchsorted(inner, distinct, side="left") == code)]) for code in range(len(inner) + 1)]
    full = [code for code, words in enumerate(ends) if words]
    places = np.full(len(ends) + 1, -1)
    places[full] = np.arange(len(full))
    return tuple(ends[code] for code in full), np.where(np.isnan(numbers), -1, places[codes]).astype(np.int64)


def _span(values: npt.NDArray[np.float64]) -> str:
    if not len(values):
        return ""
    low, high = _short(values[0]), _short(values[-1])
    return low if low == high else f"{low} to {high}"


def _short(value: float) -> str:
    """Two digits that matter, which is enough for the end of a range."""
    return f"{value:.0f}" if abs(value) >= 100 or float(value).is_integer() else f"{value:.2g}"


def _bundles(space: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Knobs that stand for several, by path, and which ones they decide, at least for some of their values."""
    decided: dict[str, list[str]] = {}
    for key, words in space.items():
        head, bracket, rest = key.partition("[")
        if bracket and f"{head}.name" not in space and head in space:
            below = rest.partition("].")[2]
            path = re.sub(r"\[[^\]]*\]", "", f"{head.rpartition('.')[0]}.{below}".removeprefix("."))
            decided.setdefault(head, [])
            if words.startswith("one of ") and "," not in words:
                decided[head].append(path)
    return {path: tuple(dict.fromkeys(parts)) for path, parts in decided.items()}


def _apart(space: Mapping[str, str], bundles: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Knobs that alternatives of a table search in different ranges, by path, and the knob that names the table."""
    ranges: dict[str, set[str]] = {}
    for key, words in space.items():
        found = re.fullmatch(r"([^\[\]]+)\[[^\]]*\]\.([^\[\]]+)", key)
        if found and found[1] not in bundles:
            ranges.setdefault(f"{found[1]}.{found[2]}", set()).add(words)
    return {path: f"{path.rpartition('.')[0]}.name" for path, words in ranges.items() if len(words) > 1}
