"""Tables of alternatives: what a space holds besides values and ranges.

A *space* is a dictionary of values with ranges in their place:

```python
space = {"batch_size": Choice((64, 256)), "loss": LOSSES, "n_epochs": Held(Integer(1, 1000, default=40))}
```

A *config* is a draw from it: the same dictionary with one value for each range, and `{"name": ..., **knobs}` for each
table. The path of a knob (`train.loss.gamma`) is its name everywhere: in a config, in Optuna, and behind `--set`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, final

from automl_nn.errors import SpaceError, did_you_mean

T = TypeVar("T")

Config = dict[str, Any]
"""A nested dictionary of plain values: what one trial uses."""

Space = Mapping[str, Any]
"""A nested mapping whose leaves are values, ranges, tables (`Options`) or sets of siblings (`Bundles`)."""


@final
@dataclass(frozen=True)
class Option(Generic[T]):
    """One alternative of a table.

    Args:
        make: Builds the part from its knobs, given by name.
        space: The knobs of `make` that are searched.
        source: Where the part and its ranges come from.
    """

    make: Callable[..., T]
    space: Space = field(default_factory=dict)
    source: str = ""


@final
class Options(Mapping[str, Option[T]], Generic[T]):
    """A table: all alternatives of one kind.

    Args:
        kind: The singular noun that errors use.
        options: The alternatives by name, in the order to read them.
        default: Where a search starts; the first one unless given.
        searched: The names that are drawn by default; all unless given. The others can be set by hand.

    Example:
        >>> import math
        >>> POWERS = Options("power", {"root": Option(math.sqrt), "sine": Option(math.sin)})
        >>> POWERS["root"].make(4.0)
        2.0
    """

    def __init__(
        self,
        kind: str,
        options: Mapping[str, Option[T]],
        *,
        default: str | None = None,
        searched: Sequence[str] | None = None,
    ) -> None:
        self.kind = kind
        self._options = dict(options)
        self.default = default or next(iter(searched or options))
        self.searched = tuple(searched or options)

    def __getitem__(self, name: str) -> Option[T]:
        if name not in self._options:
            raise SpaceError(f"Unknown {self.kind} {name!r}. {did_you_mean(str(name), self._options)}")
        return self._options[name]

    def __contains__(self, name: object) -> bool:
        return name in self._options

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def make(self, config: Mapping[str, Any], **context: Any) -> T:
        """Build the alternative that `config["name"]` names, from the other entries and `context`.

        Raises:
            SpaceError: The name or a knob is unknown.
        """
        knobs = {key: value for key, value in config.items() if key != "name"}
        option = self[config["name"]]
        for knob in knobs:
            if knob not in option.space:
                raise SpaceError(no_knob(f"{self.kind} {config['name']!r}", knob, option.space))
        return option.make(**knobs, **context)

    def only(self, *names: str, default: str | None = None) -> "Options[T]":
        """The same table with these alternatives alone."""
        return Options(self.kind, {name: self[name] for name in names}, default=default)

    def search(self, *names: str, default: str | None = None) -> "Options[T]":
        """The same table, with these alternatives drawn by default."""
        for name in names:
            self[name]
        return Options(self.kind, self._options, default=default or names[0], searched=names)

    def with_spaces(self, spaces: Mapping[str, Space]) -> "Options[T]":
        """The same table with these alternatives alone, each with another space."""
        options = {name: replace(self[name], space=space) for name, space in spaces.items()}
        return Options(self.kind, options, default=self.default if self.default in options else None)


@final
class Bundles:
    """A choice between sets of siblings: the chosen set is laid beside the key that names it.

    `{"recipe": Bundles({"relu-he": {"activation": ..., "initializer": ...}, ...})}` draws `recipe`, `activation`
    and `initializer` of one dictionary: readers find `activation` in one place, whether it came alone or in a recipe.

    Args:
        bundles: The sets by name.
        default: Where a search starts; the first one unless given.
    """

    def __init__(self, bundles: Mapping[str, Space], *, default: str | None = None) -> None:
        self.bundles = dict(bundles)
        self.default = default if default in self.bundles else next(iter(self.bundles))

    def keep(self, bundles: Mapping[str, Space]) -> "Bundles":
        """The same choice between these sets."""
        return Bundles(bundles, default=self.default)


def no_knob(owner: str, knob: str, known: Collection[str]) -> str:
    """The message for a knob that does not exist."""
    return (
        f"Unknown knob {knob!r} of {owner}. {did_you_mean(knob, known)}"
        if known
        else f"{owner} has no knobs, so {knob!r} cannot be set."
    )
