import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from automl_nn.data.findings import Finding
from automl_nn.web.pages.data import data_page, parting_words

from ..conftest import HOSTILE, STUDIES


@pytest.mark.parametrize("name", STUDIES)
def test_every_kind_of_study_has_a_data_page(ask, ids, name):
    answer = ask(f"/automl/studies/{ids[name]}/data")
    assert answer.status == 200
    assert "<img src=x" not in answer.text


def test_class_counts_and_parts_are_those_of_the_data(results):
    page = data_page(results("tumours"))
    y = load_breast_cancer().target
    assert (page.n_rows, page.n_train + page.n_val) == (len(y), len(y))
    counts = page.labels.set_index("class")[["train", "val"]].sum(axis=1)
    assert counts.to_dict() == {"malignant": int((y == 0).sum()), "benign": int((y == 1).sum())}
    assert (page.labels_are_of, len(page.columns)) == ("all", 30)
    assert all(column.n_missing == 0 for column in page.columns)


@pytest.mark.parametrize("name", ["binary", "multiclass", "multilabel"])
def test_of_a_study_that_stored_less_the_rows_that_choose_are_counted(results, name):
    page, y = data_page(results(name)), results(name).store.targets(results(name).store.study_id(name))[1]
    expected = y.sum(axis=0) if name == "multilabel" else np.bincount(y[:, 0].astype(int))
    assert page.labels["val"].tolist() == expected.tolist()
    assert (page.labels_are_of, page.n_train) == ("val", None)


def test_a_quantity_is_drawn_and_described_in_its_own_unit(results):
    page, y = data_page(results("regression")), results("regression").store.targets(5)[1]
    found = results("regression")
    y = found.store.targets(found.store.study_id("regression"))[1]
    assert page.labels["lowest"].iloc[0] == pytest.approx(float(y.min()))
    (chart,) = page.targets
    assert sum(chart.series[0].y) == len(y)


def test_the_gravest_finding_comes_first_and_is_escaped(results, ids, ask):
    store = results("empty").store
    store.put_findings(
        ids["empty"],
        [
            Finding("a", "note", "x", "small"),
            Finding("b", "error", HOSTILE, HOSTILE),
            Finding("c", "warning", "", "look"),
        ],
    )
    assert [line.level for line in data_page(results("empty")).findings] == ["error", "warning", "note"]
    assert "<img src=x" not in ask(f"/automl/studies/{ids['empty']}/data").text


@pytest.mark.parametrize(
    ("parting", "words"),
    [
        ({"val_share": 0.2, "folds": 1}, "drawn at random"),
        ({"val_share": 0.2, "folds": 5}, "5 folds"),
        ({"val_share": 0.2, "folds": None}, "Folds where"),
        ({"val_share": 0.25, "folds": 1, "group": "site"}, "'site' stay together"),
        ({"val_share": 0.25, "folds": 1, "time": "day", "gap": "7D"}, "latest rows by 'day'"),
        ({}, "row"),
    ],
)
def test_the_parting_is_told_in_a_sentence(parting, words):
    assert words in parting_words(parting)
    assert parting_words(parting).endswith(".")


def test_series_are_told_in_a_sentence(results):
    assert "ordered by 'minute'" in data_page(results("events")).series
    assert data_page(results("binary")).series == ""
