"""Rows without a label take part in training: the layers that read images learn to say what is on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor

from automl_nn.model.backbones.image import as_map
from automl_nn.model.decoder import Decoder
from automl_nn.model.images import ImageRows
from automl_nn.model.network import Network
from automl_nn.model.stack import select
from automl_nn.space.options import Option, Options
from automl_nn.space.ranges import Choice, Held, Integer, Real
from automl_nn.train.batches.rows import Fold, one_after_the_other


@final
@dataclass(frozen=True)
class Reconstruction:
    """How much the drawing of images counts, and how they are drawn.

    Args:
        weight: What the squared error of the drawing counts, beside 1 of the loss of the labels. In units of the
            variance of pixels, so that the mean image has an error of about 1.
        side: Longest side of the images that are drawn, in pixels.
        d_block: Width of the decoder's maps.

    Source:
        Ranzato and Szummer (2008), doi:10.1145/1390156.1390256: one encoder, the loss of a classifier and that of a
        decoder added up; Rasmus et al. (2015), arXiv:1507.02672.
    """

    weight: float
    side: int
    d_block: int


@final
class Branch:
    """A decoder for each network of a stack, which shares the layers that read images and stays behind after training.

    At each step it reads as many images as the step has labelled rows, drawn from all that train, labelled or not.
    They go through the network apart from the labelled ones, whose outputs they do not touch.

    Args:
        reconstruction: How images are drawn.
        network: The stack.
        images: The images that train, labelled or not.
        batch_size: Images of a step, at most.
        seeds: One for each network, for its decoder and the order of its images.
    """

    def __init__(
        self,
        reconstruction: Reconstruction,
        network: Network,
        images: ImageRows,
        *,
        batch_size: int,
        seeds: Sequence[int],
    ) -> None:
        self._weight, self._images = reconstruction.weight, images
        self._batch_size, self._shape = min(batch_size, len(images)), images.shape.shrunk(reconstruction.side)
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        decoder = Decoder(
            k=network.k,
            d_in=network.backbone.d_out,
            d_block=reconstruction.d_block,
            shape=self._shape,
            seeds=seeds,
        )
        like = next(network.parameters())
        self.decoder = decoder.to(like.device, like.dtype)

    def loss(self, network: Network) -> Float[Tensor, " k"]:
        """What the drawings of a step add to the loss of each network.

        Args:
            network: The stack as it is now.
        """
        orders = [torch.randperm(len(self._images), generator=own)[: self._batch_size] for own in self._generators]
        pixels = torch.stack([self._images[order.to(self._images.rows.device)].gathered() for order in orders])
        drawn = self.decoder(network.seen(pixels))
        with torch.no_grad():
            wanted = as_map(network.scaled(pixels), shape=self._shape)
        error: Tensor = self._weight * (drawn - wanted).square().mean((1, 2, 3, 4))
        return error

    def keep(self, indices: Sequence[int]) -> None:
        """Go on with these networks only, in this order, each with its own order of images."""
        self.decoder = select(self.decoder, indices, k=len(self._generators))
        self._generators = [self._generators[i] for i in indices]


def branch_of(network: Network, fold: Fold, config: Mapping[str, Any], *, seeds: Sequence[int]) -> Branch | None:
    """What draws images beside the training of a stack; None if nothing does.

    Args:
        network: The stack.
        fold: What is learned from.
        config: A train config.
        seeds: One for each network.
    """
    own = RECONSTRUCTION.make(config["reconstruction"]) if "reconstruction" in config else None
    if own is None or fold.unlabelled is None:
        return None
    network.remember(fold.unlabelled.inputs)
    images = one_after_the_other([fold.train, fold.unlabelled]).inputs.images
    assert images is not None
    batch_size = min(int(config["batch_size"]), len(fold.train))
    return Branch(own, network, images, batch_size=batch_size, seeds=seeds)


def not_drawn() -> None:
    """No image is drawn."""


RECONSTRUCTION: Options[Reconstruction | None] = Options(
    "reconstruction",
    {
        "none": Option(not_drawn, source="none: labels alone teach"),
        "decoder": Option(
            Reconstruction,
            {
                "weight": Real(0.03, 1.0, default=0.3, log=True, valid=(0.0, 100.0)),
                "side": Held(Choice((16, 32), default=16, also=Integer(4, 1024, default=16))),
                "d_block": Held(Integer(4, 64, default=16, log=True, valid=(1, 1024))),
            },
            source="doi:10.1145/1390156.1390256",
        ),
    },
)
"""Whether networks also learn to draw the images that they read, those without a label among them."""
