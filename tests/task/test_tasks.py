import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax
from sklearn import metrics as skm

from automl_nn.errors import SpaceError, TargetError
from automl_nn.task.infer import make_task
from automl_nn.task.metrics import METRICS, find_metric, metric_names
from automl_nn.task.tasks import TASKS, task_from_json

RNG = np.random.default_rng(0)
N = 200
FRAMES = {
    "binary": pd.DataFrame({"y": np.where(RNG.random(N) < 0.3, "sick", "well")}),
    "multiclass": pd.DataFrame({"y": RNG.integers(0, 4, N)}),
    "multilabel": pd.DataFrame({"a": RNG.integers(0, 2, N), "b": RNG.integers(0, 2, N).astype(float)}),
    "soft": pd.DataFrame(RNG.dirichlet([1, 2, 3], N), columns=["p", "q", "r"]),
    "regression": pd.DataFrame({"u": RNG.normal(100, 7, N), "v": RNG.normal(0, 1e-6, N)}),
}
FRAMES["multilabel"].loc[3:9, "b"] = np.nan


@pytest.fixture(params=FRAMES)
def kind(request):
    return request.param


@pytest.fixture
def task(kind):
    return make_task(FRAMES[kind])


def test_the_kind_is_told_from_the_values(task, kind):
    assert task.kind == kind


def test_every_kind_has_a_class_and_embeddings_must_be_asked_for():
    assert {*FRAMES, "embedding"} == set(TASKS)
    assert make_task(FRAMES["multiclass"], kind="embedding").metric == "mean_average_precision"


def test_a_task_survives_json(task):
    assert task_from_json(task.to_json()) == task


def test_the_prior_output_predicts_the_mean_of_the_labels(task, kind):
    y = task.encode(FRAMES[kind])
    prediction = task.prediction(task.prior_output(y)[None])[0]
    if kind == "binary":
        np.testing.assert_allclose(prediction[1], y.mean(), atol=0.01)
    elif kind == "multiclass":
        np.testing.assert_allclose(prediction, np.bincount(y[:, 0].astype(int)) / N, atol=0.01)
    elif kind == "regression":
        np.testing.assert_allclose(prediction, FRAMES[kind].mean(), atol=1e-4)
    else:
        np.testing.assert_allclose(prediction, np.nanmean(y, axis=0), atol=0.01)


def test_every_metric_of_a_kind_gives_a_finite_score(task, kind, rng):
    y = task.encode(FRAMES[kind])
    output = rng.normal(size=(N, task.d_out))
    for name in metric_names(kind):
        assert np.isfinite(task.score(y, output, metric=name)), name


def test_the_truth_scores_better_than_noise(task, kind, rng):
    y = np.nan_to_num(task.encode(FRAMES[kind]))
    onehot = np.eye(task.d_out)[y[:, 0].astype(int)] if kind == "multiclass" else y
    truth = onehot if kind == "regression" else np.log(onehot + 1e-9) if kind == "soft" else 20 * (onehot - 0.5)
    noise = rng.permutation(truth)
    for name in metric_names(kind):
        assert task.score(y, truth, metric=name) > task.score(y, noise, metric=name), name


def test_binary_scores_equal_scikit_learns(rng):
    task = make_task(FRAMES["binary"])
    y = task.encode(FRAMES["binary"])
    output = rng.normal(size=(N, 1))
    p = expit(output[:, 0])
    expected = {
        "average_precision": skm.average_precision_score(y, p),
        "roc_auc": skm.roc_auc_score(y, p),
        "neg_log_loss": -skm.log_loss(y, p),
        "neg_brier_score": -skm.brier_score_loss(y, p),
        "accuracy": skm.accuracy_score(y, p > 0.5),
        "balanced_accuracy": skm.balanced_accuracy_score(y, p > 0.5),
        "f1": skm.f1_score(y, p > 0.5),
        "matthews_corrcoef": skm.matthews_corrcoef(y, p > 0.5),
    }
    assert {name: task.score(y, output, metric=name) for name in expected} == pytest.approx(expected)


