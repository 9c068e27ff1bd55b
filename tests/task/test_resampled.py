import numpy as np
import pytest

from automl_nn.task.metrics import metric_names
from automl_nn.task.resampled import is_fast, resampled_scores
from automl_nn.task.tasks import Binary, Embedding, Multiclass, Multilabel, Regression, SoftLabels

RNG = np.random.default_rng(0)
N = 80


def with_gaps(y):
    return np.where(np.random.default_rng(1).random(y.shape) < 0.1, np.nan, y)


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)


DATA = {
    "binary": (lambda m: Binary(("y",), m), with_gaps((RNG.random((N, 1)) < 0.3).astype(float)), 1),
    "multilabel": (lambda m: Multilabel(("u", "v"), m), with_gaps((RNG.random((N, 2)) < 0.4).astype(float)), 2),
    "multiclass": (lambda m: Multiclass(("y",), m, (0, 1, 2)), RNG.integers(0, 3, (N, 1)).astype(float), 3),
    "soft": (lambda m: SoftLabels(("a", "b", "c"), m), softmax(RNG.normal(size=(N, 3))), 3),
    "regression": (
        lambda m: Regression(("u", "v"), m, means=(1.0, -2.0), scales=(3.0, 0.5)),
        with_gaps(RNG.normal(size=(N, 2))),
        2,
    ),
}
CASES = [(kind, metric) for kind in DATA for metric in metric_names(kind)]


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_a_resample_scores_like_its_rows_repeated(kind, metric, rng):
    make, y, d_out = DATA[kind]
    task = make(metric)
    output = rng.normal(size=(N, d_out)).round(1)  # rounded, so that there are ties
    if kind == "multiclass":
        output += np.eye(3)[y[:, 0].astype(int)]
    counts = rng.multinomial(N, np.full(N, 1 / N), size=6).T.astype(np.float32)
    expected = []
    for count in counts.T.astype(int):
        rows = np.repeat(np.arange(N), count)
        expected.append(task.score(y[rows], output[rows]))
    np.testing.assert_allclose(resampled_scores(task, y, output, counts), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test_nearly_every_metric_is_fast(kind, metric):
    assert is_fast(DATA[kind][0](metric)) == (metric != "neg_median_absolute_error")


@pytest.mark.parametrize("metric", metric_names("multilabel"))
def test_a_label_with_one_kind_of_rows_is_left_out(metric, rng):
    task = Multilabel(("u", "v"), metric)
    y = np.array([[0, 1], [1, 0], [1, 0], [0, 0]], dtype=float)
    output = rng.normal(size=(4, 2))
    counts = np.array([[0], [1], [1], [2]], dtype=np.float32)
    rows = [1, 2, 3, 3]
    scores = resampled_scores(task, y, output, counts)
    np.testing.assert_allclose(scores, [task.score(y[rows], output[rows])], rtol=1e-5)


def test_a_resample_without_positives_has_no_ranking():
    task = Binary(("y",), "average_precision")
    counts = np.array([[1, 1], [1, 0]], dtype=np.float32)
    scores = resampled_scores(task, np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]), counts)
    assert scores[0] == 1.0
    assert np.isnan(scores[1])


def test_resamples_of_embeddings_draw_queries_and_leave_what_is_found_as_it_is(rng):
    y = rng.integers(0, 5, size=(N, 1)).astype(np.float32)
    y[0] = 9.0  # alone in its class, so that nothing could be found for it
    output, counts = rng.normal(size=(N, 4)), rng.integers(0, 3, size=(N, 4)).astype(np.float32)
    for metric in metric_names("embedding"):
        task = Embedding(("y",), metric, tuple(range(10)), d_embedding=4)
        assert is_fast(task)
        whole = resampled_scores(task, y, output, np.ones((N, 1), dtype=np.float32))
        np.testing.assert_allclose(whole, [task.score(y, output)], rtol=1e-5)
        scores = resampled_scores(task, y, output, counts)
        counts[0] += 5
        np.testing.assert_allclose(resampled_scores(task, y, output, counts), scores, rtol=1e-6)
