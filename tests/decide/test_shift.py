import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import f1_score, precision_score

from automl_nn.decide.choose import decide
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores, rate_of_scores
from automl_nn.decide.shift import estimate_base_rate
from automl_nn.decide.threshold import choose_threshold
from automl_nn.decide.utilities import Constraints, cost
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Binary, Multilabel

TASK = Binary(("ill",), "average_precision")


def _rows(n_rows, share, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < share).astype(float)
    return rng.normal(2 * y), y


def _calibrated(scores, share):
    return 2 * scores - 2 + logit(share)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_the_base_rate_of_new_rows_is_found_and_its_interval_covers_it(share):
    rates = [estimate_base_rate(_calibrated(_rows(5000, share, s)[0], 0.2), prior=0.2, seed=99) for s in range(40)]
    assert np.mean([rate.share for rate in rates]) == pytest.approx(share, abs=0.01)
    assert np.mean([rate.interval[0] <= share <= rate.interval[1] for rate in rates]) >= 0.75


@pytest.mark.parametrize("share", [0.002, 0.3])
def test_the_base_rate_is_where_saerens_em_ends(share):
    evidence = 2 * _rows(1000, share)[0] - 2
    em = 0.3
    for _ in range(20_000):
        em = expit(evidence + logit(em)).mean()
    assert estimate_base_rate(evidence + logit(0.2), prior=0.2).share == pytest.approx(em, abs=1e-6)


def test_the_base_rate_of_scores_that_are_not_calibrated_is_found_too():
    (scores, y), (new, new_y) = _rows(4000, 0.3), _rows(8000, 0.05, 1)
    rate = rate_of_scores(expit(3 * scores), y, new=expit(3 * new))
    assert rate.share == pytest.approx(new_y.mean(), abs=0.015)


@pytest.mark.parametrize(("fp", "fn"), [(1, 1), (1, 9)])
def test_a_cost_threshold_moves_by_the_log_odds_of_the_base_rate(fp, fn):
    scores, y = _rows(100_000, 0.3)
    there = choose_threshold(scores, y, utility=cost(fp=fp, fn=fn), prevalence=0.05)
    expected = (logit(fp / (fp + fn)) - logit(0.05)) / 2 + 1
    assert there.threshold == pytest.approx(expected, abs=0.1)
    assert there.threshold > choose_threshold(scores, y, utility=cost(fp=fp, fn=fn)).threshold


def test_the_promise_is_kept_at_the_other_base_rate():
    (scores, y), (new, new_y) = _rows(4000, 0.3), _rows(200_000, 0.05, 1)
    there = choose_threshold(scores, y, utility="f1", prevalence=0.05)
    here = choose_threshold(scores, y, utility="f1")
    truth = f1_score(new_y, new >= there.threshold)
    assert there.utility_interval[0] <= truth <= there.utility_interval[1]
    assert truth > f1_score(new_y, new >= here.threshold) + 0.05
    kept = choose_threshold(scores, y, utility="recall", constraints=Constraints(min_precision=0.5), prevalence=0.05)
    assert precision_score(new_y, new >= kept.threshold) == pytest.approx(0.5, abs=0.06)


def test_a_decision_for_another_base_rate_speaks_in_its_probabilities():
    scores, y = _rows(4000, 0.3)
    output = _calibrated(scores, 0.3)[:, None]
    decision = decide(TASK, output, y[:, None], goal=Goal(cost=(1, 4)), prevalence=0.05)
    assert decision.thresholds[0] == pytest.approx(0.2, abs=0.07)
    assert decision.cuts[0].interval[0] <= decision.thresholds[0] <= decision.cuts[0].interval[1]
    assert np.array_equal(decision.apply(output), decision.probability(output)[:, 1] >= decision.thresholds[0])
    weight = np.where(y == 1, 0.05 / y.mean(), 0.95 / (1 - y.mean()))
    assert np.average(decision.probability(output)[:, 1], weights=weight) == pytest.approx(0.05, abs=0.005)


def test_the_same_base_rate_changes_nothing():
    scores, y = _rows(2000, 0.3)
    plain, same = (decide_scores(expit(scores), y, goal=Goal("f1"), prevalence=p) for p in (None, float(y.mean())))
    assert same.threshold == plain.threshold
    assert same.utility == pytest.approx(plain.utility)


def test_what_is_no_base_rate_is_refused():
    scores, y = _rows(500, 0.3)
    with pytest.raises(DecisionError, match="prevalence = 1 is not possible"):
        choose_threshold(scores, y, utility="f1", prevalence=1.0)
    with pytest.raises(DecisionError, match="prior = 0 is not possible"):
        estimate_base_rate(scores, prior=0.0)
    with pytest.raises(DecisionError, match="but 0 of 0 are"):
        estimate_base_rate([], prior=0.5)
    with pytest.raises(DecisionError, match="no single base rate"):
        decide(Multilabel(("a", "b"), "roc_auc"), np.c_[scores, scores], np.c_[y, y], prevalence=0.1)


def test_the_metrics_of_a_decision_are_those_at_the_other_base_rate():
    (scores, y), (new, new_y) = _rows(20_000, 0.3), _rows(400_000, 0.05, 1)
    output = _calibrated(scores, 0.3)[:, None]
    decision = decide(TASK, output, y[:, None], goal=Goal("f1"), prevalence=0.05)
    cut = decision.cuts[0]
    there = decision.apply(_calibrated(new, 0.3)[:, None])
    assert cut.metrics["precision"] == pytest.approx(precision_score(new_y, there), abs=0.03)
    half = decision.probability(_calibrated(new, 0.3)[:, None])[:, 1] >= 0.5
    assert cut.metrics_at_half["f1"] == pytest.approx(f1_score(new_y, half), abs=0.03)
    assert cut.metrics["tp"] + cut.metrics["fn"] == y.sum()
    curve = decision.curve(output, y[:, None])
    assert np.interp(cut.logit, curve["logit"], curve["utility"]) == pytest.approx(cut.utility, abs=0.02)


def test_weights_count_in_the_base_rate():
    scores, y = _rows(2000, 0.3)
    weight = np.where(y == 1, 1.0, 3.0)
    there = choose_threshold(scores, y, utility="f1", weight=weight, prevalence=float(np.average(y, weights=weight)))
    assert there.threshold == choose_threshold(scores, y, utility="f1", weight=weight).threshold