def test_multiclass_scores_equal_scikit_learns(rng):
    task = make_task(FRAMES["multiclass"])
    y = task.encode(FRAMES["multiclass"])
    output = rng.normal(size=(N, 4))
    p = softmax(output, axis=1)
    assert task.score(y, output, metric="neg_log_loss") == pytest.approx(-skm.log_loss(y[:, 0], p))
    auc = skm.roc_auc_score(y[:, 0], p, multi_class="ovr")
    assert task.score(y, output, metric="roc_auc") == pytest.approx(auc)


def test_regression_scores_are_in_the_unit_of_the_target(rng):
    frame = FRAMES["regression"][["u"]]
    task = make_task(frame)
    output = rng.normal(size=(N, 1))
    expected = skm.root_mean_squared_error(frame["u"], task.prediction(output)[:, 0])
    assert -task.score(task.encode(frame), output) == pytest.approx(expected, rel=1e-5)


def test_several_targets_count_alike_whatever_their_units(rng):
    frame = pd.DataFrame({"metres": rng.normal(size=N), "dollars": 1e6 * rng.normal(size=N)})
    task = make_task(frame)
    output = rng.normal(size=(N, 2))
    prediction = task.prediction(output)
    errors = [skm.root_mean_squared_error(frame[name], prediction[:, j]) for j, name in enumerate(frame)]
    expected = np.mean(errors / frame.std(ddof=0).to_numpy())
    assert task.metric == "neg_average_relative_rmse"
    assert -task.score(task.encode(frame), output) == pytest.approx(expected, rel=1e-5)


def test_a_target_that_does_not_vary_among_the_rows_does_not_drown_the_others(rng):
    frame = pd.DataFrame({"metres": rng.normal(size=N), "dollars": 1e6 * rng.normal(size=N)})
    task = make_task(frame)
    y = task.encode(frame.assign(dollars=7.0))
    assert task.score(y, np.zeros((N, 2))) == pytest.approx(-1.0, abs=0.05)
    assert task.score(y, y.astype(np.float64)) == pytest.approx(0.0, abs=1e-6)


def test_missing_labels_change_no_score(rng):
    frame = FRAMES["multilabel"]
    task = make_task(frame)
    output = rng.normal(size=(N, 2))
    known = frame["b"].notna().to_numpy()
    y = task.encode(frame)
    for name in metric_names("multilabel"):
        metric = find_metric(name, "binary").score
        both = [metric(y[:, [0]], expit(output[:, [0]])), metric(y[known][:, [1]], expit(output[known][:, [1]]))]
        assert task.score(y, output, metric=name) == pytest.approx(np.mean(both))


def test_minus_one_is_missing_where_zero_means_no():
    frame = pd.DataFrame({"a": [-1, 0, 1, 1], "b": [0, 1, 0, -1]})
    np.testing.assert_array_equal(make_task(frame).encode(frame), [[np.nan, 0], [0, 1], [1, 0], [1, np.nan]])


def test_minus_one_is_no_where_there_is_no_zero():
    frame = pd.DataFrame({"a": [-1, 1, 1], "b": [1, 1, -1]})
    np.testing.assert_array_equal(make_task(frame).encode(frame), [[0, 1], [1, 1], [1, 0]])


def test_of_two_words_the_rarer_one_is_positive():
    assert make_task(pd.DataFrame({"y": ["fraud"] + ["legit"] * 9})).classes == ("legit", "fraud")


def test_rare_positives_are_compared_by_average_precision():
    assert make_task(pd.DataFrame({"y": [1] + [0] * 30})).metric == "average_precision"
    assert make_task(pd.DataFrame({"y": [1, 0] * 15})).metric == "neg_log_loss"


def test_booleans_and_categories_are_classes():
    assert make_task(pd.DataFrame({"y": [True, False, True]})).classes == (False, True)
    assert make_task(pd.DataFrame({"y": pd.Categorical(["a", "b", "a"], ["a", "b", "c"])})).classes == ("a", "b")


