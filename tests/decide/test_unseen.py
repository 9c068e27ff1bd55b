import numpy as np
import pytest

from automl_nn.decide.selection import honest_selection
from automl_nn.decide.unseen import N_AT_ENDS, still_to_come, widened
from automl_nn.task.tasks import Binary, Multiclass, Regression

Y = np.tile([[0.0], [1.0]], (40, 1))
BINARY = Binary(("y",), "neg_log_loss")


def test_it_is_the_score_with_one_more_row_whose_class_is_either_half_of_the_time():
    output = np.random.default_rng(0).normal(size=Y.shape)
    both = (BINARY.score(Y, output) + BINARY.score(1 - Y, output)) / 2
    with_one_more = (len(Y) * BINARY.score(Y, output) + both) / (len(Y) + 1)
    assert BINARY.score(Y, output) + still_to_come(BINARY, Y, output) == pytest.approx(with_one_more)


def test_two_classes_are_the_same_as_one_label():
    output = np.random.default_rng(0).normal(size=Y.shape)
    classes = Multiclass(("y",), "neg_log_loss", (0, 1))
    two = still_to_come(classes, Y, np.hstack([np.zeros_like(output), output]))
    assert two == pytest.approx(still_to_come(BINARY, Y, output))


@pytest.mark.parametrize("task", [Binary(("y",), "roc_auc"), Regression(("y",), "neg_mean_squared_error")])
def test_metrics_whose_rows_cost_no_more_than_a_bound_are_left_alone(task):
    assert still_to_come(task, Y, 30 * (2 * Y - 1)) == 0.0


def test_certainty_on_a_few_rows_is_not_taken_for_better_than_a_careful_model():
    certain, careful = 25 * (2 * Y - 1), 4 * (2 * Y - 1)
    found = honest_selection(BINARY, [certain, 0.9 * certain], Y, references={"linear": careful})
    assert BINARY.score(Y, certain) > BINARY.score(Y, careful)
    assert found.references["linear"].is_worse
    assert found.best.interval[0] < found.best.score < -0.1


def test_an_interval_moves_by_more_rows_on_the_side_of_the_error():
    assert widened((0.0, 1.0), -0.1) == pytest.approx((-0.1 * N_AT_ENDS, 0.9))
    assert widened((0.0, 1.0), 0.1) == pytest.approx((0.1, 1.0 + 0.1 * N_AT_ENDS))
