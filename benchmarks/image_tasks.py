"""What images learn when they are asked more than a class: tiny heat maps, labels with gaps, images beside a table.

    python benchmarks/image_tasks.py heat           # correlation per epoch: standardized targets, and raw ones
    python benchmarks/image_tasks.py labels         # mean average precision: all labels, half of them, "missing = no"
    python benchmarks/image_tasks.py fusion         # log loss: image and table, image alone, table alone
    python benchmarks/image_tasks.py unlabelled     # accuracy with 5 % of labels: the others left out, and taking part
    python benchmarks/image_tasks.py embeddings     # recall at 1: triplets, and a classifier's hidden units

Data are made of scikit-learn's digits; `--npz FILE` takes others, with arrays `X`, `y` and, for `fusion`, `table`.
`--seconds` is the time of each search, `--trials` a number of trials in its place, `--epochs` those of a training.
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, log_loss

from automl_nn import AutoMLClassifier, ImageClassifier, ImageEmbedder, Study
from automl_nn.data.image import Images
from automl_nn.data.image_given import no_table
from automl_nn.data.maps import Maps
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.map_problem import pose_maps
from automl_nn.search.problem import Problem
from automl_nn.search.spaces import edit_space, space_for
from automl_nn.space.draw import defaults
from automl_nn.task.maps import encode_maps
from automl_nn.task.metrics import find_metric
from automl_nn.task.tasks import Regression
from automl_nn.train.optimizers import OPTIMIZERS

OPTIMIZERS_TRIED: Mapping[str, Mapping[str, Any]] = {
    "adamw": {"train.optimizer.name": "adamw", "train.optimizer.lr": 3e-3},
    "sgd": {"train.optimizer.name": "sgd", "train.optimizer.lr": 3e-2},
}

CANVAS, N_COLLAGES = 32, 1500

N_SHOWN = 7
"""Labelled digits of each class, 5 % of those that train."""


def collages(*, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Up to four digits on a canvas: images, heat of size 0.01 at their middles, and which digits there are."""
    digits, rng = load_digits(), np.random.default_rng(seed)
    images = np.zeros((N_COLLAGES, CANVAS, CANVAS), dtype=np.uint8)
    heat = np.zeros((N_COLLAGES, CANVAS, CANVAS), dtype=np.float32)
    labels = np.zeros((N_COLLAGES, 10), dtype=np.float32)
    y, x = np.mgrid[:CANVAS, :CANVAS]
    for image, warm, label in zip(images, heat, labels, strict=True):
        for _ in range(rng.integers(0, 5)):
            i, (row, column) = rng.integers(len(digits.images)), rng.integers(0, CANVAS - 8, 2)
            square = image[row : row + 8, column : column + 8]
            np.maximum(square, (digits.images[i] * 15).astype(np.uint8), out=square)
            away = (y - row - 3.5) ** 2 + (x - column - 3.5) ** 2
            np.maximum(warm, 0.01 * np.exp(-away / 4.5), out=warm)
            label[digits.target[i]] = 1
    return images, heat, labels


def heat(_: argparse.Namespace) -> None:
    images, maps, _labels = collages(seed=0)
    scaled = pose_maps(pd.DataFrame(index=range(len(images))), Maps.of(maps), Images.of(images))
    raw = replace(scaled, task=Regression(scaled.task.targets, scaled.task.metric))
    raw = replace(raw, y=encode_maps(raw.task, Maps.of(maps)))
    for name, optimizer in OPTIMIZERS_TRIED.items():
        curves = {
            "standardized": list(correlations(scaled, optimizer)),
            "raw": list(correlations(raw, optimizer)),
        }
        epochs = pd.RangeIndex(1, 1 + len(curves["raw"]), name=name)
        print(pd.DataFrame(curves, index=epochs).round(3).to_string(), flush=True)


def correlations(problem: Problem, optimizer: Mapping[str, Any]) -> Iterator[float]:
    """Correlation with the truth after each epoch of a small network with batch norm."""
    settings: dict[str, Any] = {"model.recipe": "relu-he-batchnorm", "model.backbone.d_block": 8}
    settings |= {"train.n_epochs": 8, "train.batch_size": 16}
    space = space_for(problem)
    space = {**space, "train": {**space["train"], "optimizer": OPTIMIZERS}}
    config = defaults(edit_space(space, {**settings, **optimizer}))
    for (progress,) in Attempt(Encodings(problem), [config], seeds=[0]).epochs(seconds=math.inf):
        yield float(progress.row.metrics["val"]["correlation"])


def labels(args: argparse.Namespace) -> None:
    if args.npz is None:
        X, _, y = collages(seed=0)
    else:
        X, y = np.load(args.npz)["X"], np.load(args.npz)["y"]
    train = np.arange(len(X)) < 0.75 * len(X)
    gaps = np.random.default_rng(0).random(y.shape) < 0.5
    half = np.where(gaps, np.nan, y.astype(float))
    ways = {"all labels": y.astype(float), "half of them": half, "missing = no": np.where(gaps, 0.0, y)}
    for name, known in ways.items():
        classifier = ImageClassifier(**args.budget, settings=args.settings)
        probability = classifier.fit(X[train], known[train]).predict_proba(X[~train])
        print(f"{name:14s} {average_precision_score(y[~train], probability, average='macro'):.4f}", flush=True)
    chosen = known_rows(half[train])
    print(f"rows without a gap: {len(chosen)} of {int(train.sum())}, too few to train on alone")


