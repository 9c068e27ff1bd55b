"""What a stack reads in training: the batches that a train config asks for, whatever the rows are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from automl_nn.model.network import Network
from automl_nn.task.base import Task
from automl_nn.train.augmentation.augment import augmentation
from automl_nn.train.batches.by_class import ByClass
from automl_nn.train.batches.images import ImageBatches
from automl_nn.train.batches.rows import Batches, Fold, Rows, Shuffle, one_after_the_other
from automl_nn.train.batches.windows import WindowBatches, window_batches
from automl_nn.train.losses.stack_loss import Targets
from automl_nn.train.pseudo import PseudoRows

Feed = Batches | ImageBatches | WindowBatches
"""The batches of a stack, epoch after epoch, of rows, of images or of windows."""


@final
@dataclass(frozen=True)
class Feeder:
    """Makes the batches of a stack.

    Args:
        network: The stack, on the device to train on and of the precision to train with.
        folds: What the networks learn from.
        config: A train config: what it says of batches holds for the whole stack.
        task: What is asked.
        seeds: One for each network.
        pseudo: The rows without a label that take part, if any.
    """

    network: Network
    folds: Sequence[Fold]
    config: Mapping[str, Any]
    task: Task
    seeds: Sequence[int]
    pseudo: PseudoRows | None = None

    def feed(self) -> tuple[Feed, Tensor]:
        """The batches, and the id of each row that they are gathered from."""
        train, sizes = one_after_the_other([fold.train for fold in self.folds]), [len(f.train) for f in self.folds]
        if train.inputs.starts is not None:
            windows = window_batches(
                train,
                self.config,
                family=self.task.family,
                length=self.network.backbone.window,
                is_alone=self.network.backbone.length == 1,
                seeds=self.seeds,
                sizes=sizes,
                dtype=next(self.network.parameters()).dtype,
            )
            return windows, train.ids.cpu()
        if self.pseudo is None:
            return self._of_rows(train, Targets.of(train.y, train.weight, family=self.task.family), sizes=sizes)
        return self._of_rows(self.pseudo.rows, self.pseudo.targets, sizes=[self.pseudo.n_read])

    def _of_rows(self, rows: Rows, targets: Targets, *, sizes: Sequence[int]) -> tuple[Feed, Tensor]:
        size, seeds, shuffle = int(self.config["batch_size"]), self.seeds, self._shuffle(targets)
        if rows.inputs.images is None:
            plain = Batches(rows.inputs, targets, batch_size=size, seeds=seeds, sizes=sizes, shuffle=shuffle)
            return plain, rows.ids.cpu()
        changes = {} if self.network.is_fixed else self.config
        augment = augmentation(changes, family=self.task.family, d_out=self.task.d_out)
        batches = ImageBatches(
            rows, targets, batch_size=size, seeds=seeds, sizes=sizes, augment=augment, shuffle=shuffle
        )
        return batches, rows.ids.cpu()

    def _shuffle(self, targets: Targets) -> Shuffle | None:
        """What draws the order of an epoch, if not chance alone."""
        if self.pseudo is not None:
            return self.pseudo.shuffle
        if self.task.family != "embedding":
            return None
        return ByClass(targets.y, n_same=int(self.config["n_same"]))
