import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax
from sklearn import metrics as sk

from automl_nn.decide import Decision, Goal, choose_threshold, decide
from automl_nn.decide.scores import decide_scores
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression, SoftLabels

BINARY = Binary(("ill",), "average_precision")
MULTILABEL = Multilabel(("a", "b", "c"), "average_precision")
MULTICLASS = Multiclass(("kind",), "neg_log_loss", ("x", "y", "z"))
SOFT = SoftLabels(("x", "y", "z"), "neg_log_loss")
REGRESSION = Regression(("price",), "neg_root_mean_squared_error")


def _labels(n_rows=2000, n_labels=1, seed=0):
    rng = np.random.default_rng(seed)
    y = (rng.random((n_rows, n_labels)) < 0.1).astype(float)
    return rng.normal(2 * y - 3), y


def _classes(n_rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=n_rows, p=[0.8, 0.15, 0.05])
    return rng.normal(size=(n_rows, 3)) + 2 * np.eye(3)[y], y[:, None].astype(float)


CASES = {
    "binary": (BINARY, *_labels()),
    "multilabel": (MULTILABEL, *_labels(n_labels=3)),
    "multiclass": (MULTICLASS, *_classes()),
    "soft": (SOFT, _classes()[0], softmax(_classes()[0], axis=1)),
    "regression": (REGRESSION, *_labels()),
}

BY_COST = {
    "costs": Goal(costs=((0, 1, 4), (2, 0, 1), (30, 10, 0)), reject=0.5, min_answered=0.8),
    "one_vs_rest": Goal("f1", one_vs_rest=True),
}


@pytest.mark.parametrize("goal", BY_COST.values(), ids=BY_COST)
def test_a_decision_between_classes_survives_json_and_a_batch_of_one(goal):
    output, y = _classes(400)
    decision = decide(MULTICLASS, output, y, goal=goal)
    again = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert again == decision
    many = again.apply(output[:40])
    assert np.array_equal(many, np.concatenate([decision.apply(output[[i]]) for i in range(40)]))


@pytest.mark.parametrize("goal", BY_COST.values(), ids=BY_COST)
def test_a_goal_of_several_classes_is_refused_for_one_label(goal):
    with pytest.raises(DecisionError, match="is a goal of several classes"):
        decide(BINARY, *_labels(200), goal=goal)
    with pytest.raises(DecisionError, match="is a goal of several classes"):
        decide_scores(np.full(20, 0.5), np.tile([0, 1], 10), goal=goal)


every_kind = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@every_kind
def test_a_decision_survives_json_with_equal_actions(case):
    task, output, y = case
    decision = decide(task, output, y)
    again = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert again == decision
    assert np.array_equal(again.apply(output), decision.apply(output))


@every_kind
def test_a_batch_of_one_equals_the_batch_of_many(case):
    task, output, y = case
    decision = decide(task, output, y)
    many = decision.apply(output[:50])
    assert np.array_equal(many, np.concatenate([decision.apply(output[[i]]) for i in range(50)]))
    assert np.array_equal(
        decision.apply(output[:50].astype(np.float32)), decision.apply(output[:50].astype(np.float32))
    )


@every_kind
def test_rows_without_a_label_change_nothing(case):
    task, output, y = case
    more = np.vstack([output, output[:9]]), np.vstack([y, np.full_like(y[:9], np.nan)])
    assert decide(task, *more) == decide(task, output, y)


@every_kind
def test_an_output_that_is_not_finite_or_too_wide_is_refused(case):
    task, output, y = case
    decision = decide(task, output, y)
    with pytest.raises(DecisionError, match="1 rows have an output that is not finite"):
        decision.apply(np.vstack([output[:2], np.full_like(output[:1], np.nan)]))
    with pytest.raises(DecisionError, match="do not fit"):
        decision.apply(np.zeros((2, 7)))
    with pytest.raises(DecisionError, match="not finite"):
        decide(task, np.full_like(output, np.inf), y)
    with pytest.raises(DecisionError, match="as many rows"):
        decide(task, output[:-1], y)


