import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from automl_nn.decide import Decision, Goal, decide
from automl_nn.decide.drift import Histogram, drift
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Binary, Multiclass, Regression


def _scores(n_rows, seed, *, shift=0.0):
    return np.random.default_rng(seed).normal(shift, size=n_rows)


@pytest.mark.parametrize(("n_before", "n_after"), [(500, 5000), (4000, 400)])
def test_like_with_like_stays_below_the_limit_as_often_as_is_said(n_before, n_after):
    levels = [
        drift(Histogram.of("ill", _scores(n_before, seed)), _scores(n_after, 10_000 + seed)).level
        for seed in range(300)
    ]
    assert 0.9 <= np.mean([level == "none" for level in levels]) <= 0.99


def test_of_ten_classes_with_a_hundred_rows_none_drifts_by_chance_as_often_as_is_said():
    drifted = []
    for seed in range(100):
        before, after = np.split(np.random.default_rng(seed).normal(size=(460, 10)), [360])
        found = [drift(Histogram.of("kind", before[:, j]), after[:, j], n_scores=10) for j in range(10)]
        drifted.append(any(one.is_notable for one in found))
    assert np.mean(drifted) <= 0.1


@pytest.mark.parametrize("n_scores", [1, 10])
@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6])
def test_a_drift_is_told_where_its_interval_excludes_0(n_scores, shift):
    for seed in range(40):
        found = drift(
            Histogram.of("ill", _scores(360, seed)), _scores(100, 1000 + seed, shift=shift), n_scores=n_scores
        )
        assert (found.level == "none") == (found.interval[0] == 0)
        assert found.interval[0] <= found.psi <= found.interval[1]


def test_an_index_that_is_too_high_for_one_class_may_be_chance_for_the_highest_of_ten():
    histogram = Histogram("kind", tuple(range(1, 10)), (36,) * 10)
    scores = np.repeat(np.arange(10) + 0.5, [4, 4, 5, 6, 9, 11, 14, 14, 16, 17])
    alone, together = drift(histogram, scores), drift(histogram, scores, n_scores=10)
    assert (alone.level, together.level) == ("moderate", "none")
    assert alone.psi == together.psi
    assert together.interval[0] < alone.interval[0]
    assert alone.interval[1] < together.interval[1]
    assert "interval (of 10 scores together) 0 to" in together.describe()


def test_the_interval_covers_the_index_of_the_populations():
    covered = []
    for seed in range(60):
        histogram = Histogram.of("ill", _scores(3000, seed))
        p, q = (np.diff(np.r_[0, norm.cdf(histogram.edges, shift), 1]) for shift in (0.0, 0.4))
        found = drift(histogram, _scores(3000, 1000 + seed, shift=0.4))
        covered.append(found.interval[0] <= ((q - p) * np.log(q / p)).sum() <= found.interval[1])
    assert np.mean(covered) >= 0.75


def test_the_index_grows_with_the_distance():
    histogram = Histogram.of("ill", _scores(5000, 0))
    found = [drift(histogram, _scores(5000, 1, shift=shift)) for shift in (0.0, 0.15, 0.35, 0.8)]
    assert [one.level for one in found] == ["none", "slight", "moderate", "major"]
    assert [one.is_notable for one in found] == [False, False, True, True]
    assert np.diff([one.psi for one in found]).min() > 0


def test_a_rising_transform_of_all_scores_changes_nothing():
    before, after = _scores(800, 0), _scores(800, 1, shift=0.2)
    plain = drift(Histogram.of("ill", before), after)
    moved = drift(Histogram.of("ill", expit(3 * before)), expit(3 * after))
    assert moved.psi == pytest.approx(plain.psi, abs=0.01)
    assert (moved.limit, moved.level) == (plain.limit, plain.level)


def test_ties_and_constant_scores_have_a_histogram():
    tied = Histogram.of("ill", np.repeat([0.0, 1.0], [900, 100]))
    assert (tied.edges, tied.counts) == ((0.5,), (900, 100))
    assert drift(tied, np.repeat([0.0, 1.0], [500, 500])).level == "major"
    constant = Histogram.of("ill", np.zeros(50))
    assert (constant.edges, drift(constant, np.ones(5)).psi) == ((), 0.0)


def test_new_scores_that_cannot_be_compared_are_refused():
    histogram = Histogram.of("ill", _scores(100, 0))
    for scores in ([], [0.1, np.nan]):
        with pytest.raises(DecisionError, match="rows with finite scores"):
            drift(histogram, scores)


def _binary():
    rng = np.random.default_rng(0)
    y = (rng.random((2000, 1)) < 0.2).astype(float)
    return Binary(("ill",), "roc_auc"), rng.normal(2 * y), y, Goal("f1")


def _multiclass():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=(2000, 1))
    output = rng.normal(size=(2000, 3)) + 2 * np.eye(3)[y[:, 0]]
    return Multiclass(("kind",), "neg_log_loss", ("x", "y", "z")), output, y.astype(float), Goal("f1")


def _regression():
    rng = np.random.default_rng(0)
    output = rng.normal(size=(2000, 1))
    return Regression(("height",), "r2"), output, output + 1, None


@pytest.mark.parametrize("case", [_binary, _multiclass, _regression])
def test_a_stored_decision_knows_its_scores(case):
    task, output, y, goal = case()
    decision = Decision.from_json(json.loads(json.dumps(decide(task, output, y, goal=goal).to_json())))
    assert [one.level for one in decision.drift(output[:1000])] == ["none"] * output.shape[1]
    assert {one.n_scores for one in decision.drift(output[:1000])} == {output.shape[1]}
    further = decision.drift(output[:1000] + np.linspace(1, 0, output.shape[1]))
    assert further[0].is_notable
    assert [one.label for one in further] == list(task.classes if task.family == "classes" else task.targets)


def test_a_constant_that_all_classes_share_is_no_drift():
    task, output, y, goal = _multiclass()
    decision = decide(task, output, y, goal=goal)
    assert decision.drift(output[:500] + 9) == decision.drift(output[:500])


def test_a_decision_that_was_stored_without_histograms_is_read_and_knows_nothing():
    task, output, y, goal = _binary()
    old = decide(task, output, y, goal=goal).to_json()
    del old["histograms"], old["prevalence"], old["cuts"][0]["theory"]
    decision = Decision.from_json(old)
    assert decision.drift(output) == ()
    assert np.array_equal(decision.apply(output), replace(decision).apply(output))
