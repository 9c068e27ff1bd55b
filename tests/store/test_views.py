import re
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import inspect, text

from automl_nn.data.findings import Finding
from automl_nn.errors import StorageError
from automl_nn.space.draw import flatten
from automl_nn.store.claims import Worker
from automl_nn.store.companions import ReferenceRow
from automl_nn.store.records import EpochRow, Outcome, SpikeRow
from automl_nn.store.store import Store
from automl_nn.store.views import PREFIX, views

README = Path(__file__).parent.parent.parent / "dashboards" / "README.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
SPEC = {"task": {"kind": "binary", "metric": "roc_auc"}, "data": {"n_rows": 398}, "seed": 0}
CONFIG = {
    "model": {
        "backbone": {"name": "mlp", "n_blocks": 2, "d_block": 64},
        "activation": {"name": "selu"},
        "dropout": {"name": "alpha", "rate": 0.25},
    },
    "train": {"batch_size": 32, "optimizer": {"name": "adamw", "lr": 0.0078125}, "ages": [1, 2], "precision": None},
}


def epoch(number, score, *, spikes=()):
    numbers = {"train_loss": 0.5, "val_loss": 0.75, "score": score, "train_score": score + 0.125, "learning_rate": 1e-3}
    norms = {"grad_norm_median": 1.0, "grad_norm_p90": 2.0, "grad_norm_max": 4.0, "clipped": 0.25, "skipped": 1}
    metrics = {"val": {"roc_auc": score, "average_precision": None}, "train": {"roc_auc": score + 0.125}}
    pace = {"seconds": 0.5, "rows_per_second": 100.0}
    return EpochRow(number=number, metrics=metrics, spikes=spikes, **numbers, **norms, **pace)


@pytest.fixture
def filled(store):
    """A store with a study that has something for every view, and an empty one."""
    study_id = store.open_study("demo", spec=SPEC)
    for number, (state, score) in enumerate(
        [("complete", 0.5), ("complete", 0.75), ("pruned", 0.875), ("failed", 0.25)]
    ):
        claim = store.claim(study_id, n_trials=None, worker=Worker.this())
        store.begin(claim, config=CONFIG if number else {"model": {"backbone": {"name": "resnet"}}}, seed=number)
        store.report(claim, epoch(1, score / 2))
        store.report(claim, epoch(2, score, spikes=[SpikeRow(3, "loss", 9.0, [4, 5, 6])]))
        if state == "failed":
            store.fail(claim, ValueError("it's 100 % gone"), seconds=2.0)
        else:
            store.finish(claim, Outcome(state, score, seconds=2.0, best_epoch=2))
        if number == 1:
            decide(store, study_id, claim)
    store.claim(study_id, n_trials=None, worker=Worker.this())
    store.put_reference(study_id, ReferenceRow("linear", "complete", 0.875, {}, 0.1, 300, 31))
    store.put_reference(study_id, ReferenceRow("boosting", "skipped", message="no time"))
    store.put_findings(study_id, [Finding("classes", "note", "", "rare"), Finding("id", "warning", "zip", "an id")])
    store.open_study("empty", spec={})
    return store


def decide(store, study_id, claim):
    cut = {"interval": [0.25, 0.5], "utility_interval": [-3.0, -1.0], "metrics": {"precision": 0.5, "tp": 7.0}}
    spec = {"cost": [1.0, 10.0], "maximize": None, "members": {"0": 0.5, "1": 0.5}}
    numbers = {"threshold": 0.375, "utility": -2.0}
    store.add_decision(study_id, run_id=None, spec=spec, result={"family": "labels", "cuts": [cut]}, **numbers)
    several = {"family": "labels", "cuts": [cut, cut]}
    store.add_decision(study_id, run_id=claim.run_id, spec={"maximize": "f1"}, result=several, utility=0.5)


def select(store, query, **values):
    def ask(connection):
        found = connection.execute(text(query), values)
        return pd.DataFrame(found.all(), columns=list(found.keys()))

    return store.read(ask)


def view(store, name, order):
    return select(store, f"SELECT * FROM {PREFIX}{name} WHERE study = 'demo' ORDER BY {order}")


def test_trials_are_those_of_the_store_with_their_knobs(filled):
    got, expected = view(filled, "trials", "trial"), filled.trials(filled.study_id("demo"))
    for name in ("state", "score", "seconds", "best_epoch", "failure", "message", "seed"):
        pd.testing.assert_series_equal(got[name], expected[name], check_dtype=False)
    assert got["trial"].tolist() == [0, 1, 2, 3, 4]
    assert got["place"].tolist()[:2] == [2, 1]
    assert got["place"].isna().tolist() == [False, False, True, True, True]
    knobs = ["backbone", "n_blocks", "d_block", "dropout", "batch_size", "optimizer", "learning_rate"]
    assert got.loc[1, knobs].tolist() == ["mlp", 2, 64, 0.25, 32, "adamw", 0.0078125]
    assert got["initializer"].isna().all()


def test_knobs_are_the_config_by_path(filled):
    got = view(filled, "knobs", "trial, knob").query("trial == 1").set_index("knob")
    expected = {path: value for path, value in flatten(CONFIG).items() if value is not None}
    assert set(got.index) == set(expected)
    assert got["number"].dropna().to_dict() == {k: v for k, v in expected.items() if isinstance(v, int | float)}
    assert got.loc["model.backbone.name", "value"] == "mlp"
    assert got.loc["train.ages", "value"].replace(" ", "") == "[1,2]"
    assert got["score"].unique().tolist() == [0.75]


