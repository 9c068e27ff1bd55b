"""Series: our search beside the recipe people start from, boosting and MiniRocket; what protects rare events; pace.

    python benchmarks/series.py corners --n-series 7000 --n-steps 4096 --seconds 600
    python benchmarks/series.py steps --target y --series-id series --time t --seconds 300 FILE.parquet ...
    python benchmarks/series.py whole --target y --series-id series --time t --seconds 120 FILE.parquet ...
    python benchmarks/series.py throughput
    python benchmarks/series.py corners --n-series 60 --n-steps 512 --seconds 10     # a look whether it runs

`corners` trains one LSTM four times on the series of `studies/rare_events.py`: with weights of `n- / n+`, with and
without clipping, with and without event-centred batches, and tells average precision on other series and spikes; beside
it, the search in the same time. `steps` and `whole` part each file by series (a single one by time) and score the part
that no system has seen. Boosting is scikit-learn's, fitted to lags and rolling statistics (`View`); the recipe is a
2 x 64 LSTM, Adam with 1e-3, batches of 128 windows, weights of `n- / n+`, no clipping. `throughput` is steps per second
of each network beside the same LSTM, in both directions, in a loop by hand.
"""

import argparse
import runpy
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score
from torch import nn

from automl_nn import Parting, SeriesColumns, Study
from automl_nn.data.series import Steps
from automl_nn.model.backbones import SEQUENCES, WHOLE
from automl_nn.model.backbones.base import plain_parts
from automl_nn.model.backbones.minirocket import MiniRocket
from automl_nn.model.inputs import Inputs
from automl_nn.search.problem import Problem
from automl_nn.search.references.views import View
from automl_nn.search.series import pose_steps
from automl_nn.task.event_metrics import count_events
from automl_nn.task.events import Events
from automl_nn.task.range_metrics import vus_pr
from automl_nn.train.device import threads

STUDY = Path(__file__).parent.parent / "studies" / "rare_events.py"

Array = NDArray[Any]
LENGTH, BATCH = 256, 128
CLIPPED, CENTRED = {"train.clip.name": ("none", "norm")}, {"train.sampling.name": ("natural", "events")}


