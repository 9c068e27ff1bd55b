"""Equal time on tables of any kind: our search beside the systems that people would use instead.

    python benchmarks/peers.py                                                       # tables that scikit-learn bundles
    python benchmarks/peers.py a.parquet b.csv --target y --seconds 60 --splits 3 --python peers/bin/python
    python benchmarks/peers.py a.parquet --target y --splits 3 --results found.jsonl             # goes on from it

Each system is a process of its own that gets the same training rows, the same seconds and all cores, one after the
other, and writes its predictions for rows that nobody has seen. `boosting` (scikit-learn's, untuned) needs no more than
its fit. Those of `PEERS` run in another environment, whose Python is named by `--python` and which holds
`autogluon.tabular`, `lightgbm` and `optuna`; without it they are left out.

Printed for each table, smaller is better: one less the average precision for two classes, log loss for more, root mean
squared error in units of the target's deviation for numbers; then the mean rank of each system.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Array = np.ndarray[Any, np.dtype[Any]]
OURS = ("ours", "ours, best trial", "boosting")
PEERS = ("autogluon networks", "lightgbm")


def fit_ours(train: pd.DataFrame, test: pd.DataFrame, *, kind: str, seconds: float) -> dict[str, Array]:
    """Our search with the default ensemble, and its best single trial."""
    from automl_nn import Study

    with tempfile.TemporaryDirectory() as folder:
        study = Study(train, "target", storage=f"sqlite:///{folder}/study.db").tune(timeout=seconds, n_workers=2)
        both = {"ours": study.predictor(), "ours, best trial": study.predictor(trial=study.best_number)}
        values = kind == "regression"
        return {name: p.predict(test) if values else p.predict_proba(test) for name, p in both.items()}


def fit_boosting(train: pd.DataFrame, test: pd.DataFrame, *, kind: str, seconds: float) -> dict[str, Array]:
    """Histogram gradient boosting as it comes."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    del seconds
    for name in test.select_dtypes("category"):
        if len(test[name].cat.categories) > 255:  # more than it takes as categories
            train[name], test[name] = train[name].cat.codes, test[name].cat.codes
    model = (HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier)(random_state=0)
    model.fit(train.drop(columns="target"), train["target"])
    return {"boosting": model.predict(test) if kind == "regression" else model.predict_proba(test)}


def fit_autogluon(train: pd.DataFrame, test: pd.DataFrame, *, kind: str, seconds: float) -> dict[str, Array]:
    """AutoGluon's networks (RealMLP, TabM and its own) with their weighted ensemble."""
    from autogluon.tabular import TabularPredictor  # type: ignore[import-not-found]

    metric = {"binary": "average_precision", "multiclass": "log_loss", "regression": "rmse"}[kind]
    networks: dict[str, dict[str, Any]] = {"REALMLP": {}, "TABM": {}, "NN_TORCH": {}}
    with tempfile.TemporaryDirectory() as folder:
        model = TabularPredictor("target", problem_type=kind, eval_metric=metric, path=folder, verbosity=0)
        model.fit(train, time_limit=seconds, hyperparameters=networks, num_bag_folds=0)
        read = model.predict if kind == "regression" else model.predict_proba
        return {"autogluon networks": np.asarray(read(test, as_pandas=False))}


def fit_lightgbm(train: pd.DataFrame, test: pd.DataFrame, *, kind: str, seconds: float) -> dict[str, Array]:
    """LightGBM tuned by Optuna on a fifth of the rows, with early stopping."""
    import lightgbm as lgb  # type: ignore[import-not-found]
    import optuna
    from sklearn.model_selection import train_test_split

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    end, best = time.monotonic() + seconds, {"score": -np.inf, "output": np.empty(0)}
    x, y = train.drop(columns="target"), train["target"]
    x.columns = test.columns = [f"c{i}" for i in range(len(test.columns))]  # it refuses names like "speed [rpm]"
    fit, val = train_test_split(
        np.arange(len(y)), test_size=0.2, random_state=0, stratify=y if kind != "regression" else None
    )
    objective, metric = {
        "binary": ("binary", "average_precision"),
        "multiclass": ("multiclass", "multi_logloss"),
        "regression": ("regression", "rmse"),
    }[kind]

    def stop(env: Any) -> None:
        if time.monotonic() > end:
            raise lgb.callback.EarlyStopException(env.iteration, env.evaluation_result_list)

    def score(trial: optuna.Trial) -> float:
        knobs = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 4, 256, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 1, 100, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.4, 1),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.4, 1),
            "lambda_l2": trial.suggest_float("lambda_l2", 1e-3, 10, log=True),
        }
        fixed = {"objective": objective, "metric": metric, "verbosity": -1, "bagging_freq": 1}
        fixed |= {"num_class": y.nunique()} if kind == "multiclass" else {}
        parts = lgb.Dataset(x.iloc[fit], y.iloc[fit]), lgb.Dataset(x.iloc[val], y.iloc[val])
        early = [lgb.early_stopping(50, verbose=False), stop]
        model = lgb.train(knobs | fixed, parts[0], 2000, valid_sets=[parts[1]], callbacks=early)
        found = next(iter(model.best_score.get("valid_0", {"": np.nan}).values()))
        found = found if kind == "binary" else -found
        if found > best["score"]:
            best.update(score=found, output=model.predict(test))
        return float(found)

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(score, timeout=seconds)
    output = np.asarray(best["output"])
    return {"lightgbm": np.c_[1 - output, output] if kind == "binary" else output}


