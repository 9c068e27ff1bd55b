import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from automl_nn.review.plots import draw_pr_curve, pr_curve


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random(400) < 0.2).astype(float)
    return y, 1 / (1 + np.exp(-rng.normal(2 * y - 1)))


def test_the_numbers_are_those_of_scikit_learn(rows):
    y, scores = rows
    curve = pr_curve(y, scores, threshold=0.4)
    assert curve.average_precision == average_precision_score(y, scores)
    assert curve.point == (recall_score(y, scores >= 0.4), precision_score(y, scores >= 0.4))
    assert curve.prevalence == y.mean()


def test_the_chosen_point_lies_on_the_curve(rows):
    y, scores = rows
    threshold = float(scores[y == 1][7])
    curve = pr_curve(y, scores, threshold=threshold)
    assert curve.point[0] == recall_score(y, scores >= threshold)
    points = np.column_stack([curve.recall, curve.precision])
    assert np.isclose(points, curve.point).all(axis=1).any()


def test_rows_without_a_label_are_left_out(rows):
    y, scores = rows
    longer = pr_curve(np.append(y, np.nan), np.append(scores, 0.99), threshold=0.4)
    assert longer.point == pr_curve(y, scores, threshold=0.4).point


def test_marking_nothing_is_the_end_of_the_curve(rows):
    assert pr_curve(*rows, threshold=2.0).point == (0.0, 1.0)


def test_the_drawing_shows_the_numbers_and_saves(rows, tmp_path):
    curve = pr_curve(*rows, threshold=0.4)
    figure = draw_pr_curve(curve, title="toy", positive="frauds")
    axes = figure.axes[0]
    assert axes.lines[-1].get_xydata().tolist() == [list(curve.point)]
    texts = " ".join(text.get_text() for text in axes.get_legend().get_texts())
    assert "threshold 0.4" in texts
    assert "frauds" in texts
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
