"""Series with labels: our search beside the systems that people would use instead, on series that nobody has seen.

    python benchmarks/series_peers.py steps --part part --seconds 300 --python peers/bin/python --at-once A.parquet ...
    python benchmarks/series_peers.py whole --part part --seconds 120 --python peers/bin/python --at-once A.parquet ...
    python benchmarks/series_peers.py steps --seconds 20                  # generated series: a look whether it runs

A file has one row a step. Its column `--part` says `train` or `test`; without one, a quarter of the series (or the last
steps of a single one) are held out. Each system is a process of its own that gets the training rows and writes scores
for the others. `ours` and the recipe get `--seconds`; boosting, detectors and MiniRocket what they need; InceptionTime
`--peer-seconds` for its five networks. `--at-once` runs two systems at a time with one core each, in half the time;
otherwise they follow each other and ours gets two workers.

`steps`: the recipe is a 2 x 64 LSTM, Adam with 1e-3, batches of 128 windows, weights `n- / n+`, no clipping. Boosting
and the detectors read lags and rolling statistics, of earlier steps alone where the ends of series tell.

`event_f1` is that of our event decision and `by_threshold` that of the best single threshold, for all systems alike:
both are chosen on the training rows that choose trials in our search, from scores of a model that has not learned from
them, and judged on the unseen rows by scores of the same model; ours, as it is used, by those of the networks that were
trained again, too. `as_many` marks as many unseen steps as are positive,
which nobody knows beforehand. `--window` is the tolerance and the largest buffer of VUS-PR, the median length of the
training events unless given.

`--folds` crosses the training rows in so many folds, a single recording in blocks of time: for all systems but the
recipe, whose decisions are then used with the mean of the models of the folds.

`whole`: MiniRocket with ridge regression and InceptionTime are aeon's. The systems of `PEERS` need an environment with
`aeon`, `lightgbm`, `pyod` and `tensorflow`, whose Python `--python` names. Without it, boosting and the isolation
forest are scikit-learn's, and there is no InceptionTime.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from series_systems import ACT, CHOOSE, KEYS, runs_of, starts_of, study_of

Array = np.ndarray[Any, np.dtype[Any]]
OURS = {"steps": ("ours", "recipe", "boosting", "forest"), "whole": ("ours", "boosting")}
PEERS = {"steps": ("ours", "recipe", "lightgbm", "pyod"), "whole": ("ours", "inception_time", "minirocket", "boosting")}
NEED_PEERS = ("lightgbm", "pyod", "minirocket", "inception_time")
MOST_BUFFER = 100
WORKER = Path(__file__).resolve().with_name("series_systems.py")


def judge(path: Path | None, frame: pd.DataFrame, options: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each system on one file."""
    train, test = parted(frame, options)
    options.kind = kind_of(train["y"], per_step=options.what == "steps")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(train, test, folder, options)
        systems = (PEERS if options.python else OURS)[options.what]
        if options.kind == "regression":
            systems = tuple(system for system in systems if system not in ("recipe", "forest", "pyod"))
        systems = tuple(system for system in systems if options.only is None or system in options.only)
        with ThreadPoolExecutor(2 if options.at_once else 1) as pool:
            ended = list(pool.map(lambda system: run(system, folder, options), systems))
        choose = np.load(folder / "data.npz")["choose"].any(0) if decides(options) else np.zeros(0, bool)
        options.choose = np.flatnonzero(choose)
    found = {name: output for outputs in ended for name, output in outputs.items() if is_finite(name, output)}
    found |= chance(train, test, options) if options.what == "steps" else {}
    data = "generated" if path is None else path.stem
    rows = []
    for name, output in found.items():
        if not name.endswith((CHOOSE, ACT)):
            rows.append({"data": data, "system": name, **scores(output, train, test, options)})
            if decides(options):
                rows[-1] |= decision_scores(found[name + CHOOSE], found[name + ACT], train, test, options)
    return rows


