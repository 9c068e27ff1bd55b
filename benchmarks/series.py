"""Series: training steps per second of each network.

    python benchmarks/series.py throughput

Beside them stands a 2 x 64 LSTM in both directions, in a loop by hand. `rare.py` is the case at full size, and
`series_peers.py` compares with other systems.
"""

import argparse
import time

import numpy as np
import pandas as pd
import torch
from torch import nn

from automl_nn import SeriesColumns
from automl_nn.model.backbones import SEQUENCES, WHOLE
from automl_nn.search.problem import Problem
from automl_nn.search.series import pose_steps
from automl_nn.train.device import threads


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


class _Lstm(nn.Module):
    def __init__(self, d_in: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(d_in, 64, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(128, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(self.lstm(x)[0])
        return output[..., 0]


def _by_hand(frame: pd.DataFrame) -> float:
    x = torch.tensor(frame[list("abcd")].to_numpy()).view(-1, 64, 4)
    y = torch.tensor(frame["y"].to_numpy(np.float32)).view(-1, 64)
    network = _Lstm(4)
    optimizer, start = torch.optim.Adam(network.parameters(), lr=1e-3), time.monotonic()
    for first in range(0, 32 * 16, 32):
        rows = slice(first, first + 32)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return 32 * 16 * 64 / (time.monotonic() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("throughput",))
    parser.add_argument("--n-steps", type=int, default=1024, help="of each of 64 series")
    with threads(1):
        throughput(parser.parse_args())


if __name__ == "__main__":
    main()
