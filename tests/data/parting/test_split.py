import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit

from automl_nn.data.parting.folds import grouped_folds, random_folds, stratified_folds
from automl_nn.data.parting.split import grouped_split, random_split, stratified_split
from automl_nn.errors import SplitError

SHARES = st.floats(0.05, 0.95)
SEEDS = st.integers(0, 2**32)
CLASSES = st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=2, max_size=80).map(np.array)
LABELS = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, np.nan])] * 3), min_size=2, max_size=80).map(np.array)


def check_disjoint_and_complete(splits, n_rows):
    for split in splits:
        assert len(split.train)
        assert len(split.val)
        np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.val])), np.arange(n_rows))


def check_folds(splits, n_rows):
    check_disjoint_and_complete(splits, n_rows)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.val for split in splits])), np.arange(n_rows))


def counts(labels, rows):
    """Rows of every class of every label among `rows`."""
    table = labels.reshape(len(labels), -1)
    return np.array([(table[rows, j] == value).sum() for j in range(table.shape[1]) for value in present(table[:, j])])


def present(values):
    return np.unique(values[~np.isnan(values)])


@given(n_rows=st.integers(2, 200), val_share=SHARES, seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_random_parts_have_the_share_asked_for(n_rows, val_share, seed):
    split = random_split(n_rows, val_share=val_share, seed=seed)
    check_disjoint_and_complete([split], n_rows)
    assert abs(len(split.val) - val_share * n_rows) <= 1


@given(labels=CLASSES, val_share=SHARES, seed=SEEDS, min_positives=st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_stratified_parts_hold_every_class_or_are_refused(labels, val_share, seed, min_positives):
    rarest = min(counts(labels, slice(None)), default=2 * min_positives)
    if rarest < 2 * min_positives:
        with pytest.raises(SplitError, match=f"add {2 * min_positives - rarest} row"):
            stratified_split(labels, val_share=val_share, seed=seed, min_positives=min_positives)
        return
    split = stratified_split(labels, val_share=val_share, seed=seed, min_positives=min_positives)
    check_disjoint_and_complete([split], len(labels))
    for rows in (split.train, split.val):
        assert (counts(labels, rows) >= min_positives).all()


@given(labels=LABELS, val_share=SHARES, seed=SEEDS)
@settings(max_examples=100, deadline=None)
def test_parts_of_several_labels_hold_every_class_or_are_refused(labels, val_share, seed):
    try:
        split = stratified_split(labels, val_share=val_share, seed=seed)
    except SplitError:
        assert counts(labels, slice(None)).min() < 4
        return
    check_disjoint_and_complete([split], len(labels))
    assert counts(labels, split.train).all()
    assert counts(labels, split.val).all()


@given(labels=CLASSES, seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_a_class_has_its_share_to_the_row(labels, seed):
    split = stratified_split(labels, val_share=0.5, seed=seed, min_positives=0)
    assert (np.abs(counts(labels, split.val) - counts(labels, split.train)) <= 2).all()
    assert abs(len(split.val) - len(split.train)) <= 2


def test_one_label_is_cut_as_scikit_learn_cuts_it():
    y = np.repeat([0, 1, 2], [700, 250, 50])
    split = stratified_split(y, seed=0)
    train, val = next(StratifiedShuffleSplit(1, test_size=0.2, random_state=0).split(y[:, None], y))
    np.testing.assert_array_equal(np.bincount(y[split.val]), np.bincount(y[val]))
    np.testing.assert_array_equal(np.bincount(y[split.train]), np.bincount(y[train]))


def test_rare_labels_that_overlap_are_all_spread():
    rng = np.random.default_rng(0)
    labels = (rng.random((5000, 8)) < [0.004, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8]).astype(float)
    labels[:, 1] = np.maximum(labels[:, 0], labels[:, 1])
    labels[rng.random(labels.shape) < 0.1] = np.nan
    split = stratified_split(labels, seed=0, min_positives=2)
    share = counts(labels, split.val) / counts(labels, slice(None))
    np.testing.assert_allclose(share, 0.2, atol=0.06)
    assert abs(len(split.val) - 1000) < 30


def test_many_rare_classes_do_not_inflate_a_part():
    y = np.repeat(np.arange(100), 3)
    assert len(stratified_split(y, seed=0, min_positives=0).val) == 60


def test_classes_may_be_texts():
    y = np.array(["a"] * 8 + ["b"] * 2)
    assert sorted(y[stratified_split(y, seed=0).val]) == ["a", "b"]


@pytest.mark.parametrize("cut", [stratified_split, stratified_folds])
def test_a_class_of_one_row_is_refused_with_what_is_missing(cut):
    with pytest.raises(SplitError, match="class 7 is in 1 row, but the parts asked for need 2: add 1 row of it"):
        cut(np.array([0.0] * 9 + [7.0]), seed=0)


def test_a_rare_class_means_fewer_folds():
    y = np.array([0] * 50 + [1] * 7)
    assert len(stratified_folds(y, seed=0)) == 5
    assert len(stratified_folds(y, seed=0, min_positives=2)) == 3
    with pytest.raises(SplitError, match="need 8: add 1 row of it"):
        stratified_folds(y, seed=0, min_positives=4)


@given(labels=CLASSES, n_folds=st.integers(2, 6), seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_folds_cover_every_row_once_and_spread_every_class(labels, n_folds, seed):
    rarest = min(counts(labels, slice(None)), default=n_folds)
    if rarest < 2:
        with pytest.raises(SplitError):
            stratified_folds(labels, n_folds=n_folds, seed=seed)
        return
    splits = stratified_folds(labels, n_folds=n_folds, seed=seed)
    assert len(splits) == min(n_folds, rarest, len(labels))
    check_folds(splits, len(labels))
    spread = np.array([counts(labels, split.val) for split in splits])
    assert (spread.max(axis=0) - spread.min(axis=0) <= 2).all()
    assert (spread >= 1).all()


@given(groups=st.lists(st.integers(0, 9), min_size=2, max_size=80).map(np.array), val_share=SHARES, seed=SEEDS)
@settings(max_examples=80, deadline=None)
def test_no_group_is_on_both_sides(groups, val_share, seed):
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        with pytest.raises(SplitError, match="the rows are of 1 group: add 1 group"):
            grouped_split(groups, val_share=val_share, seed=seed)
        return
    split = grouped_split(groups, val_share=val_share, seed=seed)
    check_disjoint_and_complete([split], len(groups))
    assert not set(groups[split.train]) & set(groups[split.val])


def test_groups_keep_the_share_of_rows_and_of_positives():
    rng = np.random.default_rng(1)
    groups = rng.integers(0, 300, 6000)
    y = ((rng.random(6000) < 0.5) & (groups % 15 == 0)).astype(float)
    split = grouped_split(groups, labels=y, seed=0)
    assert abs(len(split.val) / 6000 - 0.2) < 0.02
    assert abs(y[split.val].sum() / y.sum() - 0.2) < 0.05


@pytest.mark.parametrize("val_share", [0.03, 0.2, 0.5])
def test_large_groups_and_those_of_many_positives_are_on_both_sides_as_their_share_is(val_share, rng):
    sizes = rng.integers(1, 40, size=1000)
    groups = np.repeat(np.arange(1000), sizes)
    y = rng.random(len(groups)) < np.repeat(rng.choice([0.0, 0.1, 0.5], size=1000), sizes)
    split = grouped_split(groups, labels=y, val_share=val_share, seed=0)
    held = np.unique(groups[split.val])
    positives = np.bincount(groups, weights=y)
    assert len(held) == pytest.approx(1000 * val_share, rel=0.1)
    assert sizes[held].mean() == pytest.approx(sizes.mean(), rel=0.1)
    assert positives[held][positives[held] > 0].mean() == pytest.approx(positives[positives > 0].mean(), rel=0.15)


def test_a_group_that_is_far_larger_than_a_part_is_left_to_the_other_one():
    groups = np.repeat(np.arange(4), [50, 40, 5, 5])
    assert len(grouped_split(groups, val_share=0.2, seed=0).val) == 10


def test_positives_in_two_groups_go_to_both_sides():
    groups = np.repeat(np.arange(10), 10)
    y = np.isin(groups, [3, 8]).astype(int)
    for seed in range(10):
        split = grouped_split(groups, labels=y, seed=seed)
        assert set(y[split.train]) == set(y[split.val]) == {0, 1}


def test_positives_in_one_group_are_refused():
    groups = np.repeat(np.arange(10), 10)
    with pytest.raises(SplitError, match="class 1 is in 1 group, but the parts asked for need 2: add 1 group of it"):
        grouped_split(groups, labels=(groups == 3).astype(int), seed=0)


def test_grouped_folds_are_fewer_where_groups_lack_positives():
    groups = np.repeat(np.arange(12), 5)
    splits = grouped_folds(groups, labels=np.isin(groups, [1, 4, 7]).astype(int), seed=0)
    assert len(splits) == 3
    check_folds(splits, 60)
    for split in splits:
        assert not set(groups[split.train]) & set(groups[split.val])


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda: random_split(10, val_share=1.0, seed=0), "val_share = 1.0"),
        (lambda: random_split(1, seed=0), "there are 1"),
        (lambda: random_folds(3, n_folds=4, seed=0), "4 parts .* there are 3"),
        (lambda: random_folds(3, n_folds=1, seed=0), "n_folds = 1"),
        (lambda: grouped_split(["a", None], seed=0), "Row 1 has no group"),
        (lambda: grouped_split(["a", "b"], labels=[1, 0, 1], seed=0), "2 groups but 3 labels"),
        (lambda: stratified_split([], seed=0), "there are 0"),
    ],
    ids=["share", "one-row", "few-rows", "one-fold", "no-group", "lengths", "empty"],
)
def test_parts_that_cannot_be_made_are_refused(cut, message):
    with pytest.raises(SplitError, match=message):
        cut()


@pytest.mark.parametrize(
    "cut",
    [
        lambda seed: random_split(100, seed=seed),
        lambda seed: stratified_split(np.arange(100) % 3, seed=seed),
        lambda seed: grouped_split(np.arange(100) // 4, labels=np.arange(100) % 3, seed=seed),
        lambda seed: stratified_folds(np.arange(100) % 3, seed=seed)[0],
    ],
    ids=["random", "stratified", "grouped", "folds"],
)
def test_a_seed_gives_the_same_parts_again_and_another_seed_others(cut):
    one, same, other = cut(3), cut(3), cut(4)
    np.testing.assert_array_equal(one.val, same.val)
    assert not np.array_equal(one.val, other.val)


@pytest.mark.parametrize("seed", range(5))
def test_labels_that_occur_together_are_spread_together(seed):
    labels = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], [600, 300, 60, 40], axis=0)
    split = stratified_split(labels, seed=seed)
    together = labels.all(axis=1)
    assert abs(together[split.val].sum() - 8) <= 1
