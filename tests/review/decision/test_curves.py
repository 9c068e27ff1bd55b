import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from automl_nn.decide.choose import decide
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores
from automl_nn.decide.utilities import UTILITIES
from automl_nn.review.decision.curves import (
    Scored,
    class_confusions,
    confusions,
    label_table,
    score_histogram,
    threshold_curve,
)
from automl_nn.task.tasks import Multiclass, Multilabel


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random(800) < 0.15).astype(float)
    return Scored(y, rng.normal(2 * y - 2))


def test_every_point_of_the_curve_is_scikit_learns(rows):
    more = Scored(np.append(rows.y, np.nan), np.append(rows.logit, 0.0))
    curve = threshold_curve(more, utility=UTILITIES["f1"])
    for row in curve.iloc[::25].itertuples():
        marked = rows.logit >= row.logit
        assert row.threshold == pytest.approx(expit(row.logit))
        assert row.marked == pytest.approx(marked.mean())
        assert row.precision == pytest.approx(precision_score(rows.y, marked, zero_division=0.0))
        assert row.recall == pytest.approx(recall_score(rows.y, marked))
        assert row.utility == pytest.approx(f1_score(rows.y, marked, zero_division=0.0))
        assert row.utility_low <= row.utility + 0.02
        assert row.utility_high >= row.utility - 0.02


def test_weights_are_equal_rows_and_groups_widen_the_band(rows):
    twice = Scored(np.tile(rows.y, 2), np.tile(rows.logit, 2))
    doubled = Scored(rows.y, rows.logit, weight=np.full(len(rows.y), 2.0))
    assert threshold_curve(doubled, utility=UTILITIES["f1"]).equals(threshold_curve(twice, utility=UTILITIES["f1"]))
    grouped = Scored(*(np.repeat(part, 5) for part in (rows.y, rows.logit)), groups=np.repeat(np.arange(800), 5))
    alone = Scored(grouped.y, grouped.logit)
    widths = [
        threshold_curve(one, utility=UTILITIES["f1"]).eval("utility_high - utility_low") for one in (grouped, alone)
    ]
    assert widths[0].mean() > 1.8 * widths[1].mean()


def test_a_curve_at_another_base_rate_is_that_of_rows_drawn_so(rows):
    rare = Scored(rows.y, rows.logit, prevalence=rows.y.mean() / 3)
    weight = np.where(rows.y == 1, 1.0, 3 * (1 - rows.y.mean() / 3) / (1 - rows.y.mean()))
    curve, drawn = (threshold_curve(one, utility=UTILITIES["f1"]) for one in (rare, Scored(rows.y, rows.logit, weight)))
    np.testing.assert_allclose(curve["precision"], drawn["precision"])
    np.testing.assert_allclose(curve["utility"], drawn["utility"])


def test_every_row_is_in_the_histogram(rows):
    table = score_histogram(rows)
    assert (table.positives.sum(), table.negatives.sum()) == (rows.y.sum(), (1 - rows.y).sum())
    at = table.iloc[20]
    inside = (rows.logit >= at.logit_low) & (rows.logit < at.logit_high)
    assert at.positives == rows.y[inside].sum()


def test_confusions_stand_side_by_side(rows):
    p = expit(rows.logit)
    cut = decide_scores(p, rows.y, goal=Goal("f1"))
    table = confusions(cut).set_index("at")
    tn, fp, fn, tp = confusion_matrix(rows.y, p >= 0.5).ravel()
    assert table.loc["half", ["tp", "fp", "fn", "tn"]].tolist() == [tp, fp, fn, tn]
    assert table.loc["threshold", "recall"] > table.loc["half", "recall"]


def test_labels_have_a_row_each():
    rng = np.random.default_rng(0)
    y = (rng.random((600, 3)) < 0.2).astype(float)
    decision = decide(Multilabel(("a", "b", "c"), "roc_auc"), rng.normal(2 * y - 2), y)
    table = label_table(decision.cuts)
    assert table.label.tolist() == ["a", "b", "c"]
    assert (table.low <= table.threshold).all()
    assert np.isfinite(table.ece).all()


def test_confusions_between_classes_are_scikit_learns_and_add_up_to_the_mean_cost():
    rng = np.random.default_rng(0)
    y = rng.choice(3, size=900, p=[0.7, 0.2, 0.1])
    output, task = rng.normal(size=(900, 3)) + 2 * np.eye(3)[y], Multiclass(("kind",), "neg_log_loss", ("x", "y", "z"))
    goal = Goal(costs=((0, 1, 4), (2, 0, 1), (30, 10, 0)), reject=0.5)
    decision = decide(task, output, y[:, None], goal=goal)
    table = class_confusions(decision, output, y[:, None], names=task.classes)
    argmax = table[(table["at"] == "argmax") & (table.action != "no answer")].n_rows.to_numpy().reshape(3, 3)
    assert np.array_equal(argmax, confusion_matrix(y, decision.probability(output).argmax(axis=1)))
    own = table[table["at"] == "decision"]
    assert own.n_rows.sum() == 900
    assert (own.n_rows * own.cost).sum() / 900 == pytest.approx(-decision.utility)
    plain = decide(task, output, y[:, None], goal=Goal("f1"))
    assert "cost" not in class_confusions(plain, output, y[:, None], names=task.classes)
