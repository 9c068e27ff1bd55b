import numpy as np
import pytest

from automl_nn.decide import Goal, decide
from automl_nn.decide.by_hand import set_by_hand
from automl_nn.decide.decision import Decision
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Binary, Multilabel

TASK = Binary(("ill",), "average_precision", ("no", "yes"))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random((500, 1)) < 0.2).astype(float)
    y[:10] = np.nan
    return rng.normal(2 * np.nan_to_num(y) - 2), y


def test_the_threshold_that_was_chosen_gives_the_same_numbers_when_set_by_hand(rows):
    chosen = decide(TASK, *rows, goal=Goal(cost=(1, 9)))
    moved = set_by_hand(chosen, *rows, logit=chosen.cuts[0].logit)
    assert moved.cuts[0].metrics == chosen.cuts[0].metrics
    assert moved.cuts[0].utility == pytest.approx(chosen.cuts[0].utility + chosen.cuts[0].optimism)
    assert np.array_equal(moved.apply(rows[0]), chosen.apply(rows[0]))


@pytest.mark.parametrize("logit", [-100.0, 0.0, 100.0])
def test_any_threshold_can_be_set_and_stored(rows, logit):
    moved = set_by_hand(decide(TASK, *rows, goal=Goal("f1")), *rows, logit=logit)
    low, high = moved.cuts[0].utility_interval
    assert low <= moved.utility <= high
    assert Decision.from_json(moved.to_json()) == moved
    known = ~np.isnan(rows[1][:, 0])
    assert moved.apply(rows[0])[known].sum() == moved.cuts[0].metrics["tp"] + moved.cuts[0].metrics["fp"]


def test_a_limit_that_is_not_kept_is_warned_of(rows):
    chosen = decide(TASK, *rows, goal=Goal("f1", min_recall=0.9))
    assert "does not keep recall >= 0.9" in " ".join(set_by_hand(chosen, *rows, logit=5.0).warnings)
    assert "does not keep" not in " ".join(set_by_hand(chosen, *rows, logit=-5.0).warnings)


def test_groups_widen_the_interval(rows):
    chosen = decide(TASK, *rows, goal=Goal("f1"))
    order = np.argsort(np.nan_to_num(rows[0][:, 0] + 5 * rows[1][:, 0]))
    groups = np.empty(500, dtype=int)
    groups[order] = np.arange(500) // 25  # alike rows together
    widths = [
        np.ptp(set_by_hand(chosen, *rows, logit=-1.0, groups=one).cuts[0].utility_interval) for one in (groups, None)
    ]
    assert widths[0] > widths[1]


def test_what_has_no_single_threshold_is_refused(rows):
    output, y = (np.hstack([part, part]) for part in rows)
    several = decide(Multilabel(("a", "b"), "roc_auc"), output, y, goal=Goal("f1"))
    with pytest.raises(DecisionError, match="for one label"):
        set_by_hand(several, output, y, logit=0.0)
    shifted = decide(TASK, *rows, goal=Goal("f1"), prevalence=0.5)
    with pytest.raises(DecisionError, match="at the base rate"):
        set_by_hand(shifted, *rows, logit=0.0)
    with pytest.raises(DecisionError, match="not finite"):
        set_by_hand(decide(TASK, *rows), *rows, logit=np.nan)
