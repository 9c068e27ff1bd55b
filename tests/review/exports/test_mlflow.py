import sys
import warnings

import pytest

from automl_nn.errors import InputError
from automl_nn.review.exports.mlflow import to_mlflow

from .conftest import NAME, train


@pytest.mark.slow
def test_mlflow_reads_every_trial_that_ended_once(store, study_id, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert to_mlflow(store, study_id, name=NAME, uri=uri) == 3
    assert to_mlflow(store, study_id, name=NAME, uri=uri) == 0
    train(store, study_id, [0.9])
    assert to_mlflow(store, study_id, name=NAME, uri=uri) == 1
    with warnings.catch_warnings(action="ignore"):
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name(NAME).experiment_id
        runs = {run.info.run_name: run for run in client.search_runs([experiment])}
        curve = client.get_metric_history(runs["trial 0"].info.run_id, "score")
    assert sorted(runs) == ["trial 0", "trial 1", "trial 2", "trial 4"]
    assert [runs[f"trial {i}"].info.status for i in range(3)] == ["FINISHED", "KILLED", "FAILED"]
    assert sorted((point.step, point.value) for point in curve) == [(1, 0.25), (2, 0.75)]
    first = runs["trial 0"].data
    assert first.params == {"model.backbone.name": "mlp", "train.optimizer.lr": "0.125", "train.shuffle": "True"}
    assert (first.metrics["val.roc_auc"], first.metrics["result.score"]) == (0.75, 0.75)
    assert runs["trial 2"].data.tags["message"] == "no, <script>"


@pytest.mark.slow
def test_a_place_that_mlflow_cannot_use_is_refused_in_one_sentence(store, study_id):
    with pytest.raises(InputError, match="MLflow cannot use 'nowhere:///x'"):
        to_mlflow(store, study_id, name=NAME, uri="nowhere:///x")


def test_without_mlflow_one_sentence_says_how_to_get_it(store, study_id, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow.exceptions", None)
    with pytest.raises(InputError, match=r"pip install 'automl_nn\[mlflow\]'"):
        to_mlflow(store, study_id, name=NAME, uri="sqlite:///never.db")
