"""One system on the series of a folder, in a process of its own; `series_peers.py` starts it and says what it is given.

    python benchmarks/series_systems.py minirocket FOLDER --what whole --kind binary

A folder holds `train.parquet` and `test.parquet`, one row a step, the latter without labels, and `data.npz`: the
standardized channels `train` and `test` (for whole series a panel), the labels `y`, and what a model of rows is told of
each step or series, `seen` and `new`. Scores for the unseen rows are left there as `SYSTEM.npz`.

Where steps have classes, each row of `fit` and `choose` parts the training rows as a fold of our search does. A system
then scores the rows `choose` with a model that has seen `fit` alone, and the unseen rows with the mean of the same
models: decisions are made on the one and judged on the other. Of ours, networks that were trained again on all rows
take part in the latter, as they do where a decision is used.
"""

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
LENGTH, BATCH = 256, 128
KEYS = ("series", "t")
CHOOSE, ACT = ".choose", ".act"
"""Behind a system's name: its scores of the rows that choose a decision, and of the unseen rows by the same model."""


def fit_ours(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """Our search with the default ensemble: classes or values, or probabilities of each class in their order."""
    train, test = _parts(folder)
    study = study_of(
        train, per_step=options.what == "steps", storage=f"sqlite:///{folder / 'study.db'}", folds=options.folds
    )
    n_workers = 1 if options.one_core else 2
    study.tune(timeout=options.seconds, n_workers=n_workers)
    if options.refit:
        study.refit(n_workers=n_workers)
    predictor = study.predictor(with_references=options.with_references)
    found = predictor.predict(test) if options.kind == "regression" else predictor.predict_proba(test)
    if not _decides(options):
        return {"ours": np.asarray(found)}
    chosen = study.step_decider(with_references=options.with_references).output[:, 0]
    chosen = chosen[np.argsort(study.problem.compared.ids)]
    act = predictor.output(test)[:, 0]  # networks that were trained again are part of what decisions are used with
    return {"ours": np.asarray(found), f"ours{CHOOSE}": chosen, f"ours{ACT}": act}


def study_of(train: pd.DataFrame, *, per_step: bool, storage: str, folds: int | None = None) -> Any:
    """Our study of training rows; series are parted by group where several of them share one."""
    from automl_nn import Parting, SeriesColumns, Study

    has_groups = "group" in train and train["group"].nunique() < train["series"].nunique()
    train = train if has_groups else train.drop(columns="group", errors="ignore")
    parting = Parting(group="group" if has_groups else None, folds=folds)
    return Study(train, "y", series=SeriesColumns(*KEYS, per_step=per_step), parting=parting, storage=storage)


def _decides(options: argparse.Namespace) -> bool:
    return bool(options.what == "steps" and options.kind == "binary")


def _decided(name: str, fit: Callable[[Array], Callable[[Array], Array]], data: Any, test: Array) -> dict[str, Array]:
    """What models of the rows `fit` say of the training rows `choose`, ascending, and on average of the unseen ones."""
    seen: Array = data["seen"]
    chosen, act = np.full(len(seen), np.nan), np.zeros(len(test))
    for fitted, chooses in zip(data["fit"], data["choose"], strict=True):
        score = fit(fitted)
        chosen[chooses] = score(seen[chooses])
        act += score(test) / len(data["fit"])
    return {f"{name}{CHOOSE}": chosen[data["choose"].any(0)], f"{name}{ACT}": act}


def fit_recipe(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """What people start from, for the same seconds; it learns from the rows that our networks learn from."""
    import torch
    from torch import nn

    torch.set_num_threads(1 if options.one_core else 2)
    torch.manual_seed(0)
    train, test = _parts(folder)
    data = np.load(folder / "data.npz")
    if len(data["fit"]) > 1:
        raise SystemExit("the recipe learns from a single split")
    fit, choose = (np.flatnonzero(data[name][0]) for name in ("fit", "choose"))
    x, y = torch.from_numpy(data["train"][fit]), torch.from_numpy(train["y"].to_numpy(np.float32)[fit])
    lstm, head = nn.LSTM(x.shape[1], 64, num_layers=2, batch_first=True), nn.Linear(64, 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-3)
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - y.mean()) / y.mean())
    starts, end, rng = runs_of(train, fit)[:-1], time.monotonic() + options.seconds, np.random.default_rng(0)
    sizes = np.diff(starts, append=len(y))
    length = min(LENGTH, int(np.quantile(sizes, 0.1)))
    starts, sizes = starts[sizes >= length], sizes[sizes >= length]
    while time.monotonic() < end:
        drawn = rng.integers(len(starts), size=BATCH)
        first = starts[drawn] + (rng.uniform(size=BATCH) * (sizes[drawn] - length + 1)).astype(int)
        rows = torch.from_numpy(first[:, None] + np.arange(length))
        optimizer.zero_grad()
        loss(head(lstm(x[rows])[0])[..., 0], y[rows]).backward()
        optimizer.step()

    def score(values: Array, bounds: Array) -> Array:
        steps = torch.from_numpy(values)
        with torch.no_grad():
            parts = [head(lstm(steps[a:b][None])[0])[0, :, 0] for a, b in pairwise(bounds)]
        return np.asarray(torch.cat(parts).numpy())

    new = score(data["test"], np.append(starts_of(test), len(test)))
    chosen = score(data["train"][choose], runs_of(train, choose))
    return {"recipe": new, f"recipe{CHOOSE}": chosen, f"recipe{ACT}": new}


