"""Networks for series and the loop that trains them, as one writes both by hand in PyTorch."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

DROPOUT = 0.1
N_TAPS = (39, 19, 9)


class Steps(nn.Module):
    """Hidden units of each step, `(n, length, d_out)` of `(n, length, d_in)`."""

    d_out: int


class LSTM(Steps):
    """Two layers of 64 units in both directions, or forward only."""

    def __init__(self, d_in: int, *, both: bool = True) -> None:
        super().__init__()
        self.layers = nn.LSTM(d_in, 64, num_layers=2, batch_first=True, bidirectional=both, dropout=DROPOUT)
        self.d_out = 128 if both else 64

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(self.layers(x)[0], DROPOUT, self.training)


class TCN(Steps):
    """Six residual blocks of dilated convolutions over three steps."""

    def __init__(self, d_in: int, *, d: int = 64) -> None:
        super().__init__()
        self.first, self.norm, self.d_out = nn.Conv1d(d_in, d, 1), nn.BatchNorm1d(d), d
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(d),
                nn.Conv1d(d, d, 3, dilation=2**number, padding="same"),
                nn.ReLU(),
                nn.Dropout(DROPOUT),
                nn.Conv1d(d, d, 1),
            )
            for number in range(6)
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.first(x.transpose(1, 2))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return functional.relu(self.norm(hidden)).transpose(1, 2)


class UNet(Steps):
    """Convolutions over five steps on four levels, down and up again."""

    def __init__(self, d_in: int, *, d: int = 32) -> None:
        super().__init__()
        self.d_out = d
        self.down = nn.ModuleList(_layer(width, d, n_taps=5) for width in (d_in, d, d, d))
        self.up = nn.ModuleList(_layer(2 * d, d, n_taps=5) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = x.transpose(1, 2)
        seen: list[Tensor] = []
        for layer in self.down[:-1]:
            seen.append(layer(hidden))
            hidden = functional.max_pool1d(seen[-1], 2)
        hidden = self.down[-1](hidden)
        for layer in self.up:
            hidden = layer(torch.cat([functional.interpolate(hidden, scale_factor=2), seen.pop()], dim=1))
        return hidden.transpose(1, 2)


def _layer(d_in: int, d_out: int, *, n_taps: int) -> nn.Module:
    convolution = nn.Conv1d(d_in, d_out, n_taps, padding="same")
    return nn.Sequential(convolution, nn.BatchNorm1d(d_out), nn.ReLU(), nn.Dropout(DROPOUT))


class Inception(Steps):
    """Six blocks of convolutions of three lengths beside maxima, with a shortcut over each three of them."""

    def __init__(self, d_in: int, *, d: int = 64) -> None:
        super().__init__()
        self.d_out = d
        self.blocks = nn.ModuleList(_InceptionBlock(width, d) for width in (d_in, *[d] * 5))
        self.shortcuts = nn.ModuleList(nn.Conv1d(width, d, 1) for width in (d_in, d))

    def forward(self, x: Tensor) -> Tensor:
        hidden = before = x.transpose(1, 2)
        for number, block in enumerate(self.blocks):
            hidden = block(hidden)
            if number % 3 == 2:
                hidden = before = functional.relu(hidden + self.shortcuts[number // 3](before))
        return hidden.transpose(1, 2)


class _InceptionBlock(nn.Module):
    def __init__(self, d_in: int, d: int) -> None:
        super().__init__()
        self.narrow, self.beside = nn.Conv1d(d_in, d // 4, 1), nn.Conv1d(d_in, d // 4, 1)
        self.convolutions = nn.ModuleList(nn.Conv1d(d // 4, d // 4, n, padding="same") for n in N_TAPS)
        self.norm, self.dropout = nn.BatchNorm1d(d), nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        narrow = self.narrow(x)
        beside = self.beside(functional.max_pool1d(x, 3, stride=1, padding=1))
        seen = torch.cat([*(convolution(narrow) for convolution in self.convolutions), beside], dim=1)
        hidden: Tensor = self.dropout(functional.relu(self.norm(seen)))
        return hidden


class Classifier(nn.Module):
    """A layer of steps, and a number for each of them, or one for each series."""

    def __init__(self, steps: Steps, *, per_step: bool) -> None:
        super().__init__()
        self.steps, self.per_step = steps, per_step
        self.head = nn.Linear((1 if per_step else 2) * steps.d_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        told = self.steps(x)
        output: Tensor = self.head(told if self.per_step else torch.cat([told.mean(1), told.amax(1)], dim=1))
        return output[..., 0]


NETWORKS: dict[str, tuple[Callable[[int], Steps], bool]] = {
    "unet": (UNet, True),
    "tcn": (TCN, True),
    "lstm": (LSTM, True),
    "lstm_forward": (partial(LSTM, both=False), True),
    "inception": (Inception, False),
    "whole_tcn": (TCN, False),
    "whole_lstm": (LSTM, False),
}
"""By the names that ours have: the network, and whether it tells something of each step."""


def plain(name: str, *, d_in: int) -> Classifier:
    """A network, untrained."""
    make, per_step = NETWORKS[name]
    return Classifier(make(d_in), per_step=per_step)


def plain_loop(name: str, frame: pd.DataFrame, *, length: int, batch_size: int) -> Iterator[int]:
    """Train a network in a plain loop; yield the number of steps of series of each batch.

    Args:
        name: Of the network.
        frame: Steps with channels and the label `y`, window after window.
        length: Steps of a window.
        batch_size: Windows of a batch.
    """
    x = torch.tensor(frame.drop(columns=["s", "y"]).to_numpy()).view(-1, length, frame.shape[1] - 2)
    y = torch.tensor(frame["y"].to_numpy(np.float32)).view(-1, length)
    network = plain(name, d_in=x.shape[2])
    data = TensorDataset(x, y if network.per_step else y[:, -1])
    windows = DataLoader(data, batch_size, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for batch, labels in chain.from_iterable(repeat(windows)):
        optimizer.zero_grad()
        functional.binary_cross_entropy_with_logits(network(batch), labels).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        yield batch_size * length