def test_integers_with_many_values_are_a_quantity():
    assert make_task(pd.DataFrame({"y": np.arange(100) ** 2})).kind == "regression"


def test_a_running_number_is_no_target_unless_somebody_says_so():
    frame = pd.DataFrame({"y": np.arange(7, 107)})
    with pytest.raises(TargetError, match="running number"):
        make_task(frame)
    assert make_task(frame, kind="regression").kind == "regression"


def test_labels_may_be_flags_with_gaps():
    frame = pd.DataFrame({"a": [True, False, None, True], "b": [False, None, True, True]}, dtype=object)
    task = make_task(frame)
    assert task.kind == "multilabel"
    np.testing.assert_array_equal(task.encode(frame)[:, 0], [1, 0, np.nan, 1])


def test_soft_labels_are_scored_above_their_entropy_floor():
    task, frame = make_task(FRAMES["soft"]), FRAMES["soft"]
    y = task.encode(frame)
    assert task.score(y, np.log(y), metric="neg_kl_divergence") == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        ({"y": [1, 1, 1]}, None, "in every row"),
        ({"y": [None, None]}, None, "missing in all 2 rows"),
        ({"y": [1.0, np.inf, 2.0]}, None, "infinite in row 1"),
        ({"y": ["a", "b", "c"]}, "binary", "needs 2 classes, but column 'y' has 3: 'a', 'b', 'c'"),
        ({"y": ["a", "b", "a"]}, "multiclass", "use task='binary'"),
        ({"y": ["a", "b", "a"]}, "regression", "must be numbers, but column 'y' holds 'a'"),
        ({"y": [f"id{i}" for i in range(200)]}, None, "like an identifier"),
        ({"a": [0, 1, 2], "b": [0, 1, 1]}, "multilabel", "holds 2"),
        ({"a": [0, 1, 0], "b": [0, 1, 1]}, "binary", "one target column, but 2 are given"),
        ({"a": [0.5, 0.2], "b": [0.5, 0.9]}, "soft", "whose sum is 1.1"),
    ],
)
def test_a_target_of_the_wrong_kind_is_refused(frame, kind, message):
    target = pd.DataFrame(frame)
    with pytest.raises(TargetError) as caught:
        make_task(target, kind=kind).encode(target)
    assert message in str(caught.value)


def test_an_unknown_class_is_refused_when_encoding():
    task = make_task(FRAMES["binary"])
    with pytest.raises(TargetError, match="holds 'dead', which is none of its classes"):
        task.encode(pd.DataFrame({"y": ["sick", "dead"]}))


def test_an_unknown_metric_is_refused():
    with pytest.raises(SpaceError, match="Did you mean 'roc_auc'"):
        make_task(FRAMES["binary"], metric="rocauc")
    with pytest.raises(SpaceError, match="does not score a regression task"):
        make_task(FRAMES["regression"], metric="roc_auc")


def test_every_metric_belongs_to_a_kind():
    assert set(METRICS) == {name for kind in TASKS for name in metric_names(kind)}


def test_gaps_do_not_rename_whole_classes():
    frame = pd.DataFrame({"y": [0.0, 1.0, np.nan, 1.0]})
    task = make_task(frame)
    assert (task.classes, [type(name) for name in task.classes]) == ((0, 1), [int, int])
    np.testing.assert_array_equal(task.encode(frame)[:, 0], [0, 1, np.nan, 1])


def test_dates_can_be_classes():
    frame = pd.DataFrame({"y": pd.to_datetime(["2020-01-01", "2021-01-01", "2020-01-01"])})
    assert make_task(frame).encode(frame)[:, 0].tolist() in ([0, 1, 0], [1, 0, 1])


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_a_target_beyond_the_reach_of_a_network_is_refused(scale, rng):
    with pytest.raises(TargetError, match="rescale it"):
        make_task(pd.DataFrame({"y": rng.normal(size=50) * scale}))