def fit_boosting(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """scikit-learn's boosting, untuned, on statistics of steps or series."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    data = np.load(folder / "data.npz")
    values = options.kind == "regression"
    model = (HistGradientBoostingRegressor if values else HistGradientBoostingClassifier)(random_state=0)
    model.fit(data["seen"], data["y"])
    found = {"boosting": model.predict(data["new"]) if values else model.predict_proba(data["new"])}
    if _decides(options):

        def fit(rows: Array) -> Callable[[Array], Array]:
            model.fit(data["seen"][rows], data["y"][rows])
            return lambda x: np.asarray(model.predict_proba(x)[:, 1])

        found |= _decided("boosting", fit, data, data["new"])
    return found


def fit_lightgbm(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """LightGBM, untuned, on lags and rolling statistics."""
    import lightgbm as lgb  # type: ignore[import-not-found]

    data = np.load(folder / "data.npz")
    values = options.kind == "regression"
    model = (lgb.LGBMRegressor if values else lgb.LGBMClassifier)(
        random_state=0, verbosity=-1, n_jobs=1 if options.one_core else None
    )
    model.fit(data["seen"], data["y"])
    found = {"lightgbm": model.predict(data["new"]) if values else model.predict_proba(data["new"])}
    if _decides(options):

        def fit(rows: Array) -> Callable[[Array], Array]:
            model.fit(data["seen"][rows], data["y"][rows])
            return lambda x: np.asarray(model.predict_proba(x)[:, 1])

        found |= _decided("lightgbm", fit, data, data["new"])
    return found


def fit_forest(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """An isolation forest, which is told no label."""
    from sklearn.ensemble import IsolationForest

    del options
    data = np.load(folder / "data.npz")
    model = IsolationForest(random_state=0).fit(data["seen"])
    found = {"forest": -model.score_samples(data["new"])}

    def fit(rows: Array) -> Callable[[Array], Array]:
        model.fit(data["seen"][rows])
        return lambda x: np.asarray(-model.score_samples(x))

    return found | _decided("forest", fit, data, data["new"])


def fit_pyod(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """Detectors of PyOD, which are told no label."""
    from pyod.models.hbos import HBOS  # type: ignore[import-not-found]
    from pyod.models.iforest import IForest  # type: ignore[import-not-found]
    from pyod.models.pca import PCA  # type: ignore[import-not-found]

    del options
    data = np.load(folder / "data.npz")
    detectors = {"forest": IForest(random_state=0), "hbos": HBOS(), "pca": PCA(random_state=0)}
    found = {name: model.fit(data["seen"]).decision_function(data["new"]) for name, model in detectors.items()}
    for name, model in detectors.items():

        def fit(rows: Array, model: Any = model) -> Callable[[Array], Array]:
            score: Callable[[Array], Array] = model.fit(data["seen"][rows]).decision_function
            return score

        found |= _decided(name, fit, data, data["new"])
    return found


def fit_minirocket(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """MiniRocket as in aeon's MiniRocketClassifier, part by part, since it hides the scores of its ridge regression."""
    from aeon.transformations.collection.convolution_based import MiniRocket  # type: ignore[import-not-found]
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    del options
    data = np.load(folder / "data.npz")
    ridge = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10))
    model = make_pipeline(MiniRocket(random_state=0), StandardScaler(with_mean=False), ridge)
    scores = model.fit(data["train"], data["y"]).decision_function(data["test"])
    return {"minirocket": np.c_[-scores, scores] if scores.ndim == 1 else scores}


def fit_inception_time(folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """Five networks of aeon's InceptionTime, each of which is stopped when its fifth of the time is over."""
    import keras  # type: ignore[import-not-found]
    from aeon.classification.deep_learning import (  # type: ignore[import-not-found]
        IndividualInceptionClassifier,
    )

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            self.end = time.monotonic() + options.peer_seconds / 5

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = time.monotonic() > self.end

    data = np.load(folder / "data.npz")
    os.chdir(folder)  # where it leaves its files
    networks = (IndividualInceptionClassifier(callbacks=[Stop()], random_state=seed) for seed in range(5))
    found = [network.fit(data["train"], data["y"]).predict_proba(data["test"]) for network in networks]
    return {"inception_time": np.mean(found, axis=0)}


FITS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Array]]] = {
    "ours": fit_ours,
    "recipe": fit_recipe,
    "boosting": fit_boosting,
    "lightgbm": fit_lightgbm,
    "forest": fit_forest,
    "pyod": fit_pyod,
    "minirocket": fit_minirocket,
    "inception_time": fit_inception_time,
}


def _parts(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pd.read_parquet(folder / "train.parquet"), pd.read_parquet(folder / "test.parquet")


def starts_of(part: pd.DataFrame) -> Array:
    return np.flatnonzero(part["series"].ne(part["series"].shift()))


def runs_of(train: pd.DataFrame, rows: Array) -> Array:
    """First place of each run of neighbouring steps of one series among some rows, and the number of them."""
    series = train["series"].to_numpy()[rows]
    turns = np.flatnonzero((series[1:] != series[:-1]) | (np.diff(rows) != 1)) + 1
    return np.concatenate([[0], turns, [len(rows)]]).astype(np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=tuple(FITS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--what", choices=("steps", "whole"), required=True)
    parser.add_argument("--kind", choices=("binary", "multiclass", "regression"), required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--peer-seconds", type=float, default=300)
    parser.add_argument("--one-core", action="store_true")
    parser.add_argument("--with-references", action="store_true")
    parser.add_argument("--refit", action="store_true")
    parser.add_argument("--folds", type=int)
    options = parser.parse_args()
    found = FITS[options.system](options.folder, options)
    np.savez(options.folder / f"{options.system}.npz", allow_pickle=False, **found)


if __name__ == "__main__":
    main()
