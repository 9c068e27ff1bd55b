"""Everything about training that is searched."""

from collections.abc import Mapping
from typing import Any

from automl_nn.space.draw import flatten
from automl_nn.space.options import Space
from automl_nn.space.ranges import Choice, Held, Integer, Value
from automl_nn.task.base import Family
from automl_nn.train.clipping import CLIPS
from automl_nn.train.losses.options import losses_for
from automl_nn.train.optimizers import OPTIMIZERS
from automl_nn.train.precision import PRECISIONS
from automl_nn.train.schedules import FADES, SCHEDULES

BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
N_STEPS = 2500
"""Steps of a full training with the default batch size, within 20 to 100 epochs."""


def train_space(family: Family, *, n_rows: int) -> Space:
    """The knobs of training, with ranges that suit the number of rows.

    `precision` is the floating type of inputs, network and losses. bfloat16 rounds what large products read and leaves
    the rest in float32: faster for widths from 256 on processors that multiply in it. `auto` takes it where a search
    with a time-out measures that it is clearly faster, and float32 elsewhere. float64 costs about twice the time; it is
    there for soft labels and regressions whose loss must come nearer to its floor than the seven digits of float32
    allow. For embeddings, `n_same` is how many rows of one class stand together in a batch.

    Args:
        family: How the task reads outputs; it decides which losses there are.
        n_rows: Number of training rows.

    Example:
        >>> from automl_nn.space.draw import defaults
        >>> config = defaults(train_space("labels", n_rows=10_000))
        >>> config["batch_size"], config["n_epochs"], config["loss"]["name"]
        (256, 64, 'cross_entropy')
    """
    batch_sizes = Choice(
        _batch_sizes(n_rows), default=_batch_size(n_rows), also=Integer(1, 65_536, default=_batch_size(n_rows))
    )
    n_epochs = min(100, max(20, N_STEPS // max(1, n_rows // _batch_size(n_rows))))
    of_pairs = {"n_same": Choice((2, 4, 8), default=4, also=Integer(1, 1024, default=4))}
    return {
        "batch_size": batch_sizes,
        "n_epochs": Held(Integer(1, 1000, default=n_epochs, log=True, valid=(1, 1_000_000))),
        "patience": Held(Integer(1, 200, default=16, log=True, valid=(1, 1_000_000))),
        "precision": Held(Choice(PRECISIONS)),
        "loss": losses_for(family),
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "fade": FADES,
        "clip": CLIPS,
        **(of_pairs if family == "embedding" else {}),
    }


def bucket(config: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    """What is equal for train configs whose networks can be trained as one stack, by path.

    Example:
        >>> bucket({"batch_size": 64, "n_epochs": 20, "precision": "float32", "patience": 4})
        (('batch_size', 64), ('n_epochs', 20), ('precision', 'float32'))
    """
    of_rows = ("batch_size", "n_windows", "n_same", "sampling", "pseudo", "reconstruction", "augmentation")
    shared = (*of_rows, "n_epochs", "precision")
    return tuple(flatten({key: config[key] for key in shared if key in config}).items())


def _batch_sizes(n_rows: int) -> tuple[int, ...]:
    """Up to four sizes of which at least four batches fit into the rows; always two, so that there is a choice."""
    fitting = [size for size in BATCH_SIZES if size <= n_rows // 4]
    return tuple(fitting[-4:]) if len(fitting) > 1 else BATCH_SIZES[:2]


def _batch_size(n_rows: int) -> int:
    """The size to start from: larger for more rows."""
    wanted = 64 if n_rows <= 2048 else 128 if n_rows <= 8192 else 256 if n_rows <= 65_536 else 512
    sizes = _batch_sizes(n_rows)
    return min(max(wanted, sizes[0]), sizes[-1])
