import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import confusion_matrix, median_absolute_error

from automl_nn.review.events.mistakes import steps_around, strongest_alarms, weakest_events
from automl_nn.review.mistakes import also_wrong, by_class, error_histogram, is_right, worst_rows
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression

N = 200
IDS = np.arange(N) * 10
BINARY = Binary(("ill",), "roc_auc", ("no", "yes"))
MULTICLASS = Multiclass(("kind",), "neg_log_loss", ("a", "b", "c"))
MULTILABEL = Multilabel(("x", "y"), "roc_auc")
REGRESSION = Regression(("p", "q"), "r2", (0.0, 5.0), (1.0, 100.0))


def labels(n_columns, missing=0.0):
    rng = np.random.default_rng(n_columns)
    y = (rng.random((N, n_columns)) < 0.3).astype(float)
    y[rng.random(y.shape) < missing] = np.nan
    return y, rng.normal(2 * np.nan_to_num(y) - 1)


def test_false_alarms_are_the_negatives_of_highest_probability():
    y, output = labels(1)
    table = worst_rows(BINARY, output, y, row_ids=IDS, n=5)["false alarms"]
    negatives = np.flatnonzero(y[:, 0] == 0)
    expected = negatives[np.argsort(-output[negatives, 0])[:5]]
    assert table["row"].tolist() == IDS[expected].tolist()
    np.testing.assert_allclose(table["probability"], expit(-output[expected, 0]))


def test_misses_are_the_positives_of_lowest_probability():
    y, output = labels(1)
    table = worst_rows(BINARY, output, y, row_ids=IDS, n=5)["misses"]
    positives = np.flatnonzero(y[:, 0] == 1)
    assert table["at"].tolist() == positives[np.argsort(output[positives, 0])[:5]].tolist()


def test_each_of_several_labels_counts_and_missing_ones_never():
    y, output = labels(2, missing=0.3)
    for name, kind in (("false alarms", 0), ("misses", 1)):
        table = worst_rows(MULTILABEL, output, y, row_ids=IDS, n=30)[name]
        column = [MULTILABEL.targets.index(label) for label in table["label"]]
        assert (y[table["at"], column] == kind).all()
        assert table["probability"].is_monotonic_increasing
    assert set(table["label"]) == {"x", "y"}


def test_rows_that_are_surely_right_are_no_errors_but_for_a_few():
    y = np.zeros((N, 1))
    table = worst_rows(BINARY, np.full((N, 1), -9.0), y, row_ids=IDS)["false alarms"]
    assert len(table) == 5
    assert worst_rows(BINARY, np.full((N, 1), -9.0), y, row_ids=IDS)["misses"].empty


def test_mistakes_between_classes_begin_with_the_least_probable_truth():
    rng = np.random.default_rng(0)
    y, output = rng.integers(3, size=(N, 1)).astype(float), rng.normal(size=(N, 3))
    y[0] = np.nan
    table = worst_rows(MULTICLASS, output, y, row_ids=IDS, n=10)["mistakes"]
    truth = softmax(output, axis=1)[np.arange(N), np.nan_to_num(y[:, 0]).astype(int)]
    truth[0] = np.inf
    assert table["row"].tolist() == IDS[np.argsort(truth)[:10]].tolist()
    assert (table["actual"] == np.array(["a", "b", "c"])[y[table["at"], 0].astype(int)]).all()
    assert (table["predicted"] == np.array(["a", "b", "c"])[output[table["at"]].argmax(axis=1)]).all()


def test_quantities_are_compared_in_their_own_unit_and_ranked_by_their_spread():
    rng = np.random.default_rng(0)
    y, output = rng.normal(size=(N, 2)), rng.normal(size=(N, 2))
    y[3] = np.nan
    output[7, 1] = 50.0
    table = worst_rows(REGRESSION, output, y, row_ids=IDS, n=4)["mistakes"]
    first = table.iloc[0]
    assert (first["row"], first["target"]) == (70, "q")
    assert first["difference"] == pytest.approx((50.0 - y[7, 1]) * 100)
    assert first["actual"] == pytest.approx(5 + 100 * y[7, 1])
    assert not table["difference"].isna().any()


