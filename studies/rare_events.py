"""Events of two or three steps in one series of five: `automl-nn tune studies/rare_events.py`.

One step in about 4,000 is positive. There are three kinds of events (a bounce, a burst of noise, a stop), and single
spikes that are none; one event in twenty has no label, and as many labels have no event. The case at its full size:

    python studies/rare_events.py rare.parquet --n-series 7000 --n-steps 4096
    automl-nn tune rare.parquet --target y --series-id series --time t --per-step --timeout 10m
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from automl_nn import Choice

SHARE_WITH_EVENTS = 0.2
EVENTS_PER_SERIES = 2
SPIKES_PER_SERIES = 2
NOISE = 0.05


def rare_events(n_series: int, n_steps: int, *, seed: int = 0) -> pd.DataFrame:
    """A long frame of series with rare events.

    Args:
        n_series: Number of series.
        n_steps: Steps of each.
        seed: Equal seeds give equal frames.

    Returns:
        The columns `series`, `t`, `level` and `load` (float32) and the label `y`.
    """
    rng = np.random.default_rng(seed)
    drawn = [_series(n_steps, has_events=number < SHARE_WITH_EVENTS * n_series, rng=rng) for number in range(n_series)]
    level, load, y = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    series = np.repeat(np.arange(n_series, dtype=np.int32), n_steps)
    t = np.tile(np.arange(n_steps, dtype=np.int32), n_series)
    return pd.DataFrame({"series": series, "t": t, "level": level, "load": load, "y": y})


def _series(
    n_steps: int, *, has_events: bool, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int8]]:
    """Two channels and the labels of one series."""
    clock = np.arange(n_steps) / rng.uniform(40, 160) + rng.uniform()
    level = np.sin(2 * np.pi * clock) + 0.3 * np.cumsum(rng.normal(size=n_steps)) / np.sqrt(n_steps)
    level += rng.normal(scale=0.15, size=n_steps)
    load = np.abs(np.cos(2 * np.pi * clock)) + rng.normal(scale=0.1, size=n_steps)
    y = np.zeros(n_steps, dtype=np.int8)
    for at in rng.integers(2, n_steps - 4, SPIKES_PER_SERIES):
        level[at] += rng.choice([-1, 1]) * rng.uniform(0.8, 1.6)
    for at in rng.integers(2, n_steps - 4, EVENTS_PER_SERIES * has_events):
        size = int(rng.integers(2, 4))
        _EVENTS[int(rng.integers(len(_EVENTS)))](level[at : at + size], load[at : at + size], rng)
        y[at : at + size] = rng.uniform() >= NOISE
        if rng.uniform() < NOISE:
            wrong = int(rng.integers(n_steps - 2))
            y[wrong : wrong + 2] = 1
    return level.astype(np.float32), load.astype(np.float32), y


def _bounce(level: NDArray[np.float64], load: NDArray[np.float64], rng: np.random.Generator) -> None:
    del load
    level += rng.uniform(0.6, 1.2) * np.resize([1.0, -1.0], len(level))


def _burst(level: NDArray[np.float64], load: NDArray[np.float64], rng: np.random.Generator) -> None:
    del level
    load += rng.uniform(0.5, 1.0, len(load))


def _stop(level: NDArray[np.float64], load: NDArray[np.float64], rng: np.random.Generator) -> None:
    level *= rng.uniform(0.0, 0.2)
    load *= rng.uniform(0.0, 0.2)


_EVENTS = (_bounce, _burst, _stop)


def read() -> pd.DataFrame:
    """A small case: 300 series of 1,024 steps."""
    return rare_events(300, 1024)


DATA = read
TASK = {"target": "y", "series_id": "series", "time": "t", "per_step": True}
SPACE = {"train.loss.name": "cross_entropy", "train.sampling.share": Choice((0.25, 0.5, 0.75))}
BUDGET = {"timeout": 300}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the case to a Parquet file.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--n-series", type=int, default=7000)
    parser.add_argument("--n-steps", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rare_events(given.n_series, given.n_steps, seed=given.seed).to_parquet(given.file, index=False)