def known_rows(y: NDArray[Any]) -> NDArray[np.int64]:
    """Rows all of whose labels are known: what is left of the data where others drop the row."""
    return np.flatnonzero(np.isfinite(y).all(axis=1))


def fusion(args: argparse.Namespace) -> None:
    X, table, y = written_beside() if args.npz is None else given(args.npz)
    train = np.random.default_rng(0).random(len(X)) < 0.75
    budget = args.budget
    fused = ImageClassifier(**budget).fit(X[train], y[train], table=table[train])
    proba = {"image and table": fused.predict_proba(X[~train], table=table[~train])}
    proba["image"] = ImageClassifier(**budget).fit(X[train], y[train]).predict_proba(X[~train])
    proba["table"] = AutoMLClassifier(**budget).fit(table[train], y[train]).predict_proba(table[~train])
    for name, p in proba.items():
        print(f"{name:16s} log loss {log_loss(y[~train], p, labels=fused.classes_):.4f}", flush=True)


def written_beside() -> tuple[NDArray[np.uint8], pd.DataFrame, NDArray[np.int64]]:
    """The upper half of each digit as an image, the means of the lower one's rows and columns as a table."""
    digits = load_digits()
    lower = digits.images[:, 4:]
    table = pd.DataFrame(np.concatenate([lower.mean(1), lower.mean(2)], axis=1)).add_prefix("mean")
    return (digits.images[:, :4] * 15).astype(np.uint8), table, digits.target


def given(file: Path) -> tuple[NDArray[Any], pd.DataFrame, NDArray[Any]]:
    arrays = np.load(file)
    return arrays["X"], pd.DataFrame(arrays["table"]).add_prefix("x"), arrays["y"]


def embeddings(args: argparse.Namespace) -> None:
    digits = load_digits()
    X, y = (digits.images * 15).astype(np.uint8), digits.target
    train = np.random.default_rng(0).random(len(X)) < 0.75
    budget = args.budget | {"settings": args.settings}
    triplets = ImageEmbedder(**budget).fit(X[train], y[train])
    print(f"triplets           recall at 1 {triplets.score(X[~train], y[~train]):.4f}", flush=True)
    classifier = ImageClassifier(**budget).fit(X[train], y[train])
    hidden = hidden_units(classifier, X[~train])
    codes = y[~train].astype(float)[:, None]
    print(f"classifier's units recall at 1 {find_metric('recall_at_1', 'embedding').score(codes, hidden):.4f}")


def hidden_units(classifier: ImageClassifier, X: NDArray[Any]) -> NDArray[Any]:
    """What the last layer of a classifier's first network reads, as directions."""
    network, seen = classifier.predictor_.networks[0].network, []  # type: ignore[union-attr]
    hook = network.head.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    classifier.predictor_.networks[0].output(no_table(len(X)), images=Images.of(X))
    hook.remove()
    units = np.concatenate([part.numpy() for part in seen])
    return np.asarray(units / np.linalg.norm(units, axis=1, keepdims=True))


def unlabelled(args: argparse.Namespace) -> None:
    digits = load_digits()
    X, y = (digits.images * 15).astype(np.uint8), digits.target.astype(float)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        train = rng.random(len(X)) < 0.75
        shown = [rng.choice(np.flatnonzero(train & (y == digit)), N_SHOWN, replace=False) for digit in range(10)]
        hidden = np.where(np.isin(np.arange(len(y)), shown), y, np.nan)
        scores = {}
        for name in ("none", "confident"):
            settings = args.settings | {"train.pseudo.name": name}
            columns = pd.DataFrame({"y": hidden[train]})
            with tempfile.TemporaryDirectory() as folder:
                storage = f"sqlite:///{folder}/studies.db"
                study = Study(columns, "y", task="multiclass", images=X[train], settings=settings, storage=storage)
                study.tune(n_trials=args.trials, timeout=args.budget["timeout"])
                predicted = study.predictor().predict_proba(X[~train]).argmax(axis=1)
            scores[name] = float(np.mean(predicted == y[~train]))
        print(
            f"split {seed}: labelled alone {scores['none']:.4f}, with the others {scores['confident']:.4f}", flush=True
        )


WAYS = {"unlabelled": unlabelled, "heat": heat, "labels": labels, "fusion": fusion, "embeddings": embeddings}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WAYS)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--npz", type=Path)
    args = parser.parse_args()
    args.budget = {"n_trials": args.trials, "timeout": None if args.trials else args.seconds, "random_state": 0}
    args.settings = {"model.backbone.d_block": 8}
    args.settings |= {"train.n_epochs": args.epochs} if args.epochs else {}
    WAYS[args.what](args)
