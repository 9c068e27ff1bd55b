import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_nn.decide.cells import Cells, evenly, tally

rows = st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=60)


def _columns(drawn):
    scores, y = np.array(drawn, dtype=np.float64).T
    return scores, y


@settings(deadline=None)
@given(rows)
def test_counts_are_those_of_marking_the_rows_that_reach_the_cut(drawn):
    scores, y = _columns(drawn)
    cells = tally(scores, y, np.ones(len(y)))
    counts = cells.counts()
    for j, cut in enumerate(cells.cuts):
        marked = scores >= cut
        expected = (
            (marked & (y == 1)).sum(),
            (marked & (y == 0)).sum(),
            (~marked & (y == 1)).sum(),
            (~marked & (y == 0)).sum(),
        )
        assert tuple(float(count[j]) for count in counts) == expected


@settings(deadline=None)
@given(rows)
def test_corners_keep_the_counts_of_the_cuts_that_they_keep(drawn):
    scores, y = _columns(drawn)
    exact = tally(scores, y, np.ones(len(y)))
    kept = exact.corners()
    corners = exact.take(kept)
    for before, after in zip(exact.counts(), corners.counts(), strict=True):
        assert np.array_equal(before[kept], after)
    assert corners.n_cuts <= 2 * min(y.sum(), (1 - y).sum()) + 2


def test_a_cut_separates_neighbouring_floats():
    scores = np.array([1.0, np.nextafter(1.0, 2.0), 1e300, 1.7e308])
    cells = tally(scores, np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4))
    assert [(scores >= cut).sum() for cut in cells.cuts] == [4, 3, 2, 1, 0]


def test_joined_cells_keep_every_row_of_every_group():
    rng = np.random.default_rng(0)
    scores, y, groups = rng.normal(size=300), (rng.random(300) < 0.3).astype(float), rng.integers(20, size=300)
    cells = tally(scores, y, np.ones(300), groups=groups)
    joined = cells.take(evenly(np.arange(cells.n_cuts), 9))
    assert joined.weight == 300
    assert joined.units.sum(axis=1).tolist() == np.bincount(groups).tolist()
    assert np.array_equal(joined.units.sum(axis=0), np.r_[joined.positives, joined.negatives])


def test_a_group_for_each_row_is_the_bootstrap_of_the_rows():
    scores, y = np.arange(8.0), np.tile([0.0, 1.0], 4)
    alone, grouped = (tally(scores, y, np.ones(8), groups=groups) for groups in (None, np.arange(8)))
    first, second = (cells.resample(4000, rng=np.random.default_rng(0)) for cells in (alone, grouped))
    assert np.abs(first.positives.mean(0) - second.positives.mean(0)).max() < 0.1
    assert np.abs(first.positives.std(0) - second.positives.std(0)).max() < 0.1


def test_a_group_is_drawn_and_parted_as_a_whole():
    scores, y, groups = np.arange(12.0), np.tile([0.0, 1.0], 6), np.repeat([0, 1, 2], 4)
    cells = tally(scores, y, np.ones(12), groups=groups)
    drawn = cells.resample(50, rng=np.random.default_rng(0))
    inside, outside = cells.part(50, share=0.5, rng=np.random.default_rng(0))
    for sample in (drawn, inside, outside):
        rows = np.stack(sample, axis=2).max(axis=2).reshape(len(sample.positives), 3, 4)
        assert (rows == rows[:, :, :1]).all()
    assert np.array_equal(inside.positives + outside.positives, np.tile(cells.positives, (len(inside.positives), 1)))


def test_partings_hold_their_share_of_the_rows():
    cells = Cells(np.arange(4.0), np.array([40.0, 0.0, 10.0]), np.array([100.0, 50.0, 0.5]))
    inside, outside = cells.part(2000, share=0.7, rng=np.random.default_rng(0))
    assert np.abs(inside.positives.mean(0) - 0.7 * cells.positives).max() < 0.5
    assert np.allclose(inside.negatives + outside.negatives, cells.negatives)


def test_resamples_are_those_of_drawing_rows_with_replacement():
    rng = np.random.default_rng(0)
    scores, y = rng.integers(5, size=60).astype(float), (rng.random(60) < 0.4).astype(float)
    cells = tally(scores, y, np.ones(60))
    fast = cells.resample(4000, rng=rng).counts().tp
    drawn = rng.integers(60, size=(4000, 60))
    slow = np.stack([((scores[drawn] >= cut) & (y[drawn] == 1)).sum(1) for cut in cells.cuts], axis=1)
    assert np.abs(fast.mean(0) - slow.mean(0)).max() < 0.35
    assert np.abs(fast.std(0) - slow.std(0)).max() < 0.25
