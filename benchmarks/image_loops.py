"""Images a second, in training: our loop beside a DataLoader with transforms of each image, for the same network.

    python benchmarks/image_loops.py                             # digits enlarged to 28 x 28 grey, 32 x 32 and 64 x 64
    python benchmarks/image_loops.py --sizes 28x28x1 --width 32 --batches 64
    python benchmarks/image_loops.py data.npz                    # array X (n, h, w[, c]) of bytes, grey or in colour

The loop by hand is what people write: Pillow images, each moved by some pixels, every second one mirrored, made tensors
and normalized, one after the other; the layers of `automl_nn.model.backbones.cnn.CNN`; AdamW with clipped gradients.
Ours moves and mirrors as far and as often, in tensors of a whole batch, in the precision that is faster here, as the
search does. Each loop has one thread for its steps; the loops take turns, so that other load meets all of them.

Printed: images a second of each, by the clock; how many times those of the better DataLoader (without workers, or with
two beside the loop) are ours; and the same by processor time for the one without workers, which other programs disturb
less.
"""

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from automl_nn.data.image import Images
from automl_nn.data.image_given import images_of
from automl_nn.search.attempt import stack_of
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.images import pose_images
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.images import image_space
from automl_nn.space.draw import defaults
from automl_nn.train.device import threads
from automl_nn.train.feed import Feeder
from automl_nn.train.loop import stack_loss
from automl_nn.train.precision import Precision, set_precision
from automl_nn.train.stack_loss import FoldLosses
from automl_nn.train.step import Stepper

Array = NDArray[Any]

SIZES = ("28x28x1", "32x32x3", "64x64x3")
SHIFT = 0.08
"""Furthest move, as a share of a side."""

OURS: tuple[Precision, ...] = ("float32", "bfloat16")
WORKERS = (0, 2)

N_EPOCHS = 10_000
"""More than are ever asked for."""


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


def our_loop(x: Array, y: Array, *, width: int, batch_size: int, precision: Precision) -> Iterator[int]:
    """Train by our loop; yield the number of images of each step."""
    problem = pose_images(pd.DataFrame({"y": y}), ["y"], Images.of(x))
    fixed = {
        "model.backbone.name": "cnn",
        "model.backbone.d_block": width,
        "train.batch_size": batch_size,
        "train.augmentation.shift": SHIFT,
        "train.augmentation.flip": "left_right",
    }
    config = defaults(edit_space(image_space(problem), fixed))
    (rows,) = Encodings(problem).of(config["model"]["encoder"])
    network = stack_of(rows, [config], task=problem.task, seeds=[0])
    set_precision(network, precision)
    batches, _ = Feeder(network, [rows.fold], config["train"], problem.task, [0]).feed()
    losses = FoldLosses([stack_loss(rows.fold.train, [config["train"]], task=problem.task)])
    stepper = Stepper(network, [config["train"]], loss=losses, n_steps=batches.n_steps * N_EPOCHS)
    network.train()
    for _ in range(N_EPOCHS):
        for batch in batches.epoch():
            stepper.step(batch)
            yield batches.batch_size


