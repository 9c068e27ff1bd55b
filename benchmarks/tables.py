"""Equal time on tables: our search beside the loop that people write by hand with Optuna and PyTorch.

    python benchmarks/tables.py                                       # tables that scikit-learn bundles, 20 s, 2 splits
    python benchmarks/tables.py a.parquet b.csv --target y --seconds 60 --splits 5

Both systems get the same training rows and the same seconds, one after the other; ours uses one thread a worker, the
other one torch's default. Printed for each split and as means: average precision on rows that neither has seen; then F1
on those rows at the threshold that we decide on our stored validation scores, and at the one that scikit-learn's
`TunedThresholdClassifierCV` picks from the very same scores. Only binary targets.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from automl_nn import Study
from automl_nn.data.read import read_frame

Array = NDArray[Any]
ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "selu": nn.SELU, "tanh": nn.Tanh, "silu": nn.SiLU}
INITIALIZERS: dict[str, Callable[..., object]] = {
    "he": nn.init.kaiming_normal_,
    "glorot": nn.init.xavier_normal_,
    "orthogonal": nn.init.orthogonal_,
}
OTHERS = make_column_selector(dtype_exclude="number")
NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda _: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}


class StoredScores(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose probability is its only column: lets scikit-learn tune on stored scores."""

    def __init__(self) -> None:
        self.classes_ = np.array([0, 1])

    def fit(self, X: Array, y: Array) -> "StoredScores":
        """Do nothing: the scores are given."""
        return self

    def predict_proba(self, X: Array) -> Array:
        """The scores as two columns `(n, 2)`."""
        return np.hstack([1 - X, X])


def by_hand(train: pd.DataFrame, test: pd.DataFrame, y: Array, *, seconds: float) -> Array:
    """Scores of the best network of a plain Optuna study over a DataLoader loop, as in Optuna's PyTorch example."""
    end = time.monotonic() + seconds
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore", max_categories=50, sparse_output=False), OTHERS),
    )
    x = torch.tensor(np.asarray(encode.fit_transform(train)), dtype=torch.float32)
    x_test = torch.tensor(np.asarray(encode.transform(test)), dtype=torch.float32)
    rows, val_rows = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=0)
    data = TensorDataset(x[rows], torch.tensor(y[rows], dtype=torch.float32))
    best: dict[str, Any] = {"score": -1.0}

    def objective(trial: optuna.Trial) -> float:
        top, stale = -1.0, 0
        for epoch, network in enumerate(train_by_hand(trial, data, end=end)):
            score = float(average_precision_score(y[val_rows], outputs(network, x[val_rows])))
            if score > best["score"]:
                best.update(score=score, output=outputs(network, x_test))
            stale = 0 if score > top else stale + 1
            top = max(top, score)
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
            if stale >= 10 or time.monotonic() > end:
                break
        return top

    with tempfile.TemporaryDirectory() as folder:
        sampler = optuna.samplers.TPESampler(seed=0)
        study = optuna.create_study(direction="maximize", sampler=sampler, storage=f"sqlite:///{folder}/study.db")
        study.optimize(objective, timeout=seconds)
    return np.asarray(best["output"])


def train_by_hand(trial: optuna.Trial, data: TensorDataset, *, end: float) -> Iterator[nn.Module]:
    """The network of a trial after each of at most 50 epochs."""
    network = make_network(trial, d_in=data.tensors[0].shape[1])
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
    )
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(trial.suggest_float("pos_weight", 1, 20, log=True)))
    clip = trial.suggest_float("clip", 0.1, 10, log=True)
    batch_size = trial.suggest_categorical("batch_size", [64, 128, 256, 512])
    loader = DataLoader(data, batch_size=batch_size, shuffle=True, drop_last=len(data) > batch_size)
    for _ in range(50):
        network.train()
        for inputs, target in loader:
            optimizer.zero_grad()
            loss(network(inputs)[:, 0], target).backward()
            nn.utils.clip_grad_norm_(network.parameters(), clip)
            optimizer.step()
            if time.monotonic() > end:
                break
        yield network


