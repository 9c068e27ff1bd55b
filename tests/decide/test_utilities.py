import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from automl_nn.decide.utilities import UTILITIES, Constraints, Counts, cost, net_benefit, utility_named
from automl_nn.errors import DecisionError

ORACLES = {
    "f1": lambda y, a: sk.f1_score(y, a, zero_division=0.0),
    "f2": lambda y, a: sk.fbeta_score(y, a, beta=2, zero_division=0.0),
    "f0.5": lambda y, a: sk.fbeta_score(y, a, beta=0.5, zero_division=0.0),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "youden": lambda y, a: sk.balanced_accuracy_score(y, a, adjusted=True),
    "mcc": sk.matthews_corrcoef,
    "kappa": sk.cohen_kappa_score,
    "precision": lambda y, a: sk.precision_score(y, a, zero_division=0.0),
    "recall": sk.recall_score,
    "marked": lambda y, a: np.mean(a),
}

whole = st.integers(0, 40)


def _counts(*cells: float) -> Counts:
    return Counts(*np.array(cells, dtype=np.float64))


@pytest.mark.parametrize("name", UTILITIES)
@settings(max_examples=10, deadline=None)
@given(tp=whole, fp=whole, fn=whole, tn=whole)
def test_a_utility_equals_the_metric_of_scikit_learn(name, tp, fp, fn, tn):
    counts = _counts(tp + 1, fp, fn, tn + 1)  # the metrics of one class alone are a matter of taste
    y = np.repeat([1, 0, 1, 0], np.array(counts, dtype=int))
    action = np.repeat([1, 1, 0, 0], np.array(counts, dtype=int))
    assert float(UTILITIES[name].of(*counts)) == pytest.approx(ORACLES[name](y, action), abs=1e-12)


@pytest.mark.parametrize(
    "utility",
    [*(u for u in UTILITIES.values() if u.monotone), cost(fp=1, fn=7), cost(fp=3, fn=9, tp=2, tn=1), net_benefit(0.1)],
    ids=lambda u: u.name,
)
@settings(max_examples=50, deadline=None)
@given(positives=st.integers(1, 40), negatives=st.integers(1, 40), data=st.data())
def test_a_monotone_utility_never_falls_below_the_better_end_of_a_run_of_one_class(utility, positives, negatives, data):
    tp, fp = data.draw(st.integers(0, positives)), data.draw(st.integers(0, negatives))
    along = data.draw(st.booleans())
    tps = np.arange(tp, positives + 1) if along else np.full(negatives - fp + 1, tp)
    fps = np.full(positives - tp + 1, fp) if along else np.arange(fp, negatives + 1)
    worth = utility.of(*Counts(*np.array([tps, fps, positives - tps, negatives - fps], dtype=np.float64)))
    assert worth.max() <= max(worth[0], worth[-1]) + 1e-12


@settings(deadline=None)
@given(scale=st.integers(1, 20), tp=whole, fp=whole, fn=whole, tn=whole)
def test_doubled_weights_leave_a_utility_as_it_is(scale, tp, fp, fn, tn):
    counts = _counts(tp, fp, fn, tn + 1)
    scaled = _counts(*(scale * count for count in counts))
    for utility in (*UTILITIES.values(), cost(fp=1, fn=3)):
        assert float(utility.of(*scaled)) == pytest.approx(float(utility.of(*counts)))


def test_an_unknown_utility_is_answered_with_the_nearest_one():
    with pytest.raises(DecisionError, match=r"Unknown utility 'f11'\. Did you mean 'f1'"):
        utility_named("f11")


def test_the_shortfall_is_zero_where_the_constraints_are_met_exactly():
    counts = Counts(*np.array([[7.0, 6.0], [3.0, 4.0], [3.0, 4.0], [87.0, 86.0]]))
    assert Constraints(min_precision=0.7, min_recall=0.7, top_k=10).shortfall(counts) == pytest.approx([0.0, 0.2])
    assert Constraints(top_k=9).shortfall(counts) == pytest.approx([0.01, 0.01])


def test_the_false_positive_rate_is_kept_below_its_ceiling():
    counts = Counts(*np.array([[7.0, 6.0], [3.0, 4.0], [3.0, 4.0], [97.0, 96.0]]))
    assert Constraints(max_fpr=0.03).shortfall(counts) == pytest.approx([0.0, 0.01])
    assert Constraints(max_fpr=0.03, min_recall=0.5).describe() == "recall >= 0.5 and false positive rate <= 0.03"


def test_the_net_benefit_is_zero_where_only_rows_of_its_probability_are_marked():
    assert float(utility_named("net_benefit@0.2").of(*_counts(10, 40, 0, 50))) == pytest.approx(0)
    for name in ("net_benefit", "net_benefit@x", "net_benefit@1"):
        with pytest.raises(DecisionError, match="name the probability above which you would act"):
            utility_named(name)


def test_four_costs_are_those_of_the_four_outcomes():
    utility = cost(fp=3, fn=9, tp=2, tn=1)
    assert float(utility.of(*_counts(1, 2, 3, 4))) == -(2 + 6 + 27 + 4) / 10
    assert utility.name == "cost(fp=3, fn=9, tp=2, tn=1)"
