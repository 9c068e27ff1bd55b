"""What images learn when they are asked more than a class: labels with gaps, tiny heat maps, tiny batches, likeness.

    python benchmarks/image_tasks.py labels         # mean average precision: all labels, half of them, what others do
    python benchmarks/image_tasks.py heat           # correlation per epoch: standardized targets, and raw ones
    python benchmarks/image_tasks.py batch          # accuracy with batches of 2 and of 64, and with batch norm alone
    python benchmarks/image_tasks.py embeddings     # recall at 1: triplets, and a classifier's hidden units
    python benchmarks/image_tasks.py fusion         # log loss: image and table, image alone, table alone
    python benchmarks/image_tasks.py unlabelled     # accuracy with 5 % of labels: the others left out, and taking part

`labels` takes 3,000 images, then 1,500, of which half of the labels are few; trials are compared by average precision.
Data are made of scikit-learn's digits by `written_digits.py`; `--npz FILE` takes others, with arrays `X`, `y` and, for
`fusion`, `table`. Each way has a number of trials and of epochs, or of seconds, that takes some minutes on one core;
`--trials`, `--seconds`, `--epochs` and `--seeds` set others.
"""

import argparse
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, average_precision_score, log_loss
from written_digits import Array, beside_columns, collages, digits, numbers

from automl_nn import AutoMLClassifier, ImageClassifier, ImageEmbedder, Study
from automl_nn.data.images.arrays import Images
from automl_nn.data.images.given import no_table
from automl_nn.data.images.maps import Maps
from automl_nn.errors import AutoMLError
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.maps import pose_maps
from automl_nn.search.problems.problem import Problem
from automl_nn.search.spaces.default import edit_space, space_for
from automl_nn.space.draw import defaults
from automl_nn.task.maps import encode_maps
from automl_nn.task.metrics import find_metric
from automl_nn.task.tasks import Regression
from automl_nn.train.device import threads
from automl_nn.train.optimizers import OPTIMIZERS

OPTIMIZERS_TRIED: Mapping[str, Mapping[str, Any]] = {
    "adamw": {"train.optimizer.name": "adamw", "train.optimizer.lr": 3e-3},
    "sgd": {"train.optimizer.name": "sgd", "train.optimizer.lr": 3e-2},
}

TRAIN_SHARE = 0.75

N_LABELLED = (3000, 1500)
"""Collages of each set for `labels`; the larger one is read in fewer epochs, so that networks see as many images."""

N_SHOWN = 7
"""Labelled digits of each class, 5 % of those that train."""


@final
@dataclass(frozen=True)
class Asked:
    """What is measured, and for how long.

    Args:
        npz: File with the data; None for scikit-learn's digits.
        trials: Trials of each search; None for as many as there is time for.
        seconds: Time of each search; None if trials are counted.
        epochs: Epochs of each training.
        seeds: How often all is done anew.
    """

    npz: Path | None
    trials: int | None
    seconds: float | None
    epochs: int | None
    seeds: int

    def budget(self, settings: Mapping[str, Any] | None = None, *, seed: int) -> dict[str, Any]:
        """Parameters of an estimator."""
        epochs = {} if self.epochs is None else {"train.n_epochs": self.epochs}
        every = {"model.backbone.d_block": 8, **epochs, **(settings or {})}
        return {"n_trials": self.trials, "timeout": self.seconds, "settings": every, "random_state": seed}

    def given(self, *names: str) -> list[Array]:
        """Arrays of the file."""
        assert self.npz is not None
        with np.load(self.npz) as arrays:
            return [arrays[name] for name in names]


def part(n: int, *, seed: int) -> NDArray[np.bool_]:
    """Which rows train."""
    return np.random.default_rng(seed).random(n) < TRAIN_SHARE


