import json

import pytest
from sklearn.metrics import fbeta_score, make_scorer

from automl_nn.decide.goal import Goal
from automl_nn.errors import DecisionError


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "The goal is empty"),
        ({"maximize": "f3x"}, "Unknown utility 'f3x'"),
        ({"maximize": "balanced_acuracy"}, "Did you mean 'balanced_accuracy'"),
        ({"maximize": "f1", "cost": (1, 5)}, "are two goals"),
        ({"cost": (-1, 5)}, r"cost = \(-1, 5\) is not possible"),
        ({"cost": (0, 0)}, "not both 0"),
        ({"cost": (float("nan"), 1)}, "cost = "),
        ({"cost": (1, 2, 3)}, "give the costs"),
        ({"min_precision": 0.0}, "min_precision = 0.0 is not possible"),
        ({"min_recall": 1.1}, "min_recall = 1.1 is not possible"),
        ({"min_recall": float("nan")}, "min_recall = nan"),
        ({"top_k": 0}, "top_k = 0"),
        ({"top_k": 2.5}, "top_k = 2.5"),
        ({"cost": (1, 2, 3, 0)}, "an error must cost as much as the right action"),
        ({"max_fpr": 2}, "max_fpr = 2 is not possible"),
        ({"max_alarms": 3}, "need each other"),
        ({"max_alarms": 0.1, "n_periods": 5}, "leaves no alarm"),
        ({"maximize": "net_benefit"}, "would act, between 0 and 1"),
        ({"maximize": "fbeta@-1"}, "name a beta above 0"),
        ({"maximize": "fbeta@x"}, "name a beta above 0"),
        ({"maximize": "roc_auc"}, "reads scores, not actions"),
        ({"maximize": len}, "is no scorer"),
        ({"maximize": "recall"}, "Maximizing recall alone marks every row"),
        ({"maximize": "recall", "min_recall": 0.5}, "Maximizing recall alone marks every row"),
        ({"maximize": "precision", "min_precision": 0.5}, "Maximizing precision alone marks a single row"),
        ({"cost": (1, 2), "costs": ((0, 1), (1, 0))}, "are two goals"),
        ({"costs": ((0, 1), (1,))}, "not square"),
        ({"costs": ((0.0,),)}, "not square"),
        ({"costs": ((0, -1), (1, 0))}, "negative or not finite"),
        ({"costs": ((0, float("nan")), (1, 0))}, "negative or not finite"),
        ({"costs": ((2, 1), (1, 0))}, "an error must cost"),
        ({"costs": ((1, 1), (1, 1))}, "not all the same"),
        ({"reject": -1}, "reject = -1 is not possible"),
        ({"min_answered": 0}, "min_answered = 0 is not possible"),
        ({"reject": 0.1, "min_recall": 0.5}, "no constraints"),
        ({"cost": (1, 5), "reject": 0.1}, "leave one of the two out"),
        ({"maximize": "f1", "reject": 0.1}, "does not go with reject"),
        ({"one_vs_rest": True}, "one_vs_rest needs a utility"),
        ({"maximize": "accuracy", "one_vs_rest": True}, "one_vs_rest needs a utility"),
        ({"maximize": "precision", "top_k": 10}, "Maximizing precision alone marks a single row"),
    ],
)
def test_an_impossible_goal_is_refused_in_one_sentence(values, message):
    with pytest.raises(DecisionError, match=message):
        Goal(**values)


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        (Goal("f2"), "f2"),
        (Goal(cost=(1, 50)), "cost(fp=1, fn=50)"),
        (Goal(min_recall=0.9), "precision with recall >= 0.9"),
        (Goal(min_precision=0.8), "recall with precision >= 0.8"),
        (Goal(min_precision=0.8, min_recall=0.1), "f1 with precision >= 0.8 and recall >= 0.1"),
        (Goal(top_k=30), "marked with at most 30 rows marked"),
        (Goal(max_fpr=0.1), "recall with false positive rate <= 0.1"),
        (Goal("recall", max_alarms=3, n_periods=10), "recall with at most 30 rows marked (3 in each of 10 periods)"),
        (Goal("recall", top_k=20, max_alarms=3, n_periods=10), "recall with at most 20 rows marked"),
        (Goal("net_benefit@0.1"), "net_benefit@0.1"),
        (Goal(cost=(3, 9, 2, 1)), "cost(fp=3, fn=9, tp=2, tn=1)"),
        (Goal("recall", top_k=30), "recall with at most 30 rows marked"),
        (Goal(costs=((0, 1), (2, 0)), reject=0.5), "cost matrix of 2 classes, no answer at 0.5"),
        (Goal(min_answered=0.9), "accuracy, at least 0.9 of the rows answered"),
        (Goal("f1", one_vs_rest=True), "f1, one cut-off a class"),
    ],
)
def test_a_goal_says_what_it_maximizes_and_survives_json(goal, words):
    assert goal.describe() == words
    assert Goal.from_json(json.loads(json.dumps(goal.to_json()))) == goal


def test_a_goal_that_was_stored_before_there_were_more_constraints_is_read():
    old = {"maximize": "f1", "cost": None, "min_precision": None, "min_recall": 0.5, "top_k": None}
    assert Goal.from_json(old) == Goal("f1", min_recall=0.5)


@pytest.mark.parametrize("name", ["jaccard", "fbeta@3", "f0.5"])
def test_a_goal_may_be_a_scorer_of_scikit_learn_or_any_f_beta(name):
    goal = Goal(name, min_recall=0.5)
    assert Goal.from_json(json.loads(json.dumps(goal.to_json()))) == goal
    assert goal.utility.name == {"fbeta@3": "f3"}.get(name, name)


def test_of_an_own_scorer_only_the_name_is_stored():
    goal = Goal(make_scorer(fbeta_score, beta=3))
    assert goal.describe() == "fbeta_score(beta=3)"
    assert goal.given()["maximize"] is goal.maximize
    stored = Goal.from_json(json.loads(json.dumps(goal.to_json())))
    assert stored.describe() == "own scorer fbeta_score(beta=3)"
    with pytest.raises(DecisionError, match="decide again with the scorer itself"):
        _ = stored.utility