class Transformed(Dataset[tuple[Tensor, int]]):
    """Images changed, made tensors and normalized one by one, as torchvision does it with Pillow's images."""

    def __init__(self, x: Array, y: Array) -> None:
        self._images, self._y = x.transpose(0, 2, 3, 1).copy(), y
        self._reach = [round(SHIFT * side) for side in x.shape[2:]]
        self._mean, self._deviation = float(x.mean()) / 255, float(x.std()) / 255

    def __len__(self) -> int:
        return len(self._y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        pixels = self._images[i]
        image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
        image = self._moved(image)
        if torch.rand(()) < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        values = torch.from_numpy(np.array(image)).view(pixels.shape).permute(2, 0, 1).contiguous()
        return values.float().div(255).sub_(self._mean).div_(self._deviation), int(self._y[i])

    def _moved(self, image: Image.Image) -> Image.Image:
        """A part of the size of the image, somewhere in the image with a margin of zeros."""
        top, left = self._reach
        down, right = (int(torch.randint(0, 2 * reach + 1, ())) for reach in self._reach)
        longer = ImageOps.expand(image, border=(left, top))
        return longer.crop((right, down, right + image.width, down + image.height))


class Residual(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.added = nn.Sequential(*plain_layer(d, d), nn.Conv2d(d, d, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.added(x)
        return y


class PlainCNN(nn.Module):
    """The layers of `automl_nn.model.backbones.cnn.CNN` as people write them."""

    def __init__(self, d_in: int, *, width: int, n_classes: int) -> None:
        super().__init__()
        stages = [width * 2**stage for stage in range(4)]
        layers = plain_layer(d_in, width)
        for before, after in itertools.pairwise(stages):
            convolution, *others = plain_layer(before, after)
            layers += [convolution, nn.MaxPool2d(2), *others, Residual(after)]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(2 * stages[-1], n_classes)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.layers(x)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        output: Tensor = self.head(nn.functional.dropout(pooled, 0.1))
        return output


def plain_layer(d_in: int, d_out: int) -> list[nn.Module]:
    return [nn.Conv2d(d_in, d_out, 3, padding=1), nn.BatchNorm2d(d_out), nn.ReLU()]


def plain_loop(x: Array, y: Array, *, width: int, batch_size: int, n_workers: int) -> Iterator[int]:
    """Train by hand; yield the number of images of each step."""
    network = PlainCNN(x.shape[1], width=width, n_classes=int(y.max()) + 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    loader = DataLoader(
        Transformed(x, y),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=n_workers,
        persistent_workers=n_workers > 0,
    )
    for images, targets in itertools.chain.from_iterable(itertools.repeat(loader)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), targets).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        yield len(images)


def race(loops: Mapping[str, Iterator[int]], *, n_rounds: int, n_steps: int) -> dict[str, tuple[float, float]]:
    """Images a second of each loop, by the clock and by processor time: medians of rounds in which they take turns."""
    paces: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for number in range(n_rounds + 1):
        for name, loop in loops.items():
            begun, begun_to_work = time.perf_counter(), time.process_time()
            n_images = sum(itertools.islice(loop, n_steps))
            taken = time.perf_counter() - begun, time.process_time() - begun_to_work
            if number:  # memory is claimed and kernels are chosen in the first round
                paces[name].append((n_images / taken[0], n_images / taken[1]))
    return {name: (float(np.median(own, axis=0)[0]), float(np.median(own, axis=0)[1])) for name, own in paces.items()}


def compare(x: Array, y: Array, *, width: int, batch_size: int, n_rounds: int, n_steps: int) -> str:
    ours = {f"ours in {name}": our_loop(x, y, width=width, batch_size=batch_size, precision=name) for name in OURS}
    plain = {
        f"DataLoader with {n} workers": plain_loop(x, y, width=width, batch_size=batch_size, n_workers=n)
        for n in WORKERS
    }
    paces = race({**ours, **plain}, n_rounds=n_rounds, n_steps=n_steps)
    by_clock = max(paces[name][0] for name in ours) / max(paces[name][0] for name in plain)
    by_work = max(paces[name][1] for name in ours) / paces[f"DataLoader with {WORKERS[0]} workers"][1]
    found = ", ".join(f"{name} {pace:.0f}" for name, (pace, _) in paces.items())
    return (
        f"{'x'.join(map(str, (*x.shape[2:], x.shape[1])))}, width {width}, batches of {batch_size}: "
        f"{by_clock:.2f} times the better DataLoader, {by_work:.2f} times by processor time  [{found}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", nargs="?", help=".npz with X and y; digits unless given")
    parser.add_argument("--sizes", nargs="+", default=SIZES, help="height x width x channels, of digits")
    parser.add_argument("--width", type=int, default=16, help="of the network's first layer")
    parser.add_argument("--batches", type=int, nargs="+", default=(64, 128), help="images of a step")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each loop that are measured")
    parser.add_argument("--steps", type=int, default=20, help="steps of a turn")
    options = parser.parse_args()
    turns = {"n_rounds": options.rounds, "n_steps": options.steps}
    with threads(1):
        for x, y in [given(options.source)] if options.source else map(digits, options.sizes):
            for batch_size in options.batches:
                print(compare(x, y, width=options.width, batch_size=batch_size, **turns), flush=True)


if __name__ == "__main__":
    main()
