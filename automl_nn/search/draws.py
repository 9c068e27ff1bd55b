"""Trials drawn from the space, and which of them can be trained as one stack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, final

from automl_nn.model.build import bucket as model_bucket
from automl_nn.space.options import Config
from automl_nn.space.ranges import Value
from automl_nn.store.claims import Claim
from automl_nn.train.space import bucket as train_bucket


@final
@dataclass(frozen=True, slots=True)
class Draw:
    """A claimed trial and what it is made of.

    Args:
        claim: The right to train it.
        config: Its draw from the space.
        seed: The seed of its training.
    """

    claim: Claim
    config: Config
    seed: int


class Drawn(Protocol):
    """Whatever has been drawn from the space."""

    @property
    def config(self) -> Config:
        """The draw."""


D = TypeVar("D", bound=Drawn)


def stacks(draws: Sequence[D]) -> list[list[D]]:
    """Draws that can be trained together, in the order of the first of each stack."""
    together: dict[Any, list[D]] = {}
    for draw in draws:
        key = model_bucket(draw.config["model"]), train_bucket(draw.config["train"])
        together.setdefault(key, []).append(draw)
    return list(together.values())


def shared_knobs(config: Mapping[str, Any]) -> dict[str, Value]:
    """By path, what a config must have like this one to be trained in one stack with it.

    Args:
        config: A draw from the space; its recipe is part of it, since it decides on the normalization.
    """
    model, train = config["model"], config["train"]
    shared = {f"model.{path}": value for path, value in model_bucket(model)} | {"model.recipe": model["recipe"]}
    return shared | {f"train.{path}": value for path, value in train_bucket(train)}