FITS: dict[str, Callable[..., dict[str, Array]]] = {
    "ours": fit_ours,
    "boosting": fit_boosting,
    "autogluon networks": fit_autogluon,
    "lightgbm": fit_lightgbm,
}


def run_one(system: str, folder: Path, *, kind: str, seconds: float) -> None:
    """Fit one system to the parts in a folder, and leave its predictions there."""
    train, test = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "test"))
    if system != "ours":  # the others take categories as such
        both = pd.concat([train, test])
        for name in test.select_dtypes(exclude=["number", "bool"]):
            levels = pd.CategoricalDtype(sorted(both[name].dropna().astype(str).unique()))
            train[name], test[name] = (part[name].astype(object).astype(str).astype(levels) for part in (train, test))
    predictions = FITS[system](train, test, kind=kind, seconds=seconds)
    np.savez(folder / f"{system}.npz", allow_pickle=False, **predictions)


def errors(
    frame: pd.DataFrame, systems: dict[str, str], *, seed: int, seconds: float
) -> Iterator[tuple[str, dict[str, float]]]:
    """Each system, and what it scores on one split; smaller is better."""
    from sklearn.model_selection import train_test_split

    kind = kind_of(frame["target"])
    if kind != "regression":
        frame = frame.assign(target=pd.factorize(frame["target"], sort=True)[0])
    strata = None if kind == "regression" else frame["target"]
    train, test = train_test_split(frame, test_size=0.25, stratify=strata, random_state=seed)
    with tempfile.TemporaryDirectory() as folder:
        train.to_parquet(Path(folder) / "train.parquet")
        test.drop(columns="target").to_parquet(Path(folder) / "test.parquet")
        for system, python in systems.items():
            line = [python, __file__, "--one", system, "--folder", folder, "--kind", kind, "--seconds", str(seconds)]
            if subprocess.run(line, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
                print(f"{system} failed", file=sys.stderr)
                continue
            found = np.load(Path(folder) / f"{system}.npz").items()
            yield system, {name: error(test["target"].to_numpy(), output, kind=kind) for name, output in found}


def kind_of(target: pd.Series) -> str:
    """Two values are classes, numbers of more than 20 values are quantities."""
    n_values = target.nunique()
    is_number = pd.api.types.is_numeric_dtype(target)
    return "binary" if n_values == 2 else "regression" if is_number and n_values > 20 else "multiclass"


def error(y: Array, prediction: Array, *, kind: str) -> float:
    """One less the average precision, log loss, or root mean squared error in deviations."""
    from sklearn.metrics import average_precision_score, log_loss

    if kind == "binary":
        return 1 - float(average_precision_score(y, prediction[:, 1]))
    if kind == "multiclass":
        return float(log_loss(y, prediction / prediction.sum(1, keepdims=True), labels=range(prediction.shape[1])))
    return float(np.sqrt(np.mean((prediction.ravel() - y) ** 2)) / y.std())


def tables(files: list[Path], target: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name and frame of each table, the target in the column `target`."""
    from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

    if not files:
        for load in (load_breast_cancer, load_digits, load_diabetes):
            yield load.__name__.removeprefix("load_"), load(as_frame=True).frame
    for file in files:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
        yield file.stem, frame.rename(columns={target: "target"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--target", default="target")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--splits", type=int, default=1)
    parser.add_argument("--python", help="of the environment in which the peers are installed")
    parser.add_argument(
        "--results", type=Path, help="JSON lines that results are added to; what is in it is not run again"
    )
    for hidden in ("--one", "--folder", "--kind"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given.one, Path(given.folder), kind=given.kind, seconds=given.seconds)
        return
    systems = {"ours": sys.executable, "boosting": sys.executable}
    systems |= dict.fromkeys(PEERS, given.python) if given.python else {}
    kept = read(given.results)
    named = list(tables(given.files, given.target))
    for (name, frame), split in itertools.product(named, range(given.splits)):
        asked = {"table": name, "split": split, "seconds": given.seconds}
        known = [found["system"] for found in kept if asked.items() <= found.items()]
        left = {system: python for system, python in systems.items() if system not in known}
        for system, found in errors(frame, left, seed=split, seconds=given.seconds):
            kept.append({**asked, "system": system, "errors": found})
            line = json.dumps(kept[-1])
            print(line, flush=True)
            if given.results:
                with given.results.open("a") as file:
                    file.write(f"{line}\n")
    names = [name for name, _ in named]
    show([found for found in kept if found["table"] in names and found["seconds"] == given.seconds])


def read(results: Path | None) -> list[dict[str, Any]]:
    """What earlier runs left."""
    lines = results.read_text().splitlines() if results and results.exists() else []
    return [json.loads(line) for line in lines]


def show(found: list[dict[str, Any]]) -> None:
    """The mean error of each system on each table over its splits, and its mean rank."""
    rows = pd.DataFrame([{"table": one["table"], **one["errors"]} for one in found])
    means = rows.groupby("table").mean()
    print(means.round(4).to_string())
    print(means.drop(columns="ours, best trial").rank(axis=1).mean().round(2).to_string())


if __name__ == "__main__":
    main()
