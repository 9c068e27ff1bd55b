"""From words on a command line to values."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from automl_nn.errors import BudgetError, DataError, DecisionError, InputError, SpaceError
from automl_nn.space.ranges import Value

if TYPE_CHECKING:
    from automl_nn.review.picked import Condition

_SPAN = re.compile(r"(?=.)(?:_d)?(?:_h)?(?:_m(?:in)?)?(?:_s?)?".replace("_", r"(\d+(?:\.\d+)?)"))
_UNITS = (86400.0, 3600.0, 60.0, 1.0)


def parse_seconds(text: str) -> float:
    """A time span in seconds.

    Args:
        text: A number of seconds, or numbers with units as in `90s`, `10m`, `1h30m`, `1d`.

    Raises:
        BudgetError: It is no time span, or it is not greater than zero.

    Example:
        >>> [parse_seconds(text) for text in ("60", "10m", "1h30m")]
        [60.0, 600.0, 5400.0]
    """
    match = _SPAN.fullmatch(text.strip().lower())
    try:
        seconds = (
            sum(float(part) * unit for part, unit in zip(match.groups("0"), _UNITS, strict=True)) if match else 0.0
        )
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise BudgetError(
            f"timeout = {text!r} is not possible: give a time greater than zero in seconds, or as in 90s, 10m, 1h30m."
        )
    return seconds


def parse_size(text: str) -> tuple[int, int]:
    """Height and width of images.

    Args:
        text: As in `64`, or `48x64`.

    Raises:
        DataError: It is neither.

    Example:
        >>> parse_size("64"), parse_size("48x64")
        ((64, 64), (48, 64))
    """
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.strip().isdigit() and int(side) > 0 for side in sides):
        raise DataError(f"--image-size {text!r} is not possible: write 64, or height x width as in 48x64.")
    return int(sides[0]), int(sides[-1])


def parse_value(text: str) -> Value:
    """A value in the type that it looks like: a whole number, a number, `true`, `false`, or a word.

    Example:
        >>> [parse_value(text) for text in ("3", "1e-3", "true", "selu")]
        [3, 0.001, True, 'selu']
    """
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_settings(texts: Iterable[str]) -> dict[str, Value]:
    """The knobs that `--set path=value` fixes, by path; the last one counts.

    Raises:
        SpaceError: One is not of that form.

    Example:
        >>> parse_settings(["train.batch_size=64", "train.loss.name=focal"])
        {'train.batch_size': 64, 'train.loss.name': 'focal'}
    """
    settings = {}
    for text in texts:
        path, _, value = (part.strip() for part in text.partition("="))
        if not path or not value:
            raise SpaceError(f"--set {text!r} is not possible: write path=value, as in train.batch_size=256.")
        settings[path] = parse_value(value)
    return settings


def parse_roles(texts: Iterable[str]) -> dict[str, str]:
    """The roles that `--role column=role` sets, by column.

    Raises:
        DataError: One is not of that form.

    Example:
        >>> parse_roles(["zip=category"])
        {'zip': 'category'}
    """
    roles = {}
    for text in texts:
        column, _, role = text.rpartition("=")
        if not column or not role:
            raise DataError(f"--role {text!r} is not possible: write column=role, as in zip=category.")
        roles[column] = role
    return roles


def parse_cost(text: str) -> tuple[float, ...]:
    """The costs of a false alarm and of a miss, or of all four outcomes.

    Args:
        text: As in `fp=1,fn=50`, or `fp=1,fn=50,tp=2,tn=0`.

    Raises:
        DecisionError: It is not of that form.

    Example:
        >>> parse_cost("fp=1,fn=50")
        (1.0, 50.0)
    """
    prices = dict(part.strip().lower().partition("=")[::2] for part in text.split(","))
    try:
        if set(prices) in ({"fp", "fn"}, {"fp", "fn", "tp", "tn"}):
            return tuple(float(prices[name]) for name in ("fp", "fn", "tp", "tn") if name in prices)
    except ValueError:
        pass
    raise DecisionError(f"--cost {text!r} is not possible: write fp=1,fn=50 for a miss that costs 50 false alarms.")


def parse_gap(value: object) -> float | str:
    """A distance in time: a number, or a text such as `7D` as it is.

    Example:
        >>> parse_gap("30"), parse_gap("7D")
        (30.0, '7D')
    """
    try:
        return float(str(value))
    except ValueError:
        return str(value)


def parse_condition(text: str) -> "Condition":
    """What `--where` asks of a trial.

    Args:
        text: A column or the path of a knob, a sign, and a value: `train.batch_size>=64`.

    Raises:
        InputError: It is not of that form.

    Example:
        >>> parse_condition("model.backbone.name=mlp")
        Condition(column='model.backbone.name', sign='=', value='mlp')
    """
    from automl_nn.review.picked import SIGNS, Condition  # which wait for pandas

    match = re.fullmatch(rf"([^<>=!]+?)\s*({'|'.join(SIGNS)})\s*(.+)", text.strip())
    if match is None:
        raise InputError(
            f"--where {text!r} is not possible: write a condition such as score>0.9 or train.loss.name=focal."
        )
    return Condition(match[1].strip(), match[2], parse_value(match[3].strip()))
