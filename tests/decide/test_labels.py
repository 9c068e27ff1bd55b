import numpy as np
import pytest
from scipy.special import logit

from automl_nn.decide.choose import decide
from automl_nn.decide.goal import Goal
from automl_nn.decide.labels import Question, choose_cuts
from automl_nn.decide.threshold import choose_threshold
from automl_nn.errors import DecisionError
from automl_nn.review.decision.pictures import see
from automl_nn.task.tasks import Multilabel

F1 = Question(Goal("f1"))


def _labels(shares, n_rows=600, seed=0):
    """Calibrated logits of labels that are equally hard."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n_rows, len(shares))) < shares).astype(float)
    return 2 * rng.normal(2 * y) - 2 + logit(shares), y


def test_a_label_with_few_positives_lies_between_its_own_threshold_and_that_of_all():
    logits, y = _labels(np.array([0.02, 0.2, 0.2]))
    assert 5 <= y[:, 0].sum() < 20
    cut = choose_cuts(["a", "b", "c"], logits, y, F1)[0]
    own = choose_threshold(logits[:, 0], y[:, 0], utility="f1", are_logits=True).threshold
    shared = F1.choose_together(logits, y).threshold
    assert min(own, shared) <= cut.logit <= max(own, shared)
    assert cut.rule.endswith("drawn to that of all labels")
    assert cut.warnings[0].startswith("Only")


def test_labels_with_enough_positives_are_left_alone():
    logits, y = _labels(np.array([0.02, 0.2, 0.2]))
    cuts = choose_cuts(["a", "b", "c"], logits, y, F1)
    alone = choose_threshold(logits[:, 1], y[:, 1], utility="f1", are_logits=True, seed=1)
    assert (cuts[1].logit, cuts[1].rule) == (alone.threshold, alone.rule)


@pytest.mark.slow
def test_drawing_scarce_labels_together_costs_less_than_leaving_them_alone():
    shares = np.full(5, 0.025)
    (new, new_y), lost = _labels(shares, 60_000, seed=99), {"own": [], "drawn": []}
    best = choose_threshold(new.ravel(), new_y.ravel(), utility="f1", n_bootstrap=10).threshold
    for seed in range(25):
        logits, y = _labels(shares, 400, seed)
        drawn = choose_cuts(list("abcde"), logits, y, F1)
        for j in np.flatnonzero((y.sum(axis=0) >= 5) & (y.sum(axis=0) < 20)):
            own = choose_threshold(logits[:, j], y[:, j], utility="f1", n_bootstrap=10).threshold
            lost["own"].append(abs(own - best))
            lost["drawn"].append(abs(drawn[j].logit - best))
    assert np.mean(lost["drawn"]) < 0.85 * np.mean(lost["own"])


def test_a_label_that_nobody_gave_takes_the_threshold_of_all_and_missing_ones_change_nothing():
    logits, y = _labels(np.array([0.2, 0.2, 0.2]))
    y[:, 1] = np.nan
    cuts = choose_cuts(["a", "b", "c"], logits, y, F1)
    assert (cuts[1].n_rows, cuts[1].n_positives) == (0, 0)
    assert cuts[1].rule.endswith("of all labels")
    assert cuts[1].metrics["f1"] == 0
    decision = decide(Multilabel(("a", "b", "c"), "roc_auc"), logits, y, goal=Goal("f1"))
    assert decision.cuts[1].reliability == {}
    assert set(see(decision, logits, y, task=Multilabel(("a", "b", "c"), "roc_auc")).parts) == {"a", "c"}
    more = np.vstack([logits, 9 + logits[:50]]), np.vstack([y, np.full((50, 3), np.nan)])
    assert choose_cuts(["a", "b", "c"], *more, F1) == cuts


def test_the_labels_of_one_row_stay_together_in_resamples():
    logits, y = _labels(np.array([0.1]), 300)
    copies = np.repeat(logits, 4, axis=1), np.repeat(y, 4, axis=1)
    together = F1.choose_together(*copies)
    alone = choose_threshold(logits[:, 0], y[:, 0], utility="f1", groups=np.arange(300))
    assert np.ptp(together.utility_interval) == pytest.approx(np.ptp(alone.utility_interval), rel=0.35)


def test_what_cannot_be_pooled_names_the_reason():
    logits, y = _labels(np.array([0.002, 0.002]), 300)
    with pytest.raises(DecisionError, match="at least 5 positives"):
        choose_cuts(["a", "b"], logits, y, F1)
