"""Images at equal time: our search beside Optuna's PyTorch example with a small CNN, and images a second of two loops.

    python benchmarks/images.py                          # scikit-learn's digits, 60 s
    python benchmarks/images.py data.npz --seconds 300   # arrays X (n, h, w[, c]), y, and perhaps `test`, true or false
    python benchmarks/images.py folder --seconds 300     # a folder for each class
    python benchmarks/images.py labels.csv --target y    # columns `path` and y; Parquet too

Both systems get the same training images and the same seconds, one after the other, each with one thread. The loop by
hand is `pytorch_simple.py` of Optuna's examples (10 epochs of batches of 128, layers, dropout, optimizer and learning
rate drawn), with one to three convolutions in front, and as in the example its last trial may end after the time.
Printed: accuracy, and average precision where there are two classes, on images that neither has seen.

Then images a second, in training, of our loop and of a DataLoader with transforms of each image, for the same network,
the same random shifts and batches of the same size; with `--loops` nothing but this.
"""

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from automl_nn import ImageClassifier
from automl_nn.data.image import Images
from automl_nn.data.image_given import images_of
from automl_nn.data.read import read_frame
from automl_nn.search.attempt import stack_of
from automl_nn.search.encodings import Encodings
from automl_nn.search.image_spaces import image_space
from automl_nn.search.images import pose_images
from automl_nn.search.spaces import edit_space
from automl_nn.space.draw import defaults
from automl_nn.train.device import threads
from automl_nn.train.loop import fit

Array = NDArray[Any]

EPOCHS, BATCH, VAL_SHARE, TEST_SHARE = 10, 128, 0.2, 0.25
"""Of the example, but for the share of images that test."""

SHIFT = 0.08
WARM, MEASURED = 3, 40
"""Steps of a loop by hand before, and in, its measurement."""


def digits() -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    return (255 / 16 * x).astype(np.uint8).reshape(-1, 8, 8), y


def read(source: str | None, target: str) -> tuple[Array, Array, Array]:
    """Images `(n, channels, height, width)`, labels, and which of them test."""
    test: Array | None = None
    x: Any
    if source is None:
        x, y = digits()
    elif source.endswith(".npz"):
        with np.load(source) as arrays:
            x, y, test = arrays["X"], arrays["y"], arrays.get("test")
    elif Path(source).is_dir():
        files = sorted(file for file in Path(source).glob("*/*") if file.is_file())
        x, y = files, np.array([file.parent.name for file in files])
    else:
        frame = read_frame(source)
        x, y = [Path(source).parent / name for name in frame["path"]], frame[target].to_numpy()
    pixels = images_of(x).pixels
    _, y = np.unique(y, return_inverse=True)
    if test is None:
        test = np.isin(
            np.arange(len(y)), train_test_split(np.arange(len(y)), test_size=TEST_SHARE, stratify=y, random_state=0)[1]
        )
    return pixels, y, test.astype(bool)


def scores(y: Array, probability: Array) -> str:
    found = f"accuracy {accuracy_score(y, probability.argmax(1)):.4f}"
    if probability.shape[1] == 2:
        found += f"  average precision {average_precision_score(y, probability[:, 1]):.4f}"
    return found


def ours(x: Array, y: Array, x_test: Array, *, seconds: float, workers: int) -> Array:
    model = ImageClassifier(n_trials=None, timeout=seconds, n_workers=workers, random_state=0)
    found: Array = model.fit(x, y).predict_proba(x_test)
    return found


def by_hand(x: Array, y: Array, x_test: Array, *, seconds: float) -> Array:
    """What the best trial of the example says of the images that test."""
    fit_rows, val_rows = train_test_split(np.arange(len(y)), test_size=VAL_SHARE, stratify=y, random_state=0)
    low, span = float(x.min()), max(float(x.max() - x.min()), 1.0)
    scaled = [torch.from_numpy((part - low) / span).float() for part in (x[fit_rows], x[val_rows], x_test)]
    labels = [torch.from_numpy(y[rows]).long() for rows in (fit_rows, val_rows)]
    best: dict[str, Any] = {"score": -1.0}

    def objective(trial: optuna.Trial) -> float:
        network = example_network(trial, shape=x.shape[1:], n_classes=int(y.max()) + 1)
        name = trial.suggest_categorical("optimizer", ["Adam", "RMSprop", "SGD"])
        lr = trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        optimizer = getattr(torch.optim, name)(network.parameters(), lr=lr)
        data = torch.utils.data.TensorDataset(scaled[0], labels[0])
        for epoch in range(EPOCHS):
            network.train()
            for images, targets in DataLoader(data, batch_size=BATCH, shuffle=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(images), targets).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            score = float((predicted(network, scaled[1]).argmax(1) == labels[1].numpy()).mean())
            if score > best["score"]:
                best.update(score=score, test=predicted(network, scaled[2]))
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, timeout=seconds)
    found: Array = best["test"]
    return found


