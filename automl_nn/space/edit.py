"""Change a space at one path: give a knob a value, or another range."""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, final

from automl_nn.errors import SpaceError, did_you_mean
from automl_nn.space.draw import starts
from automl_nn.space.options import Bundles, Options, Space
from automl_nn.space.ranges import Choice, Held, Range, Value

SPOKEN = {"learning_rate": "lr", "hidden_size": "d_block", "n_layers": "n_blocks"}
"""What knobs are called elsewhere: whoever asks for one by that name is told ours."""


def fix(space: Space, path: str, value: Value) -> Space:
    """The space in which the knob at `path` has this value in every draw.

    Alternatives that cannot have the value are left out: fixing `model.activation.name` keeps the recipes that use it.

    Args:
        space: What to condition.
        path: The knob, such as `model.backbone.n_blocks`; a table's own path stands for its name.
        value: The value; it may lie outside the searched range if the knob accepts it.

    Raises:
        SpaceError: There is no such knob, or it does not accept the value.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> defaults(fix({"train": {"batch_size": Choice((64, 256))}}, "train.batch_size", 256))
        {'train': {'batch_size': 256}}
    """
    return _edited(space, path, lambda node, at: _fixed(node, value, at))


def narrow(space: Space, path: str, node: Any) -> Space:
    """The space with another range, table or value at `path`.

    Raises:
        SpaceError: There is no such knob.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> defaults(narrow({"size": Choice((64, 256))}, "size", Choice((16, 32))))
        {'size': 16}
    """
    return _edited(space, path, lambda _node, _at: node)


def is_settled(space: Space, path: str) -> bool:
    """Whether the knob at `path` has a single value left, because somebody set it.

    Raises:
        SpaceError: There is no such knob.

    Example:
        >>> space = {"train": {"batch_size": Choice((64, 256))}}
        >>> is_settled(space, "train.batch_size"), is_settled(fix(space, "train.batch_size", 64), "train.batch_size")
        (False, True)
    """
    settled: list[bool] = []

    def look(node: Any, _at: str) -> Any:
        values = node.range if isinstance(node, Held) else node
        settled.append(isinstance(values, Choice) and len(values.values) == 1)
        return node

    _edited(space, path, look)
    return all(settled)


def _fixed(node: Any, value: Value, path: str) -> Any:
    if isinstance(node, Options):
        return node.only(str(value))
    if isinstance(node, Bundles):
        if value not in node.bundles:
            raise SpaceError(f"Unknown {path} {value!r}. {did_you_mean(str(value), node.bundles)}")
        return node.keep({str(value): node.bundles[str(value)]})
    if isinstance(node, Range):
        return Held(Choice((node.check(value, path),), also=node))
    if isinstance(node, Mapping):
        raise SpaceError(f"{path} is not a knob but a group. {did_you_mean(str(value), node)}")
    if node != value:
        raise SpaceError(f"{path} = {value!r} is not possible: it is {node!r} here.")
    return node


@final
class _NoKnobError(SpaceError):
    """The part of a space that a path leads to lacks the next key.

    Args:
        key: What was asked for.
        known: What there is.
    """

    def __init__(self, key: str, known: Collection[str]) -> None:
        super().__init__(did_you_mean(key, known))
        self.is_near = bool(get_close_matches(key, known, n=1))


def _edited(space: Space, path: str, change: Callable[[Any, str], Any]) -> Space:
    """The space with a change at one path; where there is none, the nearest path that there is is named."""
    try:
        edited: Space = _put(space, path.split("."), path, change)
    except _NoKnobError as error:
        elsewhere = None if error.is_near else _nearest(path, starts(space))
        hint = f"Did you mean {elsewhere!r}? " if elsewhere else ""
        raise SpaceError(f"Unknown knob {path!r}. {hint}{error}") from None
    return edited


def _nearest(path: str, paths: Collection[str]) -> str | None:
    """The shortest path whose last word is nearest to that of another one, None if there is none that is near."""
    word = path.rpartition(".")[2]
    words = {known.rpartition(".")[2] for known in paths}
    spoken = get_close_matches(word, SPOKEN, n=1, cutoff=0.8)
    near = [SPOKEN[spoken[0]]] if spoken else get_close_matches(word, words, n=1, cutoff=0.8)
    having = [known for known in paths if known.rpartition(".")[2] in near]
    return min(having, key=len, default=None)


def _put(node: Any, keys: list[str], path: str, change: Callable[[Any, str], Any]) -> Any:
    """Rebuild the part of a space that `keys` lead to."""
    if not keys or (keys == ["name"] and isinstance(node, Options)):
        return change(node, path)
    if isinstance(node, Options):
        return _put_into_options(node, keys, path, change)
    if not isinstance(node, Mapping):
        raise SpaceError(f"Unknown knob {path!r}: nothing lies below {path.removesuffix('.' + '.'.join(keys))!r}.")
    key, *rest = keys
    if key in node:
        return {**node, key: _put(node[key], rest, path, change)}
    for name, bundles in node.items():
        if isinstance(bundles, Bundles) and any(key in bundle for bundle in bundles.bundles.values()):
            return {**node, name: _put_into_bundles(bundles, keys, path, change)}
    raise _NoKnobError(key, _names(node))


def _put_into_options(
    node: Options[Any], keys: list[str], path: str, change: Callable[[Any, str], Any]
) -> Options[Any]:
    having = [name for name in node.searched if keys[0] in node[name].space]
    having = having or [name for name in node if keys[0] in node[name].space]
    if not having:
        knobs = {knob for option in node.values() for knob in option.space} | {"name"}
        raise _NoKnobError(keys[0], knobs)
    return node.with_spaces({name: _put(node[name].space, keys, path, change) for name in having})


def _put_into_bundles(node: Bundles, keys: list[str], path: str, change: Callable[[Any, str], Any]) -> Bundles:
    kept: dict[str, Space] = {}
    refusal: SpaceError | None = None
    for name, bundle in node.bundles.items():
        try:
            kept[name] = _put(bundle, keys, path, change)
        except SpaceError as error:
            refusal = error
    if not kept:
        raise refusal or SpaceError(f"Unknown knob {path!r}.")
    return node.keep(kept)


def _names(node: Space) -> set[str]:
    bundled = [bundle for value in node.values() if isinstance(value, Bundles) for bundle in value.bundles.values()]
    return set(node).union(*bundled)
