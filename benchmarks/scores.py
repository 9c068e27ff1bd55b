"""Score files of real tables for `decide.py`: what usual models give on rows that they were not trained on.

    python benchmarks/scores.py adult.parquet mammography.csv --target target --output scores
    python benchmarks/scores.py emotions.parquet --target happy,sad --output scores      several labels, one by one

Each table is parted into halves, `--splits` times. Logistic regression, naive Bayes (saturated scores), a forest (tied
scores), boosted trees and a small network are fitted to the first half. A third of the second half is what thresholds
are chosen on: samples with about 10, 30, 100, 300 and 1,000 positives, as far as there are; the rest tests them.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from automl_nn.data.read import read_frame

N_POSITIVES = (10, 30, 100, 300, 1000)
MAX_ROWS = 20_000
NUMBERS, OTHERS = make_column_selector(dtype_include="number"), make_column_selector(dtype_exclude="number")


def models(seed: int) -> dict[str, Any]:
    return {
        "logistic": LogisticRegression(max_iter=500),
        "bayes": GaussianNB(),
        "forest": RandomForestClassifier(100, min_samples_leaf=2, random_state=seed),
        "boosting": HistGradientBoostingClassifier(random_state=seed),
        "network": MLPClassifier((64,), alpha=1e-3, max_iter=30, random_state=seed),
    }


def encoded(train: pd.DataFrame, rest: pd.DataFrame) -> tuple[Any, Any]:
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=40, sparse_output=False), OTHERS),
    )
    return encode.fit_transform(train), encode.transform(rest)


def scored(features: pd.DataFrame, y: Any, *, seed: int) -> Iterator[tuple[str, Any, Any]]:
    """Name, labels and scores of each model on the second half."""
    parts = train_test_split(features, y, test_size=0.5, stratify=y, random_state=seed)
    train, rest = encoded(*parts[:2])
    for name, model in models(seed).items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a network that stops early is what is wanted
            yield name, parts[3], model.fit(train, parts[2]).predict_proba(rest)[:, 1]


def write(folder: Path, name: str, y: Any, scores: Any, *, seed: int) -> None:
    """One test file, and one file for each number of positives to choose from."""
    frame = pd.DataFrame({"score": scores, "label": y})
    test, val = train_test_split(frame, test_size=1 / 3, stratify=y, random_state=seed)
    if val["label"].sum() < N_POSITIVES[0] or test["label"].sum() < N_POSITIVES[0]:
        return
    test.to_csv(folder / f"{name}.test.csv", index=False)
    for n in N_POSITIVES:
        share = n / val["label"].sum()
        if share <= 1:
            rows = val.groupby("label").sample(frac=share, random_state=seed)
            rows.to_csv(folder / f"{name}.val{n}.csv", index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Scores of usual models on real tables.")
    parser.add_argument("tables", nargs="+", type=Path, help="CSV or Parquet")
    parser.add_argument("--target", required=True, help="a column of 0 and 1, or several, separated by commas")
    parser.add_argument("--output", required=True, type=Path, help="folder for the score files")
    parser.add_argument("--splits", type=int, default=2)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    targets = given.target.split(",")
    for table in given.tables:
        frame = read_frame(table)
        frame = frame.sample(min(len(frame), MAX_ROWS), random_state=0)
        features = frame.drop(columns=targets)
        for target in targets:
            for seed in range(given.splits):
                for model, y, scores in scored(features, frame[target].to_numpy(), seed=seed):
                    name = table.stem if len(targets) == 1 else f"{table.stem}-{target}"
                    write(given.output, f"{name}_{model}_{seed}", y, scores, seed=seed)


if __name__ == "__main__":
    main()
