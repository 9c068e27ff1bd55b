"""Rare events at full size: the search, the recipe people start from, memory, and what protects against spikes.

    python benchmarks/rare.py                                        # 7,000 x 4,096, about 45 minutes, 2 cores
    python benchmarks/rare.py --only-search                          # its first row and the memory, 15 minutes
    python benchmarks/rare.py --n-series 60 --n-steps 512 --seconds 15 --corner-seconds 5    # does it run?

One after the other, each in processes of its own, on the series of `studies/rare_events.py`:

- `search`: `Study.tune` for `--seconds` with a worker for each core;
- `recipe`: a 2 x 64 LSTM, Adam with 1e-3, batches of 128 windows, weights of `n- / n+`, no clipping, for as long, with
  a thread for each core;
- four corners, two at a time with one thread each, `--corner-seconds` each: the same LSTM and weights in our loop,
  without and with clipping, without and with event-centred batches.

All are scored by the average precision over the steps of other series, a fifth as many. `failed` counts trials that
diverged. `memory` is the largest proportional set size of all processes that read, pose and tune, less that of the same
search on 20 series (libraries and networks), over the size of the file's columns in memory: 17 bytes for each step.
"""

import argparse
import multiprocessing
import runpy
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score
from torch import nn

from automl_nn import SeriesColumns, Study
from automl_nn.data.read import read_frame
from automl_nn.train.device import threads

STUDY = Path(__file__).parent.parent / "studies" / "rare_events.py"
CHANNELS = ["level", "load"]
LENGTH, BATCH = 256, 128
CORNER = {
    "model.backbone.name": "lstm",
    "model.backbone.n_layers": 2,
    "model.backbone.d_block": 64,
    "train.loss.name": "cross_entropy",
    "train.loss.tau": 1.0,
    "train.optimizer.lr": 1e-3,
}
CLIPS, SAMPLINGS = ("none", "norm"), ("natural", "events")
N_SMALL = 20
"""Series of the search whose memory is that of libraries."""

Array = NDArray[Any]
Row = dict[str, Any]


def search(train: Path, new: Path | None, *, seconds: float, n_workers: int) -> Row:
    """Our search, and its memory in bytes."""
    with tempfile.TemporaryDirectory() as folder:
        with peak_memory() as peak:
            study = _study(train, folder, {})
            study.tune(timeout=seconds, n_workers=n_workers, references=False)
        row = {"system": "search", **_told(study), "bytes": peak[0]}
        return row if new is None else {**row, **_scored(study, new)}


def corner(train: Path, new: Path, *, clip: str, sampling: str, seconds: float) -> Row:
    """One network of the recipe in our loop."""
    settings = {**CORNER, "train.clip.name": clip, "train.sampling.name": sampling}
    with tempfile.TemporaryDirectory() as folder, threads(1):
        study = _study(train, folder, settings)
        study.tune(n_trials=1, timeout=seconds, references=False)
        row = {"system": "corner", "clip": clip, "batches": sampling, **_told(study)}
        return {**row, **_scored(study, new)}


def _study(train: Path, folder: str, settings: Mapping[str, Any]) -> Study:
    series, storage = SeriesColumns("series", "t"), f"sqlite:///{folder}/s.db"
    return Study(train, "y", series=series, settings=settings, storage=storage)


def _told(study: Study) -> Row:
    trials, has_failed = study.leaderboard(), study.leaderboard()["state"] == "failed"
    return {
        "trials": len(trials) - int(has_failed.sum()),
        "failed": int(has_failed.sum()),
        "epochs": len(study.epochs()),
        "spikes": len(study.spikes()),
        "best": str(trials.iloc[0]["model.backbone.name"]),
    }


def _scored(study: Study, new: Path) -> Row:
    frame = read_frame(new)
    start = time.monotonic()
    p = study.predictor().predict_proba(frame)[:, 1]
    study.store.close()
    return {**_scores(frame["y"].to_numpy(), p), "predict_s": time.monotonic() - start}


def _scores(y: Array, p: Array) -> Row:
    return {"average_precision": average_precision_score(y, p), "mean_p / base_rate": float(p.mean() / y.mean())}