def example_network(trial: optuna.Trial, *, shape: tuple[int, ...], n_classes: int) -> nn.Sequential:
    """Convolutions with pooling while there are pixels to pool, then the dense layers of the example."""
    (d, *size), layers = shape, list[nn.Module]()
    for i in range(trial.suggest_int("n_convolutions", 1, 3)):
        width = trial.suggest_int(f"n_channels_{i}", 8, 64, log=True)
        layers += [nn.Conv2d(d, width, 3, padding=1), nn.ReLU()]
        if min(size) >= 2:
            layers.append(nn.MaxPool2d(2))
            size = [side // 2 for side in size]
        d = width
    layers.append(nn.Flatten())
    d *= size[0] * size[1]
    for i in range(trial.suggest_int("n_layers", 1, 3)):
        width = trial.suggest_int(f"n_units_l{i}", 4, 128)
        layers += [nn.Linear(d, width), nn.ReLU(), nn.Dropout(trial.suggest_float(f"dropout_l{i}", 0.2, 0.5))]
        d = width
    return nn.Sequential(*layers, nn.Linear(d, n_classes))


@torch.no_grad()
def predicted(network: nn.Module, x: Tensor) -> Array:
    network.eval()
    found: Array = torch.cat([network(part).softmax(1) for part in torch.split(x, 512)]).double().numpy()
    return found


class Shifted(Dataset[tuple[Tensor, int]]):
    """Images moved at random and scaled one by one, as transforms of images are."""

    def __init__(self, x: Array, y: Array) -> None:
        self._x, self._y = x, y
        self._reach = [round(SHIFT * side) for side in x.shape[2:]]
        self._mean, self._deviation = float(x.mean()), float(x.std())

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        image = (torch.from_numpy(self._x[i]).float() - self._mean) / self._deviation
        height, width = image.shape[1:]
        down, right = (int(torch.randint(0, 2 * reach + 1, ())) for reach in self._reach)
        top, left = self._reach
        longer = nn.functional.pad(
            image[None], (left, left, top, top), mode="reflect" if min(height, width) > 1 else "replicate"
        )[0]
        return longer[:, down : down + height, right : right + width], int(self._y[i])


def loops(x: Array, y: Array, *, width: int) -> Iterator[tuple[str, float]]:
    """Images a second of each loop, for one network."""
    frame = pd.DataFrame({"y": y})
    problem = pose_images(frame, ["y"], Images.of(x))
    still = {"train.n_epochs": 2, "train.augmentation.shift": SHIFT, "model.backbone.d_block": width}
    config = defaults(edit_space(image_space(problem), {"model.backbone.name": "cnn", "train.batch_size": 64, **still}))
    (rows,) = Encodings(problem).of(config["model"]["encoder"])
    for precision in ("float32", "bfloat16"):
        network = stack_of(rows, [config], task=problem.task, seeds=[0])
        train = {**config["train"], "precision": precision}
        *_, last = fit(network, rows.fold.train, rows.fold.val, [train], task=problem.task, seeds=[0])
        yield f"our loop, {precision}", last.rows_per_second
    part = problem.split.train
    data = Shifted(x[part], y[part])
    for n_workers in (0, 2):
        plain = PlainCNN(x.shape[1], width=width, n_classes=int(y.max()) + 1)
        loader = DataLoader(data, batch_size=64, shuffle=True, drop_last=True, num_workers=n_workers)
        yield f"DataLoader, {n_workers} workers", plain_loop(plain, loader)


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
        output: Tensor = self.head(torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1))
        return output


def plain_layer(d_in: int, d_out: int) -> list[nn.Module]:
    return [nn.Conv2d(d_in, d_out, 3, padding=1), nn.BatchNorm2d(d_out), nn.ReLU()]


def plain_loop(network: nn.Module, loader: DataLoader[tuple[Tensor, int]]) -> float:
    """Images a second of a loop by hand."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    network.train()
    steps = itertools.islice(itertools.chain.from_iterable(itertools.repeat(loader)), WARM + MEASURED)
    seen, begun = 0, time.perf_counter()
    for step, (images, targets) in enumerate(steps):
        if step == WARM:
            seen, begun = 0, time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), targets).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        seen += len(images)
    return seen / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source", nargs="?", help=".npz, .csv, .parquet or a folder for each class; digits unless given"
    )
    parser.add_argument("--target", default="y", help="column of the labels of a .csv or .parquet")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=1, help="processes of our search")
    parser.add_argument("--width", type=int, default=16, help="of the network whose loops are compared")
    parser.add_argument("--loops", action="store_true", help="compare nothing but loops")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x, y, test = read(options.source, options.target)
    with threads(1):
        if not options.loops:
            print(
                f"{(~test).sum()} images of {x.shape[1:]} to learn from, {test.sum()} to test on, {options.seconds:g} s"
            )
            for name, system in (("automl_nn", ours), ("Optuna's example with a CNN", by_hand)):
                own = {"workers": options.workers} if system is ours else {}
                begun = time.perf_counter()
                found = system(x[~test], y[~test], x[test], seconds=options.seconds, **own)
                print(f"{name:28s} {scores(y[test], found)}  in {time.perf_counter() - begun:.0f} s", flush=True)
        paces = dict(loops(x[~test], y[~test], width=options.width))
        for name, pace in paces.items():
            print(f"{name:28s} {pace:8.0f} images a second, {pace / min(paces.values()):.2f} times the slowest")


if __name__ == "__main__":
    main()
