"""Commands that take dataclasses: each field is an option of its own."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """The same command with an option for each field of the dataclasses that it takes.

    Options that belong together, or that several commands take, are written once: as fields that are annotated as
    typer wants its parameters annotated.

    Args:
        command: A function of typer's parameters and of dataclasses of such.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Limits:
        ...     n_trials: int | None = None
        >>> @flat
        ... def tune(file: str, *, limits: Limits) -> None:
        ...     print(file, limits)
        >>> list(inspect.signature(tune).parameters)
        ['file', 'n_trials']
        >>> tune(file="iris.csv", n_trials=3)
        iris.csv Limits(n_trials=3)
    """
    parameters = inspect.signature(command).parameters.values()
    bundles: dict[str, Any] = {one.name: one.annotation for one in parameters if is_dataclass(one.annotation)}

    @wraps(command)
    def flattened(**options: Any) -> None:
        made = {
            name: bundle(**{f.name: options.pop(f.name) for f in fields(bundle)}) for name, bundle in bundles.items()
        }
        command(**options, **made)

    spread = [
        option for one in parameters for option in (_options(bundles[one.name]) if one.name in bundles else [one])
    ]
    vars(flattened)["__signature__"] = inspect.Signature(spread)
    return flattened


def _options(bundle: Any) -> list[Parameter]:
    return [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(bundle)
    ]


def given_options(*bundles: Any) -> list[str]:
    """The options that are not as when they are left out, by their names; the seed is never one.

    Args:
        *bundles: Dataclasses whose fields are options.

    Example:
        >>> from automl_nn.cli.decide.asked import Asked, Extras
        >>> given_options(Asked(maximize="f1", one_vs_rest=True), Extras(trial=0, seed=1))
        ['--maximize', '--one-vs-rest', '--trial']
    """
    values = [(field.name, getattr(bundle, field.name)) for bundle in bundles for field in fields(bundle)]
    given = [name for name, value in values if name != "seed" and value not in (None, []) and value is not False]
    return [f"--{name.replace('_', '-')}" for name in given]
