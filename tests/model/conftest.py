from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from automl_nn.model.build import build, model_space
from automl_nn.model.encoders import Inputs
from automl_nn.model.network import Network
from automl_nn.space.draw import defaults, flatten
from automl_nn.space.edit import fix
from automl_nn.space.options import Config

N_NUMERIC = 3
VOCABULARIES = (7, 4)
PLAIN = {"backbone__name": "mlp", "embedding__name": "none"}
SMALL = {
    "backbone.d_block": 8,
    "backbone.n_blocks": 2,
    "backbone.d_token": 8,
    "backbone.n_members": 3,
    "embedding.n_bins": 4,
}


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let torch draw the same numbers in a test, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def config() -> Callable[..., Config]:
    """A small model config, of a plain MLP unless they say otherwise; keywords set knobs, `__` standing for a dot."""

    def make(**knobs: Any) -> Config:
        space, knobs = model_space(), {**PLAIN, **knobs}
        for path, value in sorted(knobs.items(), key=lambda knob: not knob[0].endswith("name")):
            space = fix(space, path.replace("__", "."), value)
        for path, value in SMALL.items():
            if path.replace(".", "__") not in knobs and path in flatten(defaults(space)):
                space = fix(space, path, value)
        return defaults(space)

    return make


@pytest.fixture
def inputs() -> Inputs:
    generator = torch.Generator().manual_seed(7)
    dense = torch.randn(40, N_NUMERIC + 2, generator=generator)
    codes = torch.stack([torch.randint(0, n, (40,), generator=generator) for n in VOCABULARIES], dim=1)
    return Inputs(dense, codes)


@pytest.fixture
def make(inputs: Inputs) -> Callable[..., Network]:
    """Builds a stack from configs and seeds, then moves every weight so that none is zero by construction."""

    def network(configs: Sequence[Config], seeds: Sequence[int], *, moved: bool = True) -> Network:
        bias = torch.tensor([[0.5, -0.5]]) * torch.tensor(seeds).view(-1, 1)
        stack = build(
            configs,
            inputs,
            n_numeric=N_NUMERIC,
            vocabularies=VOCABULARIES,
            d_out=2,
            output_bias=bias,
            seeds=seeds,
        )
        return _move(stack, seeds) if moved else stack

    return network


@torch.no_grad()
def _move(stack: Network, seeds: Sequence[int]) -> Network:
    for parameter in stack.parameters():
        for part, seed in zip(parameter.view(len(seeds), -1), seeds, strict=True):
            part += 0.1 * torch.randn(part.shape, generator=torch.Generator().manual_seed(seed))
    return stack
