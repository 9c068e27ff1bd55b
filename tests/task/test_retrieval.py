import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from automl_nn.task import retrieval
from automl_nn.task.retrieval import average_precisions, queries, recall_at


def draw(n_rows=60, n_classes=5):
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, size=(n_rows, 1)).astype(np.float32)
    x = rng.normal(size=(n_rows, 4)) + 0.5 * y
    return y, x / np.linalg.norm(x, axis=1, keepdims=True)


def test_average_precisions_are_scikit_learn_s():
    y, x = draw()
    found = average_precisions(y, x)
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        expected = average_precision_score(y[others, 0] == y[i, 0], (x @ x[i])[others])
        np.testing.assert_allclose(found[i, 0], expected)


def test_recall_at_1_is_the_accuracy_of_the_nearest_neighbour_of_each_row():
    y, x = draw()
    hits = []
    for i in range(len(y)):
        others = np.arange(len(y)) != i
        nearest = KNeighborsClassifier(1, algorithm="brute").fit(x[others], y[others, 0].astype(int))
        hits.append(nearest.predict(x[i : i + 1])[0] == y[i, 0])
    np.testing.assert_array_equal(recall_at(y, x, n=1)[:, 0], hits)


def test_recall_grows_with_the_rows_that_are_looked_at():
    y, x = draw()
    shares = [recall_at(y, x, n=n).mean() for n in (1, 5, 10, len(y) - 1)]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_row_alone_in_its_class_is_no_query_but_stands_in_the_way(monkeypatch):
    monkeypatch.setattr(retrieval, "QUERIES_AT_ONCE", 2)
    angle = np.array([0.0, 0.1, 0.3])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    y = queries(np.array([[0.0], [7.0], [0.0]]))
    np.testing.assert_array_equal(recall_at(y, x, n=1)[:, 0], [0.0, np.nan, 0.0])
    np.testing.assert_array_equal(average_precisions(y, x)[:, 0], [0.5, np.nan, 0.5])