@pytest.mark.parametrize("case", [CASES[kind] for kind in ("binary", "multilabel", "multiclass", "soft")])
def test_probabilities_have_the_shape_of_the_tasks_prediction(case):
    task, output, y = case
    probability = decide(task, output, y).probability(output)
    assert probability.shape == task.prediction(output).shape
    assert ((probability >= 0) & (probability <= 1)).all()


@pytest.mark.parametrize(
    "goal", [Goal("f2"), Goal(cost=(1, 50)), Goal("mcc"), Goal(min_recall=0.7), Goal(top_k=60)], ids=Goal.describe
)
def test_the_action_is_that_of_the_probability_threshold_and_the_metrics_are_scikit_learns(goal):
    task, output, y = CASES["binary"]
    decision = decide(task, output, y, goal=goal)
    action, cut = decision.apply(output), decision.cuts[0]
    assert np.array_equal(action, decision.probability(output)[:, 1] >= cut.threshold)
    assert cut.interval[0] <= cut.threshold <= cut.interval[1]
    tn, fp, fn, tp = sk.confusion_matrix(y[:, 0], action).ravel()
    assert [cut.metrics[name] for name in ("tp", "fp", "fn", "tn")] == [tp, fp, fn, tn]
    assert cut.metrics["mcc"] == pytest.approx(sk.matthews_corrcoef(y[:, 0], action))
    half = decision.probability(output)[:, 1] >= 0.5
    assert cut.metrics_at_half["f1"] == pytest.approx(sk.f1_score(y[:, 0], half))
    assert (cut.n_rows, cut.n_positives) == (len(y), y.sum())


def test_constraints_hold_where_the_decision_was_taken():
    task, output, y = CASES["binary"]
    assert decide(task, output, y, goal=Goal("precision", min_recall=0.7)).cuts[0].metrics["recall"] >= 0.7
    assert decide(task, output, y, goal=Goal(min_precision=0.4)).cuts[0].metrics["precision"] >= 0.4
    assert decide(task, output, y, goal=Goal("f1", top_k=60)).apply(output).sum() <= 60


def test_saturated_outputs_are_cut_where_probabilities_cannot():
    rng = np.random.default_rng(0)
    y = (rng.random((3000, 1)) < 0.2).astype(float)
    output = 45 + rng.normal(4 * y)
    assert (expit(output) == 1).mean() > 0.9
    decision = decide(BINARY, output, y)
    assert decision.cuts[0].metrics["f1"] > 0.85
    assert np.array_equal(decision.apply(output), output[:, 0] >= output[decision.apply(output) == 1].min())


def test_scores_that_a_weight_shifted_give_the_same_actions():
    task, output, y = CASES["binary"]
    plain, shifted = decide(task, output, y), decide(task, 2 * output + 3, y)
    assert np.array_equal(plain.apply(output), shifted.apply(2 * output + 3))
    assert shifted.thresholds == pytest.approx(plain.thresholds, abs=1e-3)


def test_each_label_has_its_own_threshold():
    task, output, y = CASES["multilabel"]
    decision = decide(task, output, y, goal=Goal("f2"))
    assert [cut.label for cut in decision.cuts] == ["a", "b", "c"]
    for j in range(3):
        alone = choose_threshold(decision.calibration.apply(output)[:, j], y[:, j], utility="f2", seed=j)
        assert decision.cuts[j].logit == alone.threshold
    assert decision.utility == pytest.approx(np.mean([cut.utility for cut in decision.cuts]))


def test_a_label_with_too_few_positives_takes_the_threshold_of_all_labels():
    task, output, y = CASES["multilabel"]
    y = y.copy()
    y[np.flatnonzero(y[:, 1])[3:], 1] = 0
    decision = decide(task, output, y)
    assert decision.cuts[1].rule.endswith("of all labels")
    assert decision.cuts[1].n_positives == 3
    assert decision.warnings == ("b: Only 3 rows of the rarer kind: it takes the threshold of all labels together.",)


