import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from automl_nn.decide.choose import decide
from automl_nn.decide.goal import Goal
from automl_nn.decide.reliability import reliability
from automl_nn.decide.scores import decide_scores
from automl_nn.decide.utilities import UTILITIES
from automl_nn.review.curves import confusions, label_table, point_at, threshold_curve
from automl_nn.review.drawings import draw_confusions, draw_precision_recall, draw_reliability, draw_utility
from automl_nn.task.tasks import Multilabel


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random(800) < 0.15).astype(float)
    return y, expit(rng.normal(2 * y - 2))


def test_every_point_of_the_curve_is_scikit_learns(rows):
    y, scores = rows
    curve = threshold_curve(np.append(y, np.nan), np.append(scores, 0.5), utility=UTILITIES["f1"])
    for row in curve.iloc[::25].itertuples():
        marked = scores >= row.threshold
        assert row.marked == pytest.approx(marked.mean())
        assert row.precision == pytest.approx(precision_score(y, marked, zero_division=0.0))
        assert row.recall == pytest.approx(recall_score(y, marked))
        assert row.utility == pytest.approx(f1_score(y, marked, zero_division=0.0))
        assert row.utility_low <= row.utility + 0.02
        assert row.utility_high >= row.utility - 0.02


def test_confusions_stand_side_by_side(rows):
    y, scores = rows
    cut = decide_scores(scores, y, goal=Goal("f1"))
    table = confusions(cut).set_index("at")
    tn, fp, fn, tp = confusion_matrix(y, scores >= 0.5).ravel()
    assert table.loc["half", ["tp", "fp", "fn", "tn"]].tolist() == [tp, fp, fn, tn]
    assert tuple(float(count) for count in point_at(y, scores, 0.5)) == (tp, fp, fn, tn)
    assert table.loc["threshold", "recall"] > table.loc["half", "recall"]


def test_labels_have_a_row_each():
    rng = np.random.default_rng(0)
    y = (rng.random((600, 3)) < 0.2).astype(float)
    decision = decide(Multilabel(("a", "b", "c"), "roc_auc"), rng.normal(2 * y - 2), y)
    table = label_table(decision.cuts)
    assert table.label.tolist() == ["a", "b", "c"]
    assert (table.low <= table.threshold).all()
    assert np.isfinite(table.ece).all()


def test_the_drawings_show_the_numbers_and_save(rows, tmp_path):
    y, scores = rows
    cut = decide_scores(scores, y, goal=Goal("f1"))
    curve = threshold_curve(y, scores, utility=UTILITIES["f1"])
    figures = {
        "pr": draw_precision_recall(curve, cut, title="toy"),
        "utility": draw_utility(curve, cut, utility="f1"),
        "confusions": draw_confusions(confusions(cut)),
        "reliability": draw_reliability(reliability(np.log(scores / (1 - scores)), y)),
    }
    assert figures["pr"].axes[0].lines[-1].get_xydata().tolist() == [[cut.metrics["recall"], cut.metrics["precision"]]]
    texts = [text.get_text() for text in figures["confusions"].axes[1].texts]
    assert texts == [f"{cut.metrics[name]:g}" for name in ("tn", "fp", "fn", "tp")]
    for name, figure in figures.items():
        figure.savefig(tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
