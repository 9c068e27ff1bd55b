"""Images a second, in training: our loop beside a DataLoader with transforms of each image, for the same network.

    python benchmarks/image_loops.py                             # digits enlarged to 28 x 28 grey, 32 x 32 and 64 x 64
    python benchmarks/image_loops.py --sizes 28x28x1 --batches 64 --changes usual --width 32
    python benchmarks/image_loops.py data.npz                    # array X (n, h, w[, c]) of bytes, grey or in colour

The loop by hand is what people write: Pillow images, changed, made tensors and normalized one after the other
(`image_changes.py`); the layers of `automl_nn.model.backbones.cnn.CNN`; AdamW with clipped gradients. Ours changes as
much and as often, in tensors of a whole batch, and of images of up to 100 pixels trains eight networks at once, as a
search does: each of them sees as many images as the one by hand, and all are counted. The loops take turns, so that
other load meets all of them.

Printed, for each size of images and of batches and each set of changes: how many times the images a second of the loop
by hand are ours,

- with one core each: one thread, nothing beside it; also by processor time, which other programs disturb less;
- with all cores: as many loops of ours as there are cores, as a search runs them, beside the best loop by hand, of one
  thread or as many as there are cores, without workers of its DataLoader or with as many.
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from image_changes import CHANGES, Changed, mixed
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader
from turns import N_CORES, PRECISIONS, compare, our_steps

from automl_nn.data.images.arrays import Images
from automl_nn.data.images.given import images_of
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.train.precision import Precision

Array = NDArray[Any]

SIZES = ("28x28x1", "32x32x3", "64x64x3")


def digits(size: str) -> tuple[Array, Array]:
    """Scikit-learn's digits enlarged to height x width x channels."""
    height, width, channels = map(int, size.split("x"))
    x, y = load_digits(return_X_y=True)
    small = torch.from_numpy(255 / 16 * x).float().view(-1, 1, 8, 8)
    large = nn.functional.interpolate(small, size=(height, width), mode="bilinear").round().to(torch.uint8)
    return large.expand(-1, channels, -1, -1).contiguous().numpy(), y


def given(source: str) -> tuple[Array, Array]:
    with np.load(source) as arrays:
        pixels, y = images_of(arrays["X"]).pixels, np.unique(arrays["y"], return_inverse=True)[1]
    if pixels.dtype != np.uint8 or pixels.shape[1] not in (1, 3):
        raise SystemExit(f"Pillow reads bytes of 1 or 3 channels, not {pixels.dtype} of {pixels.shape[1]}.")
    return pixels, y


def our_loop(
    x: Array, y: Array, *, width: int, batch_size: int, changes: Mapping[str, Any], precision: Precision
) -> Iterator[int]:
    """Train by our loop; yield the number of images of each step, counted for each network."""
    problem = pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(x))
    fixed = {
        "model.backbone.name": "cnn",
        "model.backbone.d_block": width,
        "train.batch_size": batch_size,
        **{f"train.augmentation.{knob}": value for knob, value in changes.items()},
    }
    return our_steps(problem, edit_space(space_for(problem), fixed), precision=precision)


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, d: int, n_taps: int) -> None:
        super().__init__()
        self.added = nn.Sequential(*plain_layer(d, d, n_taps), nn.Conv2d(d, d, n_taps, padding=n_taps // 2))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.added(x)
        return y


class PlainCNN(nn.Module):
    """The layers of `automl_nn.model.backbones.cnn.CNN` as people write them, of images of `side` pixels a side."""

    def __init__(self, d_in: int, *, side: int, width: int, n_classes: int) -> None:
        super().__init__()
        stages = [width * 2**stage for stage in range(4)]
        layers = plain_layer(d_in, width, 3)
        for before, after in itertools.pairwise(stages):
            convolution, *others = plain_layer(before, after, 3)
            side //= 2
            layers += [convolution, nn.MaxPool2d(2), *others, Residual(after, 3 if side > 1 else 1)]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(2 * stages[-1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        output: Tensor = self.head(nn.functional.dropout(pooled, 0.1))
        return output


def plain_layer(d_in: int, d_out: int, n_taps: int) -> list[nn.Module]:
    return [nn.Conv2d(d_in, d_out, n_taps, padding=n_taps // 2), nn.BatchNorm2d(d_out), nn.ReLU()]


def plain_loop(
    x: Array, y: Array, *, width: int, batch_size: int, changes: Mapping[str, Any], n_workers: int
) -> Iterator[int]:
    """Train by hand; yield the number of images of each step."""
    n_classes = int(y.max()) + 1
    network = PlainCNN(x.shape[1], side=max(x.shape[2:]), width=width, n_classes=n_classes)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    loader = DataLoader(
        Changed(x, y, changes),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
    )
    for images, targets in itertools.chain.from_iterable(itertools.repeat(loader)):
        if changes["mixup"]:
            images, targets = mixed(images, targets, share=changes["mixup"], n_classes=n_classes)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), targets).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        yield len(images)


def both(x: Array, y: Array, *, n_rounds: int, seconds: float, **asked: Any) -> str:
    """Ours beside the loops by hand."""
    ours = {name: partial(our_loop, x, y, precision=name, **asked) for name in PRECISIONS}
    by_hand = {f"workers: {n}": partial(plain_loop, x, y, n_workers=n, **asked) for n in (0, max(2, N_CORES))}
    return compare(ours, by_hand, n_rounds=n_rounds, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", help=".npz with X and y; digits unless given")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="height x width x channels, of digits")
    parser.add_argument("--width", type=int, default=16, help="of the network's first layer")
    parser.add_argument("--batches", type=int, nargs="+", default=(64, 128), help="images of a step")
    parser.add_argument(
        "--changes", nargs="+", default=list(CHANGES), choices=list(CHANGES), help="see image_changes.py"
    )
    parser.add_argument("--rounds", type=int, default=5, help="turns of each loop that are measured")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a turn")
    options = parser.parse_args()
    turns = {"n_rounds": options.rounds, "seconds": options.seconds}
    for x, y in [given(options.source)] if options.source else map(digits, options.sizes):
        for batch_size, changes in itertools.product(options.batches, options.changes):
            told = both(x, y, width=options.width, batch_size=batch_size, changes=CHANGES[changes], **turns)
            size = "x".join(map(str, (*x.shape[2:], x.shape[1])))
            print(f"{size}, width {options.width}, batches of {batch_size}, changes {changes}: {told}", flush=True)


if __name__ == "__main__":
    main()
