import numpy as np
import pandas as pd
import pytest

from automl_nn.decide.choose import decide
from automl_nn.decide.goal import Goal
from automl_nn.decide.scores import decide_scores
from automl_nn.errors import DataError, DecisionError
from automl_nn.review.decision.curves import Scored
from automl_nn.review.decision.pictures import see, see_cut
from automl_nn.task.tasks import Binary, Multiclass, Multilabel, Regression


def _labels(n_labels=1, n_rows=500):
    rng = np.random.default_rng(0)
    y = (rng.random((n_rows, n_labels)) < 0.2).astype(float)
    return rng.normal(2 * y - 2), y


def _classes(n_rows=500):
    rng = np.random.default_rng(0)
    y = rng.choice(3, size=n_rows, p=[0.6, 0.3, 0.1])
    return rng.normal(size=(n_rows, 3)) + 2 * np.eye(3)[y], y[:, None].astype(float)


MULTICLASS = Multiclass(("kind",), "neg_log_loss", ("x", "y", "z"))
CUT = {"curve", "confusion", "reliability", "scores"}
CASES = {
    "binary": (Binary(("ill",), "roc_auc"), _labels(), Goal("f1"), CUT),
    "rare": (Binary(("ill",), "roc_auc"), _labels(), Goal(cost=(1, 60), max_fpr=0.9), CUT),
    "multilabel": (Multilabel(("a", "b/c"), "roc_auc"), _labels(2), Goal("f2"), {"labels"}),
    "offsets": (MULTICLASS, _classes(), Goal("balanced_accuracy"), {"confusion", "curve"}),
    "costs": (
        MULTICLASS,
        _classes(),
        Goal(costs=((0, 1, 1), (1, 0, 1), (9, 9, 0)), reject=0.4),
        {"confusion", "curve"},
    ),
    "one_vs_rest": (MULTICLASS, _classes(), Goal("f1", one_vs_rest=True), {"confusion", "curve"}),
}


def _seen(case):
    task, (output, y), goal, _ = CASES[case]
    return see(decide(task, output, y, goal=goal), output, y, task=task)


@pytest.mark.parametrize("case", CASES)
def test_every_decision_has_tables_and_a_sheet_of_its_panels(case):
    seen = _seen(case)
    assert set(seen.tables) == CASES[case][3]
    assert all(len(table) for table in seen.tables.values())
    figure = seen.sheet()
    assert len(figure.axes) == len(seen.panels)
    figure.draw_without_rendering()
    assert all(axes.has_data() and axes.get_title() for axes in figure.axes)


def test_the_drawings_show_the_numbers():
    seen = _seen("binary")
    pr, utility, _, half, chosen, _ = seen.sheet().axes
    assert pr.lines[-1].get_xydata().tolist() == [[seen.cut.metrics["recall"], seen.cut.metrics["precision"]]]
    for axes, metrics in ((half, seen.cut.metrics_at_half), (chosen, seen.cut.metrics)):
        assert [text.get_text() for text in axes.texts] == [f"{metrics[name]:g}" for name in ("tn", "fp", "fn", "tp")]
    words = [text.get_text() for text in utility.get_legend().get_texts()]
    assert f"on new rows {seen.cut.utility:.3g}" in words
    assert f"by theory {seen.cut.theory:.3g}" in words


def test_what_was_chosen_between_classes_is_marked_on_the_curve():
    seen = _seen("offsets")
    axes = seen.sheet().axes[-1]
    assert axes.lines[-1].get_xdata() == [seen.chosen, seen.chosen]
    assert np.isclose(seen.curve["strength"], seen.chosen).any()


def test_costs_are_drawn_as_costs():
    axes = _seen("rare").sheet().axes[1]
    assert axes.get_ylabel().startswith("mean cost of a row")
    assert axes.lines[0].get_ydata().min() >= 0


def test_a_folder_holds_tables_and_pictures_also_of_each_label(own_folder):
    files = _seen("multilabel").save(own_folder / "seen")
    assert all(file.is_file() for file in files)
    names = {str(file.relative_to(own_folder / "seen")) for file in files}
    assert {"labels.csv", "utility.png", "threshold.png", "a/curve.csv", "a/confusion.png", "b_c/scores.png"} <= names
    table = pd.read_csv(own_folder / "seen" / "labels.csv")
    assert table["utility"].is_monotonic_decreasing


def test_the_scores_of_any_model_are_seen(own_folder):
    output, y = (column[:, 0] for column in _labels())
    goal = Goal("f1")
    cut = decide_scores(1 / (1 + np.exp(-output)), y, goal=goal)
    (file,) = see_cut(cut, Scored(y, output), goal=goal).save(own_folder / "sheet.png")
    assert file.read_bytes().startswith(b"\x89PNG")


def test_where_nothing_is_decided_there_is_nothing_to_see():
    output, y = _labels()
    task = Regression(("height",), "r2")
    with pytest.raises(DecisionError, match="no picture"):
        see(decide(task, output, y), output, y, task=task)


@pytest.mark.parametrize(
    ("name", "message"), [("p.jpg", "is no picture"), ("no/p.png", "no folder"), ("file", "a file")]
)
def test_what_cannot_be_written_is_refused(own_folder, name, message):
    (own_folder / "file").write_text("here")
    with pytest.raises(DataError, match=message):
        _seen("binary").save(own_folder / name)
