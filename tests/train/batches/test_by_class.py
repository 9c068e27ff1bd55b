import torch

from automl_nn.train.batches.by_class import ByClass


def draw(codes, *, n_same, first=0, n=None):
    y = torch.tensor(codes, dtype=torch.float32)[:, None]
    order = ByClass(y, n_same=n_same)
    return order(first, n or len(codes), torch.Generator().manual_seed(0)), y[:, 0]


def test_every_group_is_of_one_class():
    rows, codes = draw([0] * 7 + [1] * 5 + [2] * 4, n_same=4)
    groups = codes[rows].view(-1, 4)
    assert len(rows) == 16
    assert bool((groups == groups[:, :1]).all())


def test_classes_that_fill_their_groups_are_read_once_each():
    rows, _ = draw([0, 1, 2, 3] * 6, n_same=3)
    assert sorted(rows.tolist()) == list(range(24))


def test_rows_alone_in_their_class_are_left_out_and_a_fold_keeps_to_its_rows():
    rows, codes = draw([9, 9, 0, 1, 1, 2, 2, 2], n_same=2, first=2, n=6)
    assert min(rows.tolist()) >= 2
    assert 0.0 not in codes[rows].tolist()
    assert len(rows) == 6


def test_without_pairs_any_order_will_do():
    rows, _ = draw([0, 1, 2], n_same=2)
    assert sorted(rows.tolist()) == [0, 1, 2]