@torch.no_grad()
def outputs(network: nn.Module, x: torch.Tensor) -> Array:
    """Log-odds of each row; a network that diverged ends its trial."""
    network.eval()
    output = network(x)[:, 0].numpy()
    if not np.isfinite(output).all():
        raise optuna.TrialPruned
    return np.asarray(output)


def make_network(trial: optuna.Trial, *, d_in: int) -> nn.Sequential:
    """A multilayer perceptron drawn from the trial."""
    activation: Callable[[], nn.Module] = ACTIVATIONS[trial.suggest_categorical("activation", list(ACTIVATIONS))]
    initialize = INITIALIZERS[trial.suggest_categorical("initializer", list(INITIALIZERS))]
    normalization = NORMALIZATIONS[trial.suggest_categorical("normalization", list(NORMALIZATIONS))]
    width, depth = trial.suggest_categorical("width", [32, 64, 128, 256]), trial.suggest_int("depth", 1, 4)
    dropout = trial.suggest_float("dropout", 0.0, 0.5)
    layers: list[nn.Module] = []
    for d in [d_in] + [width] * (depth - 1):
        dense = nn.Linear(d, width)
        initialize(dense.weight)
        layers += [dense, normalization(width), activation(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def ours(train: pd.DataFrame, test: pd.DataFrame, target: str, *, seconds: float, n_workers: int) -> dict[str, Array]:
    """Scores and actions of a study with the same budget, and what scikit-learn's rule does with the same scores."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study(train, target, storage=f"sqlite:///{folder}/study.db", classes=[0, 1])
        study.tune(timeout=seconds, n_workers=n_workers)
        predictor = study.predictor(study.decide(maximize="f1"))
        val, y_val = study.validation()
        output = predictor.output(test)
    val_scores, scores = expit(val), expit(output)
    rule = TunedThresholdClassifierCV(FrozenEstimator(StoredScores()), scoring="f1", cv="prefit", refit=False)
    rule.fit(val_scores, y_val[:, 0].astype(int))
    return {
        "output": output[:, 0],
        "actions": predictor.decision.apply(output),
        "sklearn_actions": rule.predict(scores),
    }


def compare(frame: pd.DataFrame, target: str, *, seed: int, seconds: float, n_workers: int) -> dict[str, float]:
    """Both systems on one split."""
    train, test = train_test_split(frame, test_size=0.25, stratify=frame[target], random_state=seed)
    y_test = test[target].to_numpy()
    hand = by_hand(train.drop(columns=target), test.drop(columns=target), train[target].to_numpy(), seconds=seconds)
    mine = ours(train, test.drop(columns=target), target, seconds=seconds, n_workers=n_workers)
    return {
        "ap_ours": average_precision_score(y_test, mine["output"]),
        "ap_by_hand": average_precision_score(y_test, hand),
        "f1_ours": f1_score(y_test, mine["actions"]),
        "f1_sklearn_rule": f1_score(y_test, mine["sklearn_actions"]),
    }


def tables(files: list[Path], target: str | None) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Name, frame and target of each table, the target coded 0 and 1 with the rarer class as 1."""
    given = [(file.stem, read_frame(file), target or "target") for file in files]
    for name, frame, column in given or bundled():
        rarer = frame[column].value_counts().index[-1]
        yield name, frame.assign(**{column: (frame[column] == rarer).astype(int)}), column


def bundled() -> list[tuple[str, pd.DataFrame, str]]:
    """Binary tables inside scikit-learn: tumours, and whether a digit is an eight."""
    digits = load_digits(as_frame=True).frame
    eights = digits.assign(target=(digits["target"] == 8).astype(int))
    return [("breast_cancer", load_breast_cancer(as_frame=True).frame, "target"), ("eights", eights, "target")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--target")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--n-workers", type=int, default=1)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    results = []
    for name, frame, target in tables(options.files, options.target):
        for seed in range(options.splits):
            row = compare(frame, target, seed=seed, seconds=options.seconds, n_workers=options.n_workers)
            results.append({"table": name, "split": seed} | row)
            print(
                {key: round(value, 4) if isinstance(value, float) else value for key, value in results[-1].items()},
                flush=True,
            )
    print(pd.DataFrame(results).drop(columns="split").groupby("table").mean().round(4).to_string())


if __name__ == "__main__":
    main()
