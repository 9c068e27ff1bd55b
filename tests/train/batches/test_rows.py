import pytest
import torch

from automl_nn.errors import DataError
from automl_nn.model.encoders import Inputs
from automl_nn.train.batches import rows as module
from automl_nn.train.batches.rows import Batches
from automl_nn.train.losses.stack_loss import Targets


def numbered(n_rows: int, *, batch_size: int, seeds: list[int]) -> Batches:
    """Batches whose rows say which row they are in every part."""
    numbers = torch.arange(n_rows).unsqueeze(1)
    targets = Targets(numbers.float(), numbers.float())
    return Batches(Inputs(numbers.float(), numbers), targets, batch_size=batch_size, seeds=seeds)


def test_each_network_sees_every_row_once_in_its_own_order():
    batches = numbered(12, batch_size=4, seeds=[0, 1])
    seen = torch.cat([batch.dense[..., 0] for batch in batches.epoch()], dim=1)
    assert seen.sort(dim=1).values.tolist() == [list(range(12))] * 2
    assert seen[0].tolist() != seen[1].tolist()


def test_a_network_sees_in_a_stack_what_it_sees_alone():
    stack, alone = numbered(10, batch_size=3, seeds=[5, 7]), numbered(10, batch_size=3, seeds=[7])
    for _ in range(2):
        for together, single in zip(stack.epoch(), alone.epoch(), strict=True):
            assert torch.equal(together.dense[1:], single.dense)


def test_all_parts_of_a_batch_are_of_the_same_rows():
    batches = numbered(10, batch_size=4, seeds=[0, 1])
    for step, batch in enumerate(batches.epoch()):
        assert batch.targets.weight is not None
        rows = torch.stack([batches.rows(0, step), batches.rows(1, step)])
        for part in (batch.dense, batch.codes, batch.targets.y, batch.targets.weight):
            assert part[..., 0].tolist() == rows.tolist()


def test_the_rows_left_out_are_other_ones_in_each_epoch():
    batches = numbered(10, batch_size=4, seeds=[0])
    epochs = [torch.cat([batch.dense.flatten() for batch in batches.epoch()]) for _ in range(2)]
    assert [len(epoch) for epoch in epochs] == [8, 8]
    assert set(epochs[0].tolist()) != set(epochs[1].tolist())


def test_few_rows_are_one_batch():
    (batch,) = numbered(3, batch_size=256, seeds=[0]).epoch()
    assert batch.dense.shape == (1, 3, 1)


def test_gathering_piece_by_piece_gives_the_same_batches(monkeypatch):
    whole = [batch.dense for batch in numbered(20, batch_size=3, seeds=[0, 1]).epoch()]
    monkeypatch.setattr(module, "GATHER_BYTES", 200)
    pieces = [batch.dense for batch in numbered(20, batch_size=3, seeds=[0, 1]).epoch()]
    torch.testing.assert_close(pieces, whole)


def test_no_rows_are_refused():
    with pytest.raises(DataError, match="at least one row"):
        numbered(0, batch_size=2, seeds=[0])
