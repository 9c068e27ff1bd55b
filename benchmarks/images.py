"""Images at equal time: our search beside Optuna's PyTorch example with a small CNN.

    python benchmarks/images.py                          # scikit-learn's digits, 60 s
    python benchmarks/images.py data.npz --seconds 300   # arrays X (n, h, w[, c]), y, and perhaps `test`, true or false
    python benchmarks/images.py folder --seconds 300     # a folder for each class
    python benchmarks/images.py labels.csv --target y    # columns `path` and y; Parquet too

Both systems get the same training images, the same seconds and the same cores, one after the other: with `--cores 2`
ours searches in two processes of one thread, and the loop by hand trains with two threads, as torch does by itself.
That loop is `pytorch_simple.py` of Optuna's examples (10 epochs of batches of 128, layers, dropout, optimizer and
learning rate drawn), with one to three convolutions in front, and as in the example its last trial may end after the
time.
Printed: accuracy, and average precision where there are two classes, on images that neither has seen.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader

from automl_nn import ImageClassifier
from automl_nn.data.images.given import images_of
from automl_nn.data.read import read_frame
from automl_nn.train.device import threads

Array = NDArray[Any]

EPOCHS, BATCH, VAL_SHARE, TEST_SHARE = 10, 128, 0.2, 0.25
"""Of the example, but for the share of images that test."""


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


def ours(x: Array, y: Array, x_test: Array, *, seconds: float, cores: int) -> Array:
    model = ImageClassifier(n_trials=None, timeout=seconds, n_workers=cores, random_state=0)
    with threads(1):
        found: Array = model.fit(x, y).predict_proba(x_test)
    return found


def by_hand(x: Array, y: Array, x_test: Array, *, seconds: float, cores: int) -> Array:
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
    with threads(cores):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source", nargs="?", help=".npz, .csv, .parquet or a folder for each class; digits unless given"
    )
    parser.add_argument("--target", default="y", help="column of the labels of a .csv or .parquet")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--cores", type=int, default=1, help="processes of our search, threads of the loop by hand")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x, y, test = read(options.source, options.target)
    print(f"{(~test).sum()} images of {x.shape[1:]} to learn from, {test.sum()} to test on, {options.seconds:g} s")
    for name, system in (("automl_nn", ours), ("Optuna's example with a CNN", by_hand)):
        begun = time.perf_counter()
        found = system(x[~test], y[~test], x[test], seconds=options.seconds, cores=options.cores)
        print(f"{name:28s} {scores(y[test], found)}  in {time.perf_counter() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    main()