def heat(asked: Asked) -> None:
    images, maps, _labels = collages(seed=0, side=32, most=4)
    scaled = pose_maps(pd.DataFrame(index=range(len(images))), Maps.of(maps), Images.of(images))
    raw = replace(scaled, task=Regression(scaled.task.targets, scaled.task.metric))
    raw = replace(raw, y=encode_maps(raw.task, Maps.of(maps)))
    for name, optimizer in OPTIMIZERS_TRIED.items():
        epochs = {"train.n_epochs": asked.epochs}
        curves = {
            f"{what}, {target}": [scores[what] for scores in told]
            for target, problem in (("standardized", scaled), ("raw", raw))
            for told in [list(of_epochs(problem, {**optimizer, **epochs}))]
            for what in ("correlation", "r2")
        }
        index = pd.RangeIndex(1, 1 + len(next(iter(curves.values()))), name=name)
        print(pd.DataFrame(curves, index=index).round(3).to_string(), flush=True)


def of_epochs(problem: Problem, chosen: Mapping[str, Any]) -> Iterator[Mapping[str, float]]:
    """Scores after each epoch of a small network with batch norm; r2 is 0 for whoever stays at the mean."""
    settings: dict[str, Any] = {"model.recipe": "relu-he-batchnorm", "model.backbone.d_block": 8}
    space = space_for(problem)
    space = {**space, "train": {**space["train"], "optimizer": OPTIMIZERS}}
    config = defaults(edit_space(space, {**settings, "train.batch_size": 16, **chosen}))
    for (progress,) in Attempt(Encodings(problem), [config], seeds=[0]).epochs(seconds=math.inf):
        yield progress.row.metrics["val"]