def test_classes_are_summed_up_as_in_the_confusion_matrix():
    rng = np.random.default_rng(0)
    y, output = rng.integers(3, size=(N, 1)), rng.normal(size=(N, 3))
    matrix = confusion_matrix(y[:, 0], output.argmax(axis=1))
    table = by_class(MULTICLASS, output, y)
    np.testing.assert_allclose(table["right"], matrix.diagonal() / matrix.sum(axis=1))
    off = matrix - np.diag(matrix.diagonal())
    assert table["mistaken for"].tolist() == [["a", "b", "c"][j] for j in off.argmax(axis=1)]


def test_labels_are_summed_up_as_in_the_confusion_matrix():
    y, output = labels(1)
    (_, false), (_, found) = confusion_matrix(y[:, 0], output[:, 0] >= 0)
    row = by_class(BINARY, output, y).iloc[0]
    assert (row["found"], row["false alarms"], row["positives"]) == (found, false, y.sum())


def test_a_quantity_of_zero_comes_back_as_zero():
    task = Regression(("q",), "r2", (5.0,), (100.0,))
    y = np.array([[-0.05 + 1e-9], [0.3]])  # 1e-7 and 35 in their unit
    table = worst_rows(task, np.full((2, 1), 9.0), y, row_ids=[0, 1])["mistakes"]
    assert table["actual"].tolist() == [0.0, pytest.approx(35.0)]


def test_quantities_are_summed_up_by_the_median_of_the_errors():
    rng = np.random.default_rng(0)
    y, output = rng.normal(size=(N, 2)), rng.normal(size=(N, 2))
    table = by_class(REGRESSION, output, y)
    expected = [median_absolute_error(y[:, j], output[:, j]) * scale for j, scale in enumerate((1.0, 100.0))]
    np.testing.assert_allclose(table["usual error"], expected)


@pytest.mark.parametrize("task", [BINARY, MULTICLASS, MULTILABEL, REGRESSION])
def test_every_known_value_is_in_the_histogram(task):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(N, 2)) if task is REGRESSION else labels(len(task.targets), missing=0.2)[0]
    output = rng.normal(size=(N, task.d_out))
    assert error_histogram(task, output, y)["rows"].sum() == np.isfinite(y).sum()


def test_rows_that_several_models_get_wrong_are_counted():
    y = np.array([[0.0], [1.0]])
    right, wrong = np.array([[-1.0], [1.0]]), np.array([[1.0], [1.0]])
    assert also_wrong(BINARY, [right, wrong, wrong], y).tolist() == [2, 0]
    assert is_right(MULTILABEL, [[1.0, -1.0]], [[np.nan, 0.0]]).tolist() == [True]


Y = np.array([0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, np.nan, 0, 0, 0, 0], dtype=float)


def test_the_weakest_event_is_the_one_whose_highest_score_is_lowest():
    scores = np.linspace(0, 1, len(Y))
    table = weakest_events(Y, scores, offsets=[0, 10, 20])
    assert table[["series", "step", "length"]].to_numpy().tolist() == [[0, 2, 2], [1, 2, 1]]
    np.testing.assert_allclose(table["peak"], [scores[3], scores[12]])


def test_strong_alarms_lie_apart_from_events_from_unknown_steps_and_from_each_other():
    scores = np.linspace(0, 1, len(Y))
    table = strongest_alarms(Y, scores, offsets=[0, 10, 20], n=5)
    assert table["peak"].is_monotonic_decreasing
    assert (Y[table["at"]] == 0).all()
    assert table.iloc[0][["series", "step"]].tolist() == [1, 9]
    assert np.diff(np.sort(table["at"])).min() >= 5
    near = np.convolve(np.nan_to_num(Y), np.ones(3), mode="same") > 0
    assert not near[table["at"]].any()


def test_series_without_events_have_none_to_list():
    quiet = np.zeros(10)
    assert weakest_events(quiet, quiet, offsets=[0, 10]).empty
    assert len(strongest_alarms(quiet, quiet, offsets=[0, 10])) > 0


def test_the_surroundings_of_an_event_stay_in_its_series():
    around = steps_around(12, Y, np.arange(20.0), offsets=[0, 10, 20])
    assert around["step"].tolist() == list(range(10))
    assert around["score"].tolist() == list(np.arange(10.0, 20.0))
