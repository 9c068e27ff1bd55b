import pytest
from sklearn.datasets import load_breast_cancer

from automl_nn.decide.calibration.calibrate import Calibration
from automl_nn.decide.cut import Cut
from automl_nn.decide.decision import AsIs
from automl_nn.store.claims import Worker
from automl_nn.store.records import Outcome
from automl_nn.store.store import Store
from automl_nn.study import Study

HOSTILE = "<script>alert('1')</script>"


@pytest.fixture
def study():
    frame = load_breast_cancer(as_frame=True).frame.rename(columns={"target": HOSTILE})
    return Study(frame, HOSTILE, name=HOSTILE, storage="sqlite:///studies.db")


def test_a_study_that_was_not_tuned_shows_what_is_asked_and_makes_no_database(study, own_folder):
    html = study._repr_html_()
    assert "none yet" in html
    assert "binary" in html
    assert list(own_folder.iterdir()) == []


def test_a_study_shows_its_best_trials_with_every_name_escaped(study):
    with Store("sqlite:///studies.db") as store:
        study_id = store.open_study(HOSTILE, spec={})
        for score in (0.25, 0.75):
            claim = store.claim(study_id, n_trials=None, worker=Worker.this())
            store.finish(claim, Outcome("complete", score, seconds=1.0))
        store.fail(store.claim(study_id, n_trials=None, worker=Worker.this()), ValueError(HOSTILE))
    html = study._repr_html_()
    assert "<script>" not in html
    assert "2 complete, 1 failed" in html
    assert html.index("0.75") < html.index("0.25")


def test_a_decision_shows_its_threshold_and_what_it_gives(study):
    import numpy as np

    from automl_nn.decide.choose import decide
    from automl_nn.decide.goal import Goal

    rng = np.random.default_rng(0)
    y = (rng.random((300, 1)) < 0.3).astype(float)
    decision = decide(study.task, rng.normal(3 * y - 1.5), y, goal=Goal(cost=(1.0, 5.0)))
    html = decision._repr_html_()
    assert "Decision for cost(fp=1, fn=5)" in html
    cut: Cut = decision.cuts[0]
    assert all(f"{value:.4g}" in html for value in (cut.threshold, cut.utility, cut.metrics["recall"], *cut.interval))
    assert "<script>" not in html


def test_values_without_a_decision_say_so():
    assert "Decision for as it is" in AsIs("regression", None, Calibration.identity(1))._repr_html_()