def recipe(train: Path, new: Path, *, seconds: float, n_threads: int) -> Row:
    """What people start from."""
    seen, unseen = read_frame(train), read_frame(new)
    mean, deviation = seen[CHANNELS].mean(), seen[CHANNELS].std()
    x, y, n_steps = _tensors(seen, mean, deviation)
    torch.manual_seed(0)
    network, rng, n_batches = Recipe(x.shape[2]), np.random.default_rng(0), 0
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss = nn.BCEWithLogitsLoss(pos_weight=(1 - y.mean()) / y.mean())
    length = min(LENGTH, n_steps)
    with threads(n_threads):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            series = torch.from_numpy(rng.integers(len(x), size=(BATCH, 1)))
            places = torch.from_numpy(rng.integers(n_steps - length + 1, size=(BATCH, 1))) + torch.arange(length)
            optimizer.zero_grad()
            loss(network(x[series, places]), y[series, places]).backward()
            optimizer.step()
            n_batches += 1
        others, labels, _ = _tensors(unseen, mean, deviation)
        with torch.no_grad():
            parts = [network(others[start : start + BATCH]) for start in range(0, len(others), BATCH)]
            p = torch.cat(parts).sigmoid().double().numpy()
    return {"system": "recipe", "epochs": n_batches * BATCH / len(x), **_scores(labels.numpy().ravel(), p.ravel())}


def _tensors(frame: pd.DataFrame, mean: Any, deviation: Any) -> tuple[torch.Tensor, torch.Tensor, int]:
    """Standardized channels `(n_series, n_steps, d_in)` and labels `(n_series, n_steps)` of series of one length."""
    n_steps = int((frame["series"] == frame["series"].iloc[0]).sum())
    x = torch.from_numpy(((frame[CHANNELS] - mean) / deviation).to_numpy(np.float32, copy=True))
    y = torch.from_numpy(frame["y"].to_numpy(np.float32))
    return x.view(-1, n_steps, len(CHANNELS)), y.view(-1, n_steps), n_steps


class Recipe(nn.Module):
    """A plain LSTM with a logit for each step."""

    def __init__(self, d_in: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(d_in, 64, num_layers=2, batch_first=True)
        self.head = nn.Linear(64, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.lstm(x)[0])
        return output[..., 0]


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The largest memory of this process and its children in the block, in bytes; shared pages count once."""
    peak, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.2):
            peak[0] = max(peak[0], _memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        is_over.set()
        watcher.join()


def _memory() -> int:
    total, this = 0, psutil.Process()
    for process in (this, *this.children(recursive=True)):
        try:
            memory = process.memory_full_info()
        except psutil.Error:  # it has just ended
            continue
        total += int(getattr(memory, "pss", memory.uss))
    return total


def write(path: Path, n_series: int, n_steps: int, *, seed: int) -> int:
    """Write series to a Parquet file; what its columns take in memory, in bytes."""
    frame: pd.DataFrame = runpy.run_path(str(STUDY))["rare_events"](n_series, n_steps, seed=seed)
    frame.to_parquet(path, index=False)
    return int(frame.memory_usage(index=False).sum())


def compare(options: argparse.Namespace, folder: Path) -> list[Row]:
    """Run all of it: one row for each system."""
    small, train, new = (folder / f"{name}.parquet" for name in ("small", "train", "new"))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        sizes = ((small, N_SMALL, 2), (train, options.n_series, 0), (new, max(options.n_series // 5, 10), 1))
        few, data, _ = [pool.submit(write, path, n, options.n_steps, seed=seed).result() for path, n, seed in sizes]
        cores = {"n_workers": options.n_cores}
        alone = pool.submit(search, small, None, seconds=min(60, options.seconds), **cores).result()
        ours = pool.submit(search, train, new, seconds=options.seconds, **cores).result()
        peak, libraries = ours.pop("bytes"), alone["bytes"] - few
        ours["memory"] = (peak - libraries) / data
        told = [f"{size / 2**20:.0f} MiB" for size in (peak, libraries, data)]
        print(f"peak {told[0]}, {told[1]} of them libraries and networks; the data are {told[2]}", flush=True)
        if options.only_search:
            return [ours]
        rows = [ours, pool.submit(recipe, train, new, seconds=options.seconds, n_threads=options.n_cores).result()]
        asked = [{"clip": clip, "sampling": sampling} for clip, sampling in product(CLIPS, SAMPLINGS)]
        jobs = [pool.submit(corner, train, new, seconds=options.corner_seconds, **own) for own in asked]
        return rows + [job.result() for job in jobs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--n-series", type=int, default=7000)
    parser.add_argument("--n-steps", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=600, help="for the search, and for the recipe")
    parser.add_argument("--corner-seconds", type=float, default=180, help="for each of the four corners")
    parser.add_argument("--n-cores", type=int, default=2)
    parser.add_argument("--only-search", action="store_true", help="without the recipe and the corners")
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(parser.parse_args(), Path(folder))
    print(pd.DataFrame(rows).round(4).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main()