def test_epochs_and_metrics_are_those_of_the_store(filled):
    got, expected = view(filled, "epochs", "trial, epoch"), filled.epochs(filled.study_id("demo"))
    names = ["trial", "epoch", "score", "val_loss", "grad_norm_max", "clipped", "skipped", "learning_rate", "seconds"]
    pd.testing.assert_frame_equal(got[names], expected[names], check_dtype=False)
    assert got["gap"].tolist() == [0.125] * 8
    assert got["is_best"].tolist() == [0, 1, 0, 1, 0, 1, 0, 0]
    metrics = view(filled, "metrics", "trial, epoch, part, metric").query("trial == 1 and epoch == 2")
    assert metrics[["part", "metric", "value"]].fillna(-1).values.tolist() == [
        ["train", "roc_auc", 0.875],
        ["val", "average_precision", -1],
        ["val", "roc_auc", 0.75],
    ]


def test_failures_say_how_far_a_trial_came(filled):
    (row,) = view(filled, "failures", "trial").to_dict("records")
    assert (row["trial"], row["failure"], row["message"]) == (3, "ValueError", "it's 100 % gone")
    assert (row["n_epochs"], row["grad_norm_max"], row["skipped"]) == (2, 4.0, 2)


def test_decisions_have_their_numbers_where_there_is_one_threshold(filled):
    one, several = view(filled, "decisions", "decision").to_dict("records")
    assert (one["cost_fp"], one["cost_fn"], one["threshold"], one["utility"]) == (1.0, 10.0, 0.375, -2.0)
    assert (one["threshold_low"], one["threshold_high"], one["utility_low"]) == (0.25, 0.5, -3.0)
    assert (one["precision"], one["tp"], one["family"]) == (0.5, 7.0, "labels")
    assert pd.isna(one["trial"])
    assert pd.isna(one["maximize"])
    assert (several["trial"], several["maximize"], several["utility"]) == (1, "f1", 0.5)
    assert pd.isna(several["precision"])


def test_references_spikes_and_findings_are_those_of_the_store(filled):
    references = view(filled, "references", "reference")
    assert references[["reference", "state", "best_score"]].values.tolist() == [
        ["boosting", "skipped", 0.75],
        ["linear", "complete", 0.75],
    ]
    assert pd.isna(references["better"][0])
    assert references["better"][1] == 0
    spikes = view(filled, "spikes", "trial")
    assert spikes[["trial", "epoch", "step", "kind", "value", "n_rows"]].values.tolist()[1] == [1, 2, 3, "loss", 9.0, 3]
    findings = view(filled, "findings", "level")
    assert findings["column"].tolist() == ["", "zip"]


def test_studies_count_their_trials(filled):
    demo, empty = select(filled, f"SELECT * FROM {PREFIX}studies ORDER BY study").to_dict("records")
    counts = ("n_trials", "n_complete", "n_pruned", "n_failed", "n_running")
    assert [demo[name] for name in counts] == [5, 2, 1, 1, 1]
    assert (demo["best_score"], demo["best_trial"], demo["seconds"]) == (0.75, 1, 8.0)
    assert (demo["task"], demo["metric"], demo["n_rows"]) == ("binary", "roc_auc", 398)
    assert [empty[name] for name in counts] == [0] * 5
    assert pd.isna(empty["best_trial"])


def test_every_question_of_the_readme_has_an_answer(filled):
    for query in QUERIES:
        assert not select(filled, query).empty, query


def test_the_readme_names_every_view():
    named = set(re.findall(rf"{PREFIX}\w+", README.read_text(encoding="utf-8")))
    assert named == set(views("sqlite")) == set(views("postgresql"))


def test_both_databases_have_the_same_columns_and_explain_them(filled):
    for name, told in views("sqlite").items():
        columns = set(select(filled, f"SELECT * FROM {name}").columns)
        body = told.partition("SELECT\n")[2]
        assert all(re.search(rf"\b{column}\b", body) for column in columns)
        assert told.startswith("-- One row")


def to_older(store, version):
    """Bring a database back to how an earlier version left it."""

    def undo(connection):
        for name in views(connection.dialect.name):
            connection.exec_driver_sql(f"DROP VIEW {name}")
        connection.exec_driver_sql(f"CREATE VIEW {PREFIX}of_old AS SELECT 1 AS one")
        connection.exec_driver_sql(f"UPDATE automl_version SET version_num = '{version}'")

    store._write(undo)
    store.close()


def test_a_store_of_an_earlier_version_gets_the_views_when_it_is_opened(filled, url):
    to_older(filled, "0002")
    with Store.existing(url) as old:
        assert old.study_names() == ["demo", "empty"]
    with Store(url) as new:
        assert len(view(new, "trials", "trial")) == 5
        assert set(new.read(lambda connection: inspect(connection).get_view_names())) == set(views("sqlite"))


def test_who_only_reads_says_that_a_store_is_too_old(filled, url):
    to_older(filled, "0001")
    with pytest.raises(StorageError, match=r"schema '0001' of an older automl_nn"):
        Store.existing(url)