def test_too_few_positives_or_an_unreachable_constraint_name_the_label():
    task, output, y = CASES["binary"]
    with pytest.raises(DecisionError, match="ill: A threshold needs at least 5 positives, but there are 0"):
        decide(task, output, np.zeros_like(y))
    with pytest.raises(DecisionError, match=r"ill: No threshold keeps precision >= 0\.99"):
        decide(task, output, y, goal=Goal(min_precision=0.99, min_recall=0.9))


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1", "mcc"])
def test_offsets_are_at_least_as_good_as_the_argmax(name):
    task, output, y = CASES["multiclass"]
    decision = decide(task, output, y, goal=Goal(name))
    assert decision.choice.metrics[name] >= decision.choice.metrics_at_argmax[name]
    assert np.array_equal(
        decision.apply(output), (log_softmax(decision.calibration.apply(output), 1) + decision.choice.offsets).argmax(1)
    )


@pytest.mark.parametrize("kind", ["multiclass", "soft"])
def test_without_a_goal_classes_are_the_argmax(kind):
    task, output, y = CASES[kind]
    assert np.array_equal(decide(task, output, y).apply(output), output.argmax(axis=1))


def test_regression_is_left_as_it_is():
    task, output, y = CASES["regression"]
    decision = decide(task, output, y)
    assert np.array_equal(decision.apply(output), output)
    with pytest.raises(DecisionError, match="no probabilities"):
        decision.probability(output)
    with pytest.raises(DecisionError, match="no curve"):
        decision.curve(output, y)


@pytest.mark.parametrize(
    ("kind", "goal", "message"),
    [
        ("regression", Goal("f1"), "nothing to decide"),
        ("multiclass", Goal("youden"), "cannot maximize 'youden'"),
        ("multiclass", Goal("f1", min_recall=0.5), "no fp, fn and no constraints"),
        ("multiclass", Goal("recall", min_precision=0.5), "no fp, fn and no constraints"),
        ("multiclass", Goal(cost=(1, 2)), "no fp, fn and no constraints"),
        ("soft", Goal("f1"), "cannot maximize 'f1'. Known: accuracy"),
    ],
)
def test_a_goal_that_does_not_suit_the_task_is_refused(kind, goal, message):
    with pytest.raises(DecisionError, match=message):
        decide(*CASES[kind], goal=goal)


def test_a_curve_is_scikit_learns_precision_and_recall():
    task, output, y = BINARY, *_labels(100)
    decision = decide(task, output, y, goal=Goal("f2"))
    curve = decision.curve(output, y)
    for row in curve.iloc[:-1].itertuples():
        action = decision.calibration.apply(output)[:, 0] >= row.logit
        assert row.precision == pytest.approx(sk.precision_score(y[:, 0], action))
        assert row.recall == pytest.approx(sk.recall_score(y[:, 0], action))
        assert row.utility == pytest.approx(sk.fbeta_score(y[:, 0], action, beta=2))
    assert list(curve.columns) == ["label", "threshold", "logit", "precision", "recall", "utility"]


def test_a_curve_of_several_labels_names_them_and_stays_short():
    task, output, y = CASES["multilabel"]
    curve = decide(task, output, y).curve(output, y)
    assert curve.groupby("label").size().max() <= 1001
    assert set(curve.label) == {"a", "b", "c"}
    assert len(decide(*CASES["multiclass"]).curve(*CASES["multiclass"][1:])) == 16


@pytest.mark.parametrize("values", [{}, {"family": "labels", "kind": "binary", "goal": None, "calibration": {}}])
def test_what_is_not_a_decision_is_not_read(values):
    with pytest.raises(DecisionError, match="not a stored decision"):
        Decision.from_json(values)


@pytest.mark.slow
def test_deciding_imports_neither_torch_nor_optuna():
    code = "import sys, automl_nn.decide; print({'torch', 'optuna'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_decision_for_an_own_scorer_is_stored_and_applied_again():
    rng = np.random.default_rng(0)
    y = (rng.random((120, 1)) < 0.3).astype(float)
    output = rng.normal(2 * y - 1)
    goal = Goal(sk.make_scorer(sk.fbeta_score, beta=3))
    decision = decide(Binary(("ill",), "roc_auc"), output, y, goal=goal)
    again = Decision.from_json(json.loads(json.dumps(decision.to_json())))
    assert again.goal.describe() == "own scorer fbeta_score(beta=3)"
    assert np.array_equal(again.apply(output), decision.apply(output))