def decides(options: argparse.Namespace) -> bool:
    """Whether there are events to decide on."""
    return bool(options.what == "steps" and options.kind == "binary")


def is_finite(name: str, output: Array) -> bool:
    """Whether a system has a score for every row."""
    n_gaps = int((~np.isfinite(output)).sum())
    if n_gaps:
        print(f"{name} is left out: {n_gaps} of its scores are no numbers", file=sys.stderr)
    return not n_gaps


def run(system: str, folder: Path, options: argparse.Namespace) -> dict[str, Array]:
    """What one system says of the rows that it has not seen; nothing if it fails."""
    python = options.python if system in NEED_PEERS else sys.executable
    line = [python, str(WORKER), system, str(folder), "--what", options.what, "--kind", options.kind]
    line += ["--seconds", str(options.seconds), "--peer-seconds", str(options.peer_seconds)]
    line += ["--one-core"] * options.at_once + ["--with-references"] * options.with_references
    line += ["--refit"] * options.refit + (["--folds", str(options.folds)] if options.folds else [])
    one_core = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    environment = {**os.environ, **(one_core if options.at_once else {}), "TF_CPP_MIN_LOG_LEVEL": "3"}
    begun = time.monotonic()
    ended = subprocess.run(line, check=False, capture_output=True, text=True, env=environment)
    if ended.returncode:
        print(f"{system} failed: {ended.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return {}
    print(f"{system}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return dict(np.load(folder / f"{system}.npz"))


def parted(frame: pd.DataFrame, options: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows that a system is given, and rows that it is judged by, sorted by series and time."""
    frame = frame.rename(columns={options.target: "y", options.series_id: "series", options.time: "t"})
    frame = frame.sort_values([*KEYS], kind="stable")
    if options.part is None:
        names = frame["series"].unique()
        held_out = frame["series"].isin(names[::4])
        if len(names) == 1:
            held_out = pd.Series(np.arange(len(frame)) >= 0.75 * len(frame), index=frame.index)
    else:
        held_out = frame[options.part].eq("test")
        frame = frame.drop(columns=options.part)
    return frame[~held_out].reset_index(drop=True), frame[held_out].reset_index(drop=True)


def kind_of(y: "pd.Series[Any]", *, per_step: bool) -> str:
    """Two values are classes, and so are few values of whole series; others are quantities."""
    return "binary" if y.nunique() == 2 else "regression" if per_step or y.nunique() > 20 else "multiclass"


def write(train: pd.DataFrame, test: pd.DataFrame, folder: Path, options: argparse.Namespace) -> None:
    """Leave the rows, the standardized channels and what a model of rows is told of them in a folder."""
    names = [name for name in train if name not in ("y", "group", *KEYS)]
    mean, deviation = train[names].mean(), train[names].std() + 1e-8
    x = [((part[names] - mean) / deviation).fillna(0).to_numpy(np.float32).copy() for part in (train, test)]
    causal = options.what == "steps" and ends_of(train)
    seen, new = (
        viewed(own, starts_of(part), options, causal=causal) for own, part in zip(x, (train, test), strict=True)
    )
    per_step, y = options.what == "steps", train["y"]
    if not per_step:
        y = train.groupby("series", sort=False)["y"].first()
        length = int(max(part.groupby("series").size().max() for part in (train, test)))
        x = [continued(own, starts_of(part), length) for own, part in zip(x, (train, test), strict=True)]
    parts: dict[str, Any] = {}
    if decides(options):
        storage = f"sqlite:///{folder / 'none.db'}"
        problem = study_of(train, per_step=True, storage=storage, folds=options.folds).problem
        sides = {"fit": [fold.train for fold in problem.folds], "choose": [fold.val for fold in problem.folds]}
        parts = {side: [np.isin(np.arange(len(train)), rows) for rows in folds] for side, folds in sides.items()}
    np.savez(folder / "data.npz", train=x[0], test=x[1], seen=seen, new=new, y=y.to_numpy(), **parts)
    train.to_parquet(folder / "train.parquet")
    test.drop(columns="y").to_parquet(folder / "test.parquet")


def ends_of(train: pd.DataFrame) -> bool:
    """Whether the end of a series tells its labels, so that nobody should look ahead."""
    from automl_nn.data.series.findings import ends_tell
    from automl_nn.data.series.steps import SeriesColumns, Steps

    return ends_tell(train[["y"]].to_numpy(float), Steps.of(train, SeriesColumns(*KEYS)))


def viewed(x: Array, starts: Array, options: argparse.Namespace, *, causal: bool) -> Array:
    """What our networks are told, too: lags and rolling statistics of each step, or statistics of each series."""
    import torch

    from automl_nn.model.inputs import Inputs
    from automl_nn.model.views import View

    none = torch.zeros(len(x), 0, dtype=torch.int64)
    inputs = Inputs(torch.from_numpy(x), none, starts=torch.from_numpy(starts))
    return View(per_step=options.what == "steps", causal=causal).read(inputs).numbers.numpy()


def continued(x: Array, starts: Array, length: int) -> Array:
    """Panel `(n_series, channels, length)`; a shorter series goes on with its last step."""
    series = np.split(x, starts[1:])
    return np.stack([np.concatenate([own, np.repeat(own[-1:], length - len(own), axis=0)]).T for own in series])


def chance(train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> dict[str, Array]:
    """Random scores, or the mean of a quantity."""
    if options.kind == "regression":
        return {"chance": np.full(len(test), train["y"].mean())}
    rng = np.random.default_rng(0)
    score = rng.uniform(size=len(test))
    return {"chance": score, f"chance{ACT}": score, f"chance{CHOOSE}": rng.uniform(size=len(options.choose))}


def scores(output: Array, train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> dict[str, float]:
    """Greater is better, but for `rmse`."""
    from sklearn.metrics import accuracy_score, average_precision_score, balanced_accuracy_score

    y = test["y"].to_numpy() if options.what == "steps" else test.groupby("series", sort=False)["y"].first().to_numpy()
    if options.kind == "regression":
        return {"rmse": float(np.sqrt(np.mean((output.ravel() - y) ** 2)))}
    p = output[:, 1] if output.ndim == 2 else output
    if options.what == "steps":
        return {"average_precision": average_precision_score(y, p), **event_scores(p, train, test, options)}
    said = np.unique(train["y"])[output.argmax(1)]
    found = {"accuracy": accuracy_score(y, said), "balanced_accuracy": balanced_accuracy_score(y, said)}
    return found | ({"average_precision": average_precision_score(y, p)} if options.kind == "binary" else {})


def event_scores(p: Array, train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace) -> dict[str, float]:
    """VUS-PR, and event-F1 where as many steps are marked as are positive."""
    from automl_nn.task.event_metrics import count_events
    from automl_nn.task.events import Events
    from automl_nn.task.range_metrics import vus_pr

    window = window_of(train, options)
    y, offsets = test["y"].to_numpy(float), np.append(starts_of(test), len(test))
    marked = np.zeros(len(y))
    marked[np.argsort(-p, kind="stable")[: int(y.sum())]] = 1
    alarms = Events.of(marked, offsets=offsets)
    n_thresholds = 250 if y.mean() > 1e-3 else 5000
    return {
        "vus_pr": vus_pr(y, p, max_buffer=window, offsets=offsets, n_thresholds=n_thresholds),
        "as_many": count_events(alarms, y, tolerance=window).f1,
    }


def decision_scores(
    chosen: Array, new: Array, train: pd.DataFrame, test: pd.DataFrame, options: argparse.Namespace
) -> dict[str, float]:
    """Event-F1 of our event decision and of one threshold on unseen rows, both chosen on others; NaN if refused."""
    from automl_nn.decide.events.choose import choose_events, event_metrics
    from automl_nn.decide.events.trigger import Trigger
    from automl_nn.decide.goal import Goal
    from automl_nn.errors import DecisionError

    window, rows = window_of(train, options), options.choose
    given: dict[str, Any] = {"tolerance": window, "offsets": runs_of(train, rows)}
    try:
        choice = choose_events(chosen.astype(float), train["y"].to_numpy(float)[rows], goal=Goal("f1"), **given)
    except DecisionError as refused:
        print(refused, file=sys.stderr)
        return {"by_threshold": np.nan, "event_f1": np.nan}
    cut = choice.metrics_of_threshold["threshold"]
    triggers = {"by_threshold": Trigger(cut, cut), "event_f1": choice.trigger}
    bounds = np.append(starts_of(test), len(test))
    judged: dict[str, Any] = {"y": test["y"].to_numpy(float), "offsets": bounds, "tolerance": window}
    return {name: event_metrics(one, new.astype(float), **judged)["f1"] for name, one in triggers.items()}


def window_of(train: pd.DataFrame, options: argparse.Namespace) -> int:
    """The tolerance in steps: as asked, or the median length of the training events, within limits."""
    from automl_nn.task.events import Events

    true = Events.of(train["y"].to_numpy(float), offsets=np.append(starts_of(train), len(train)))
    return options.window or int(np.clip(np.median(true.length), 2, MOST_BUFFER))


def frames(options: argparse.Namespace) -> Iterator[tuple[Path | None, pd.DataFrame]]:
    """The files; pulses in noise without any."""
    if not options.files:
        rng = np.random.default_rng(0)
        y = np.repeat(rng.uniform(size=40 * 30) < 0.04, 8)
        frame = pd.DataFrame({"series": np.repeat(np.arange(40), 240), "t": np.tile(np.arange(240), 40)})
        frame = frame.assign(x=rng.normal(size=len(y)) + 2 * y, y=y.astype(int))
        yield (
            None,
            frame
            if options.what == "steps"
            else frame.assign(y=frame["series"] % 3 // 2, x=frame["x"] + frame["series"] % 3),
        )
    for file in options.files:
        yield file, pd.read_parquet(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("steps", "whole"))
    parser.add_argument("files", nargs="*", type=Path, help="Parquet files, one row a step")
    parser.add_argument("--target", default="y")
    parser.add_argument("--series-id", default="series")
    parser.add_argument("--time", default="t")
    parser.add_argument("--part", help="the column that says train or test")
    parser.add_argument("--seconds", type=float, default=60, help="for our search, and for the recipe")
    parser.add_argument("--peer-seconds", type=float, default=300, help="for InceptionTime")
    parser.add_argument("--only", nargs="+", help="some of the systems")
    parser.add_argument("--window", type=int, help="tolerance of event-F1, and largest buffer of VUS-PR, in steps")
    parser.add_argument("--at-once", action="store_true", help="two systems at a time, one core each")
    parser.add_argument("--python", help="of the environment in which the peers are installed")
    parser.add_argument(
        "--folds", type=int, help="of our search, and of the decisions of others; its default unless given"
    )
    parser.add_argument("--with-references", action="store_true", help="let boosting join our ensembles")
    parser.add_argument("--refit", action="store_true", help="train our ensembles again on all rows, after the seconds")
    options = parser.parse_intermixed_args()
    rows = []
    for path, frame in frames(options):
        rows += (own := judge(path, frame, options))
        print(pd.DataFrame(own).round(4).to_string(index=False), flush=True)
    table = pd.DataFrame(rows)
    first = "average_precision" if options.what == "steps" else "accuracy"
    if first in table:
        print(table.pivot(index="data", columns="system", values=first).round(4).to_string())


if __name__ == "__main__":
    main()
