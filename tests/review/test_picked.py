import numpy as np
import pandas as pd
import pytest

from automl_nn.errors import InputError
from automl_nn.review.picked import Condition, pick

TRIALS = pd.DataFrame(
    {
        "number": [3, 1, 0, 2],
        "state": ["complete", "complete", "pruned", "failed"],
        "score": [0.9, 0.8, 0.5, np.nan],
        "model.backbone.name": ["mlp", "tabm", "mlp", None],
        "train.batch_size": [64, 32, 256, np.nan],
    }
)


def numbers(**asked):
    return pick(TRIALS, **asked)["number"].tolist()


def test_without_a_wish_all_trials_stay_in_their_order():
    assert numbers() == [3, 1, 0, 2]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("score", ">", 0.8), [3]),
        (Condition("score", ">=", 0.8), [3, 1]),
        (Condition("score", "<", 0.9), [1, 0]),
        (Condition("model.backbone.name", "=", "mlp"), [3, 0]),
        (Condition("model.backbone.name", "!=", "mlp"), [1]),
        (Condition("train.batch_size", "=", 32), [1]),
        (Condition("train.batch_size", "!=", 32), [3, 0]),
    ],
)
def test_a_condition_holds_for_no_missing_value(condition, expected):
    assert numbers(conditions=[condition]) == expected


def test_conditions_and_states_must_all_hold():
    wish = [Condition("score", ">", 0.4), Condition("model.backbone.name", "=", "mlp")]
    assert numbers(conditions=wish, states=["complete", "failed"]) == [3]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("number", [0, 1, 2, 3]),
        ("-number", [3, 2, 1, 0]),
        ("score", [0, 1, 3, 2]),
        ("-score", [3, 1, 0, 2]),
        ("model.backbone.name", [3, 0, 1, 2]),
    ],
)
def test_sorting_leaves_missing_values_last(sort, expected):
    assert numbers(sort=sort) == expected


def test_a_limit_takes_the_first_of_the_order():
    assert numbers(sort="number", limit=2) == [0, 1]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"states": ["done"]}, "Unknown state 'done'"),
        ({"sort": "scor"}, "Did you mean 'score'"),
        ({"conditions": [Condition("scor", ">", 1)]}, "Did you mean 'score'"),
        ({"conditions": [Condition("state", ">", 1)]}, "only numbers are greater or less"),
        ({"conditions": [Condition("model.backbone.name", ">", "mlp")]}, "only numbers are greater or less"),
        ({"conditions": [Condition("score", ">", "high")]}, "'score' holds numbers, .* 'high': give a number"),
        ({"conditions": [Condition("score", "=", "abc")]}, "'score' holds numbers, .* 'abc': give a number"),
    ],
)
def test_what_cannot_be_picked_is_named(asked, part):
    with pytest.raises(InputError, match=part):
        pick(TRIALS, **asked)
