import numpy as np
import pytest
from scipy.special import logit, softmax
from sklearn import metrics as sk

from automl_nn.decide import Goal, choose_threshold, decide
from automl_nn.decide.classes.outputs import odds_against_rest
from automl_nn.errors import DecisionError
from automl_nn.task.tasks import Multiclass

TASK = Multiclass(("kind",), "neg_log_loss", ("x", "y", "z"))


def _rows(n_rows=2000, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=n_rows, p=[0.8, 0.15, 0.05])
    return rng.normal(size=(n_rows, 3)) + 2 * np.eye(3)[y], y


def test_odds_are_those_of_the_probability_and_do_not_saturate():
    x, _ = _rows(50)
    np.testing.assert_allclose(odds_against_rest(x), logit(softmax(x, axis=1)))
    assert np.isfinite(odds_against_rest(np.array([[1000.0, 0.0, -1000.0]]))).all()


def test_each_cut_off_is_that_of_its_class_against_the_rest():
    x, y = _rows()
    decision = decide(TASK, x, y[:, None], goal=Goal("f1", one_vs_rest=True))
    odds = odds_against_rest(decision.calibration.apply(x))
    alone = choose_threshold(odds[:, 0], y == 0, utility="f1")
    assert decision.cuts[0].logit == alone.threshold
    assert np.array_equal(decision.apply(x), (odds - [cut.logit for cut in decision.cuts]).argmax(axis=1))
    assert decision.metrics["f1"] == pytest.approx(sk.f1_score(y, decision.apply(x), average="macro"))
    assert decision.metrics_at_argmax["f1"] == pytest.approx(sk.f1_score(y, x.argmax(axis=1), average="macro"))


def test_on_new_rows_it_keeps_about_what_it_promises_and_beats_the_argmax():
    decision = decide(
        TASK, *(part if part.ndim == 2 else part[:, None] for part in _rows()), goal=Goal("f1", one_vs_rest=True)
    )
    x, y = _rows(50_000, seed=1)
    kept, plain = (sk.f1_score(y, action, average="macro") for action in (decision.apply(x), x.argmax(axis=1)))
    assert kept > plain
    assert kept == pytest.approx(decision.utility, abs=0.03)


def test_the_curve_is_one_of_each_class():
    x, y = _rows(500)
    decision = decide(TASK, x, y[:, None], goal=Goal("f1", one_vs_rest=True))
    assert decision.curve(x, y[:, None])["label"].unique().tolist() == ["x", "y", "z"]
    assert len(decision.thresholds) == 3


def test_a_utility_of_two_classes_only_is_refused():
    x, y = _rows(100)
    with pytest.raises(DecisionError, match="cannot maximize 'youden'"):
        decide(TASK, x, y[:, None], goal=Goal("youden", one_vs_rest=True))


def test_cut_offs_that_are_no_better_than_none_are_told():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=300)
    x = np.log(0.9 * np.eye(3)[y] + 0.05) + 1e-3 * rng.normal(size=(300, 3))
    decision = decide(TASK, x, y[:, None], goal=Goal("f1", one_vs_rest=True))
    assert decision.metrics_at_argmax["f1"] == 1
    assert any(warning.startswith("Without cut-offs f1 is 1 on these rows") for warning in decision.warnings)
    x, y = _rows()
    assert not decide(TASK, x, y[:, None], goal=Goal("f1", one_vs_rest=True)).warnings
