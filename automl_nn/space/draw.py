"""The one recursion over a space: draw a config, supply the defaults, describe the ranges."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from automl_nn.space.options import Bundles, Config, Options, Space
from automl_nn.space.ranges import Choice, Range, Trial, Value


def suggest(trial: Trial, space: Space, path: str = "") -> Config:
    """Draw a config: ask the trial for every range, under its path.

    A knob that two alternatives of a table have with different ranges is asked for under the name of its alternative,
    as `train.optimizer.sgd.lr`, so that a sampler does not mix the two; its place in the config is the same.

    Args:
        trial: An Optuna trial, or anything with its three `suggest` methods.
        space: What to draw from.
        path: The path of `space` itself, for a part of a larger space.

    Example:
        >>> import optuna
        >>> suggest(optuna.trial.FixedTrial({"size": 64}), {"size": Choice((32, 64)), "depth": 2})
        {'size': 64, 'depth': 2}
    """
    config: Config = {}
    for key, node in space.items():
        here = f"{path}.{key}" if path else key
        if isinstance(node, Bundles):
            name = Choice(tuple(node.bundles), node.default).suggest(trial, here)
            config |= {key: name} | suggest(trial, node.bundles[str(name)], path)
        elif isinstance(node, Options):
            name = str(Choice(node.searched, node.default).suggest(trial, f"{here}.name"))
            config[key] = {"name": name} | _suggest_knobs(trial, node, name, here)
        elif isinstance(node, Range):
            config[key] = node.suggest(trial, here)
        else:
            config[key] = suggest(trial, node, here) if isinstance(node, Mapping) else node
    return config


def _suggest_knobs(trial: Trial, table: Options[Any], name: str, path: str) -> Config:
    """Draw the knobs of an alternative: under their own names where others have them with other ranges."""
    config: Config = {}
    for knob, node in table[name].space.items():
        shared = all(option.space[knob] == node for option in table.values() if knob in option.space)
        config |= suggest(trial, {knob: node}, path if shared else f"{path}.{name}")
    return config


@final
class _Start:
    """A trial that answers with the start of every range."""

    def __init__(self, space: Space) -> None:
        self._starts = starts(space)

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return int(self._starts[name])

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return float(self._starts[name])

    def suggest_categorical(self, name: str, choices: Sequence[Value]) -> Value:
        return self._starts[name]


def starts(space: Space, path: str = "") -> dict[str, Value]:
    """Where each knob starts, by its name in Optuna: a knob of an alternative under both names that it may have.

    Args:
        space: What is drawn from.
        path: The path of `space` itself, for a part of a larger space.

    Example:
        >>> import optuna
        >>> space = {"depth": Choice((1, 2)), "size": 8}
        >>> starts(space), suggest(optuna.trial.FixedTrial(starts(space)), space) == defaults(space)
        ({'depth': 1}, True)
    """
    found: dict[str, Value] = {}
    for key, node in space.items():
        here = f"{path}.{key}" if path else key
        if isinstance(node, Bundles):
            found |= {here: node.default} | starts(node.bundles[node.default], path)
        elif isinstance(node, Options):
            knobs = node[node.default].space
            found |= {f"{here}.name": node.default} | starts(knobs, here) | starts(knobs, f"{here}.{node.default}")
        elif isinstance(node, Range):
            found[here] = node.start
        elif isinstance(node, Mapping):
            found |= starts(node, here)
    return found


def defaults(space: Space) -> Config:
    """The config in which every range has its default: the first trial of a study.

    Example:
        >>> defaults({"train": {"batch_size": Choice((64, 256), default=256)}})
        {'train': {'batch_size': 256}}
    """
    return suggest(_Start(space), space)


def flatten(config: Mapping[str, Any], path: str = "") -> dict[str, Value]:
    """A config as one dictionary from path to value.

    Example:
        >>> flatten({"train": {"loss": {"name": "focal", "gamma": 2.0}}})
        {'train.loss.name': 'focal', 'train.loss.gamma': 2.0}
    """
    flat: dict[str, Value] = {}
    for key, value in config.items():
        here = f"{path}.{key}" if path else key
        flat |= flatten(value, here) if isinstance(value, Mapping) else {here: value}
    return flat


def describe(space: Space, path: str = "") -> dict[str, str]:
    """Every knob's range in words, by path; equal for equal spaces.

    Alternatives stand in brackets: `train.loss[focal].gamma`.

    Example:
        >>> describe({"size": Choice((32, 64))})
        {'size': 'one of 32, 64'}
    """
    words: dict[str, str] = {}
    for key, node in space.items():
        here = f"{path}.{key}" if path else key
        if isinstance(node, Bundles):
            words[here] = f"one of {', '.join(node.bundles)}"
            for name, bundle in node.bundles.items():
                words |= describe(bundle, f"{here}[{name}]")
        elif isinstance(node, Options):
            words[f"{here}.name"] = f"one of {', '.join(node.searched)}"
            for name in node.searched:
                words |= describe(node[name].space, f"{here}[{name}]")
        elif isinstance(node, Mapping):
            words |= describe(node, here)
        else:
            words[here] = node.describe() if isinstance(node, Range) else str(node)
    return words
