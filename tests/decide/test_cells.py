import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from automl_nn.decide.cells import tally

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
    corners = exact.corners()
    kept = np.isin(exact.cuts, corners.cuts)
    for before, after in zip(exact.counts(), corners.counts(), strict=True):
        assert np.array_equal(before[kept], after)
    assert corners.n_cuts <= 2 * min(y.sum(), (1 - y).sum()) + 2


def test_a_cut_separates_neighbouring_floats():
    scores = np.array([1.0, np.nextafter(1.0, 2.0), 1e300, 1.7e308])
    cells = tally(scores, np.array([0.0, 1.0, 0.0, 1.0]), np.ones(4))
    assert [(scores >= cut).sum() for cut in cells.cuts] == [4, 3, 2, 1, 0]


def test_the_grid_holds_both_ends_and_the_cut_to_keep():
    cells = tally(np.arange(1000.0), np.zeros(1000), np.ones(1000))
    kept = cells.grid(10, keep=123)
    assert len(kept) == 11
    assert {0, 123, 1000} <= set(kept.tolist())
    assert cells.take(kept).weight == 1000


def test_resamples_are_those_of_drawing_rows_with_replacement():
    rng = np.random.default_rng(0)
    scores, y = rng.integers(5, size=60).astype(float), (rng.random(60) < 0.4).astype(float)
    cells = tally(scores, y, np.ones(60))
    fast = np.concatenate([counts.tp for counts in cells.resample(4000, rng=rng)])
    drawn = rng.integers(60, size=(4000, 60))
    slow = np.stack([((scores[drawn] >= cut) & (y[drawn] == 1)).sum(1) for cut in cells.cuts], axis=1)
    assert np.abs(fast.mean(0) - slow.mean(0)).max() < 0.35
    assert np.abs(fast.std(0) - slow.std(0)).max() < 0.25