def labels(asked: Asked) -> None:
    if asked.npz is not None:
        X, y = asked.given("X", "y")
        _half_of_labels(asked, f"{len(X)} images", [(X, y)] * asked.seeds)
        return
    for n in N_LABELLED:
        made = [collages(seed=seed, side=24, most=3, n=n) for seed in range(asked.seeds)]
        epochs = None if asked.epochs is None else max(1, asked.epochs * min(N_LABELLED) // n)
        _half_of_labels(replace(asked, epochs=epochs), f"{n} images", [(X, y) for X, _heat, y in made])


def _half_of_labels(asked: Asked, what: str, sets: Sequence[tuple[Array, Array]]) -> None:
    """Each way with half of the labels, on one set for each seed."""
    found = []
    for seed, (X, y) in enumerate(sets):
        train, gaps = part(len(X), seed=seed), np.random.default_rng(seed).random(y.shape) < 0.5
        half = np.where(gaps, np.nan, y.astype(float))
        whole = train & np.isfinite(half).all(axis=1)
        ways = {
            "all labels": (train, y.astype(float)),
            "half of them": (train, half),
            "missing = no": (train, np.where(gaps, 0.0, y)),
            "drop the row": (whole, half),
        }
        found.append({name: of_labels(asked, X, y, rows, known, ~train, seed) for name, (rows, known) in ways.items()})
        scores = ", ".join(f"{name} {score:.4f}" for name, score in found[-1].items())
        print(f"{what}, seed {seed}: {scores}", flush=True)
    mean = pd.DataFrame(found).mean()
    scores = ", ".join(f"{name} {score:.4f}" for name, score in mean.items())
    print(f"{what}, mean: {scores}; half / all {mean['half of them'] / mean['all labels']:.3f}", flush=True)


def of_labels(asked: Asked, X: Array, y: Array, rows: Array, known: Array, test: Array, seed: int) -> float:
    """Mean average precision on rows that test; that of a ranking at random where there are too few to learn from."""
    classifier = ImageClassifier(metric="average_precision", **asked.budget(seed=seed))
    try:
        probability = classifier.fit(X[rows], known[rows]).predict_proba(X[test])
    except (AutoMLError, ValueError):  # ValueError is scikit-learn's where there is no row at all
        return float(y[test].mean())
    return float(average_precision_score(y[test], probability, average="macro"))


def batch(asked: Asked) -> None:
    X, y = digits() if asked.npz is None else asked.given("X", "y")
    ways: dict[str, dict[str, Any]] = {
        "batches of 64": {"train.batch_size": 64},
        "batches of 2": {"train.batch_size": 2},
        "batches of 2, batch norm alone": {"train.batch_size": 2, "model.recipe": "relu-he-batchnorm"},
    }
    for seed in range(asked.seeds):
        train = part(len(X), seed=seed)
        for name, settings in ways.items():
            classifier = ImageClassifier(**asked.budget(settings, seed=seed)).fit(X[train], y[train])
            score = accuracy_score(y[~train], classifier.predict(X[~train]))
            norm = classifier.trials_["model.normalization.name"][0]
            print(f"seed {seed}: {name:31s} accuracy {score:.4f}, best trial with {norm} norm", flush=True)


def embeddings(asked: Asked) -> None:
    for seed in range(asked.seeds):
        parts = numbers(seed=seed) if asked.npz is None else of_classes(*asked.given("X", "y"), seed=seed)
        X, y = parts.pop("train")
        for loss in ("semi_hard", "contrastive"):
            with tempfile.TemporaryDirectory() as folder:
                budget = asked.budget({"train.loss.name": loss}, seed=seed)
                embedder = ImageEmbedder(**budget, storage=f"sqlite:///{folder}/study.db").fit(X, y)
                told = {name: recall(embedder.transform(own), of) for name, (own, of) in parts.items()}
                print(f"seed {seed}: {loss + ' embeddings':24s} {sentence(told)}; {counted(embedder)}", flush=True)
        classifier = ImageClassifier(**asked.budget(seed=seed)).fit(X, y)
        told = {name: recall(hidden_units(classifier, own), of) for name, (own, of) in parts.items()}
        print(f"seed {seed}: classifier's last layer   {sentence(told)}", flush=True)


def of_classes(X: Array, y: Array, *, seed: int) -> dict[str, tuple[Array, Array]]:
    """Seven of ten classes train, but for some of their rows."""
    classes = np.random.default_rng(seed).permutation(np.unique(y))
    known, train = np.isin(y, classes[: round(0.7 * len(classes))]), part(len(y), seed=seed)
    rows = {"train": known & train, "known classes": known & ~train, "new classes": ~known}
    return {name: (X[own], y[own]) for name, own in rows.items()}


def recall(vectors: Array, y: Array) -> tuple[float, float]:
    """Recall at 1 and mean average precision."""
    codes = np.unique(y, return_inverse=True)[1].astype(float)[:, None]
    at_1, precision = (find_metric(name, "embedding") for name in ("recall_at_1", "mean_average_precision"))
    return at_1.score(codes, vectors), precision.score(codes, vectors)


def sentence(told: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name}: recall at 1 {at_1:.3f}, mAP {precision:.3f}" for name, (at_1, precision) in told.items())


def counted(embedder: ImageEmbedder) -> str:
    """Triplets of the images that choose, in the first and the last epoch of the best trial."""
    own = embedder.study_.epochs(embedder.study_.best_number)
    kinds = {kind: own[f"val.{kind}_triplets"] for kind in ("hard", "semi_hard", "easy")}
    return "triplets " + ", ".join(f"{kind} {n.iloc[0]:.0f} -> {n.iloc[-1]:.0f}" for kind, n in kinds.items())


def hidden_units(classifier: ImageClassifier, X: Array) -> Array:
    """What the last layer of a classifier's first network reads, as directions."""
    network, seen = classifier.predictor_.networks[0].network, []  # type: ignore[union-attr]
    hook = network.head.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    classifier.predictor_.networks[0].output(no_table(len(X)), images=Images.of(X))
    hook.remove()
    units = np.concatenate([part.numpy() for part in seen])
    return np.asarray(units / np.linalg.norm(units, axis=1, keepdims=True))


def fusion(asked: Asked) -> None:
    if asked.npz is None:
        X, beside, y = beside_columns()
    else:
        X, columns, y = asked.given("X", "table", "y")
        beside = pd.DataFrame(columns).add_prefix("x")
    for seed in range(asked.seeds):
        train, budget = part(len(X), seed=seed), asked.budget(seed=seed)
        fused = ImageClassifier(**budget).fit(X[train], y[train], table=beside[train])
        proba = {"image and table": fused.predict_proba(X[~train], table=beside[~train])}
        proba["image alone"] = ImageClassifier(**budget).fit(X[train], y[train]).predict_proba(X[~train])
        plain = {name: value for name, value in budget.items() if name != "settings"}
        proba["table alone"] = AutoMLClassifier(**plain).fit(beside[train], y[train]).predict_proba(beside[~train])
        told = (f"{name} {log_loss(y[~train], p, labels=fused.classes_):.4f}" for name, p in proba.items())
        print(f"seed {seed}: log loss " + ", ".join(told), flush=True)


def unlabelled(asked: Asked) -> None:
    X, y = digits() if asked.npz is None else asked.given("X", "y")
    found = []
    for seed in range(asked.seeds):
        train, rng = part(len(X), seed=seed), np.random.default_rng(seed)
        shown = [rng.choice(np.flatnonzero(train & (y == name)), N_SHOWN, replace=False) for name in np.unique(y)]
        hidden = np.where(np.isin(np.arange(len(y)), shown), y.astype(float), np.nan)[train]
        ways = {"labelled alone": "none", "with the others": "confident"}
        told = {
            way: accuracy_score(y[~train], partly(asked, X[train], hidden, X[~train], name, seed))
            for way, name in ways.items()
        }
        found.append(told)
        print(f"seed {seed}: accuracy " + ", ".join(f"{way} {score:.4f}" for way, score in told.items()), flush=True)
    print("mean: accuracy " + ", ".join(f"{way} {score:.4f}" for way, score in pd.DataFrame(found).mean().items()))


def partly(asked: Asked, X: Array, hidden: Array, X_test: Array, pseudo: str, seed: int) -> Array:
    """Classes of images that test, by a study some of whose images have no label."""
    budget = asked.budget({"train.pseudo.name": pseudo}, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/studies.db"
        frame = pd.DataFrame({"y": hidden})
        study = Study(frame, "y", task="multiclass", images=X, settings=budget["settings"], storage=storage, seed=seed)
        study.tune(n_trials=budget["n_trials"], timeout=budget["timeout"], references=False)
        probability = study.predictor().predict_proba(X_test)
        study.store.close()
    classes: Array = np.unique(hidden[np.isfinite(hidden)])
    return np.asarray(classes[probability.argmax(axis=1)])


WAYS = {
    "labels": (labels, Asked(None, trials=1, seconds=None, epochs=80, seeds=2)),
    "heat": (heat, Asked(None, trials=None, seconds=None, epochs=8, seeds=1)),
    "batch": (batch, Asked(None, trials=2, seconds=None, epochs=6, seeds=1)),
    "embeddings": (embeddings, Asked(None, trials=None, seconds=40.0, epochs=None, seeds=2)),
    "fusion": (fusion, Asked(None, trials=4, seconds=None, epochs=20, seeds=2)),
    "unlabelled": (unlabelled, Asked(None, trials=3, seconds=None, epochs=30, seeds=3)),
}
"""What can be measured, and how long each takes unless somebody says otherwise."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WAYS)
    parser.add_argument("--npz", type=Path)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--trials", type=int)
    budget.add_argument("--seconds", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int)
    options = vars(parser.parse_args())
    way, asked = WAYS[options.pop("what")]
    chosen = {name: value for name, value in options.items() if value is not None}
    if chosen.keys() & {"trials", "seconds"}:
        asked = replace(asked, trials=None, seconds=None)
    with threads(1):
        way(replace(asked, **chosen))


if __name__ == "__main__":
    main()