def corners(options: argparse.Namespace) -> None:
    """The four corners of weights without and with clipping and event-centred batches, and a search."""
    rare_events = runpy.run_path(str(STUDY))["rare_events"]
    frame = rare_events(options.n_series, options.n_steps)
    new = rare_events(max(options.n_series // 5, 10), options.n_steps, seed=1)
    lstm = {"model.backbone.name": "lstm", "model.backbone.n_layers": 2, "model.backbone.d_block": 64}
    weighted = {"train.loss.name": "cross_entropy", "train.loss.tau": 1.0, "train.optimizer.lr": 1e-3}
    rows = []
    for clip, sampling in product(CLIPPED["train.clip.name"], CENTRED["train.sampling.name"]):
        settings = {**lstm, **weighted, "train.clip.name": clip, "train.sampling.name": sampling}
        rows.append({"clip": clip, "batches": sampling, **_one(frame, new, options, settings, n_trials=1)})
    rows.append({"clip": "searched", "batches": "searched", **_one(frame, new, options, {}, n_trials=None)})
    print(pd.DataFrame(rows).round(4).to_string(index=False))


def _one(
    frame: pd.DataFrame,
    new: pd.DataFrame,
    options: argparse.Namespace,
    settings: Mapping[str, Any],
    n_trials: int | None,
) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        storage, series = f"sqlite:///{folder}/s.db", SeriesColumns("series", "t")
        study = Study(frame, "y", series=series, settings=settings, storage=storage)
        study.tune(n_trials=n_trials, timeout=options.seconds, references=False)
        p = study.predictor().predict_proba(new)[:, 1]
        found = {
            "average_precision": average_precision_score(new["y"], p),
            "mean_p / base_rate": float(p.mean() / new["y"].mean()),
            "spikes": len(study.spikes()),
            "epochs": len(study.epochs()),
        }
        study.store.close()
    return found


def steps(options: argparse.Namespace) -> None:
    """Labels of steps: average precision, VUS-PR and event-F1 where as many steps are marked as are positive."""
    for path in options.files:
        frame = pd.read_parquet(path)
        train, test = _parted(frame, options, per_step=True)
        offsets = Steps.of(test, _columns(options)).offsets
        y = test[options.target].to_numpy()
        systems = {
            "ours": _ours(train, test, options, per_step=True),
            "recipe": _recipe(train, test, options),
            "boosting": _boosting(train, test, options),
            "random": np.random.default_rng(0).uniform(size=len(test)),
        }
        for name, p in systems.items():
            cut = np.quantile(p, 1 - y.mean())
            row = {
                "average_precision": average_precision_score(y, p),
                "vus_pr": vus_pr(y, p, max_buffer=options.window, offsets=offsets),
                "event_f1": count_events(_alarms(p > cut, offsets), y, tolerance=options.window).f1,
            }
            _tell(path, name, row)


def _tell(path: Path, system: str, scores: Mapping[str, float]) -> None:
    print(path.stem, system, {name: round(float(value), 4) for name, value in scores.items()}, flush=True)


def _alarms(marked: Array, offsets: Array) -> Events:
    """Runs of marked steps."""
    return Events.of(marked.astype(float), offsets=offsets)


def whole(options: argparse.Namespace) -> None:
    """One label for each series: accuracy beside MiniRocket with ridge regression."""
    for path in options.files:
        frame = pd.read_parquet(path)
        train, test = _parted(frame, options, per_step=False)
        y = test.groupby(options.series_id, sort=False)[options.target].first().to_numpy()
        for name, system in {"ours": _ours_whole, "minirocket + ridge": _rocket}.items():
            start = time.monotonic()
            found = system(train, test, options)
            scores = {"accuracy": accuracy_score(y, found), "balanced": balanced_accuracy_score(y, found)}
            seconds = round(time.monotonic() - start, 1)
            print(
                Path(path).stem,
                name,
                {key: round(float(v), 4) for key, v in scores.items()},
                f"{seconds} s",
                flush=True,
            )


def _columns(options: argparse.Namespace, *, per_step: bool = True) -> SeriesColumns:
    return SeriesColumns(options.series_id, options.time, per_step=per_step)


def _parted(frame: pd.DataFrame, options: argparse.Namespace, *, per_step: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that a system is given, and rows that it is judged by: other series, or later steps of a single one."""
    posed = pose_steps(frame, [options.target], _columns(options, per_step=per_step), parting=Parting(0.25))
    assert posed.steps is not None
    order = posed.steps.order
    return frame.iloc[order[posed.split.train]].reset_index(drop=True), frame.iloc[order[posed.split.val]].reset_index(
        drop=True
    )


def _ours(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace, *, per_step: bool) -> Array:
    with tempfile.TemporaryDirectory() as folder:
        storage, parting = f"sqlite:///{folder}/s.db", Parting(folds=None)
        series = _columns(options, per_step=per_step)
        study = Study(train, options.target, series=series, parting=parting, storage=storage)
        study.tune(timeout=options.seconds)
        predictor = study.predictor(with_references=options.with_references)
        found = predictor.predict_proba(test)[:, 1] if per_step else predictor.predict(test)
        study.store.close()
    return np.asarray(found)


def _ours_whole(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> Array:
    return _ours(train, test, options, per_step=False)


def _recipe(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> Array:
    """What people start from, for the same seconds."""
    problem, features = _posed(train, test, options)
    x, y = (torch.tensor(features[0]), torch.tensor(train[options.target].to_numpy(np.float32)))
    torch.manual_seed(0)
    network = _Lstm(x.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - y.mean()) / y.mean())
    end, rng = time.monotonic() + options.seconds, np.random.default_rng(0)
    length = min(LENGTH, int(problem.sizes.min()))
    while time.monotonic() < end:
        series = rng.integers(len(problem.starts), size=BATCH)
        first = problem.starts[series] + (rng.uniform(size=BATCH) * (problem.sizes[series] - length + 1)).astype(int)
        rows = torch.from_numpy(first[:, None] + np.arange(length))
        optimizer.zero_grad()
        loss(network(x[rows]), y[rows]).backward()
        optimizer.step()
    unseen = Steps.of(test, _columns(options)).offsets
    with torch.no_grad():
        parts = [network(torch.tensor(features[1][a:b])[None])[0] for a, b in pairwise(unseen)]
    return torch.cat(parts).numpy()


class _Lstm(nn.Module):
    def __init__(self, d_in: int, *, both: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(d_in, 64, num_layers=2, batch_first=True, bidirectional=both)
        self.head = nn.Linear(128 if both else 64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.lstm(x)[0])
        return output[..., 0]


def _posed(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> tuple[Steps, tuple[Array, Array]]:
    """The training series, and standardized channels of both parts, missing values in the middle."""
    names = [name for name in train.columns if name not in (options.target, options.series_id, options.time)]
    mean, deviation = train[names].mean(), train[names].std() + 1e-8
    both = (np.array(((part[names] - mean) / deviation).fillna(0), dtype=np.float32) for part in (train, test))
    return Steps.of(train, _columns(options)), (next(both), next(both))


def _boosting(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> Array:
    """scikit-learn's boosting on lags and rolling statistics."""
    _, features = _posed(train, test, options)
    parts = (Steps.of(part, _columns(options)).starts for part in (train, test))
    seen, new = (_viewed(x, starts) for x, starts in zip(features, parts, strict=True))
    model = HistGradientBoostingClassifier(random_state=0).fit(seen, train[options.target])
    return np.asarray(model.predict_proba(new)[:, 1])


def _viewed(x: Array, starts: Array) -> Array:
    inputs = Inputs(torch.from_numpy(x), torch.zeros(len(x), 0, dtype=torch.int64), starts=torch.from_numpy(starts))
    return View(per_step=True, causal=False).read(inputs).numbers.numpy()


def _rocket(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> Array:
    """MiniRocket's features and ridge regression, as its authors have it for few series."""
    _, features = _posed(train, test, options)
    length = int(max(part.groupby(options.series_id).size().max() for part in (train, test)))
    seen, new = (
        torch.from_numpy(np.stack([_continued(x[rows], length) for rows in _series_of(part, options)]))
        for x, part in zip(features, (train, test), strict=True)
    )
    d_in = seen.shape[2]
    parts = plain_parts(k=1, d_in=d_in)
    rocket = MiniRocket(d_in=d_in, length=length, n_features=10_000, d_block=16, parts=parts)
    rocket.fit(seen.reshape(1, -1, d_in), generators=[torch.Generator().manual_seed(0)])
    shares = [rocket.shares(windows, 0).numpy() for windows in (seen, new)]
    mean, deviation = shares[0].mean(0), shares[0].std(0) + 1e-8
    y = train.groupby(options.series_id, sort=False)[options.target].first()
    ridge = RidgeClassifierCV(np.logspace(-3, 3, 10)).fit((shares[0] - mean) / deviation, y)
    return np.asarray(ridge.predict((shares[1] - mean) / deviation))


def _series_of(part: pd.DataFrame, options: argparse.Namespace) -> list[Array]:
    steps = Steps.of(part, _columns(options))
    return np.split(steps.order, steps.starts[1:])


def _continued(x: Array, length: int) -> Array:
    return np.concatenate([x, np.repeat(x[-1:], length - len(x), axis=0)])


def throughput(options: argparse.Namespace) -> None:
    """Training steps per second of each network, and of a loop by hand."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(options.n_steps * 64, 4)), columns=list("abcd"), dtype=np.float32)
    frame = frame.assign(s=np.repeat(np.arange(64), options.n_steps), y=(frame["a"] > 2).astype(int))
    rows = [{"network": "2 x 64 LSTM by hand", "steps_per_second": _by_hand(frame)}]
    for table, per_step in ((SEQUENCES, True), (WHOLE, False)):
        own = frame if per_step else frame.assign(y=frame["s"] % 2)
        problem = pose_steps(own, ["y"], SeriesColumns("s", per_step=per_step))
        rows += [{"network": name, "steps_per_second": _pace(problem, name)} for name in table]
    print(pd.DataFrame(rows).round().to_string(index=False))


def _pace(problem: Problem, name: str) -> float:
    from automl_nn.search.attempt import Attempt
    from automl_nn.search.encodings import Encodings
    from automl_nn.search.series_spaces import step_space
    from automl_nn.search.spaces import edit_space
    from automl_nn.space.draw import defaults

    settings = {"model.backbone.name": name, "train.n_epochs": 2, "train.batch_size": 32, "train.n_windows": 256}
    settings |= {"model.backbone.n_layers": 2, "model.backbone.d_block": 64} if name == "lstm" else {}
    attempt = Attempt(Encodings(problem), [defaults(edit_space(step_space(problem), settings))], seeds=[0])
    *_, last = attempt.epochs(seconds=60)
    return float(last[0].row.rows_per_second)


def _by_hand(frame: pd.DataFrame) -> float:
    x = torch.tensor(frame[list("abcd")].to_numpy()).view(-1, 64, 4)
    y = torch.tensor(frame["y"].to_numpy(np.float32)).view(-1, 64)
    network = _Lstm(4, both=True)
    optimizer, start = torch.optim.Adam(network.parameters(), lr=1e-3), time.monotonic()
    for first in range(0, 32 * 16, 32):
        rows = slice(first, first + 32)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return 32 * 16 * 64 / (time.monotonic() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("corners", "steps", "whole", "throughput"))
    parser.add_argument("files", nargs="*", type=Path, help="Parquet files, one row a step")
    parser.add_argument("--target", default="y")
    parser.add_argument("--series-id", default="series")
    parser.add_argument("--time", default=None)
    parser.add_argument("--seconds", type=float, default=60, help="for each search, and for the recipe")
    parser.add_argument("--n-series", type=int, default=300)
    parser.add_argument("--n-steps", type=int, default=1024)
    parser.add_argument("--window", type=int, default=5, help="tolerance of event-F1, and largest window of VUS-PR")
    parser.add_argument("--with-references", action="store_true", help="let boosting join our ensembles")
    options = parser.parse_intermixed_args()
    with threads(1):
        {"corners": corners, "steps": steps, "whole": whole, "throughput": throughput}[options.what](options)


if __name__ == "__main__":
    main()
