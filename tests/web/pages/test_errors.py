import numpy as np
import pytest
from scipy.special import expit

from automl_nn.errors import StorageError
from automl_nn.task.tasks import Binary
from automl_nn.web.pages.errors import errors_page

from ..conftest import STUDIES, begin_study, complete


@pytest.mark.parametrize("name", STUDIES)
def test_every_kind_of_study_has_an_errors_page(ask, ids, name):
    answer = ask(f"/automl/studies/{ids[name]}/errors")
    assert answer.status == 200
    assert "<img src=x" not in answer.text


def test_the_worst_rows_are_those_of_the_stored_outputs(results):
    found = results("binary")
    page, study_id = errors_page(found), found.store.study_id("binary")
    output, (row_ids, y) = found.validation(page.trial)[0], found.store.targets(study_id)
    negatives = np.flatnonzero(y[:, 0] == 0)
    order = negatives[np.argsort(-output[negatives, 0], kind="stable")]
    (alarms, misses) = page.lists
    assert alarms.rows["row"].tolist() == row_ids[order][: len(alarms.rows)].tolist()
    np.testing.assert_allclose(
        alarms.rows["probability of the truth"], expit(-output[order, 0])[: len(alarms.rows)], rtol=1e-5
    )
    assert set(misses.rows["row"]) <= set(row_ids[y[:, 0] == 1])
    assert page.n_rows == len(y)


def test_pixels_of_maps_are_not_called_rows(results, ask, ids):
    store, n_pixels = results("binary").store, 12
    y = np.tile([[0.0], [1.0]], (n_pixels // 2, 1))
    maps = {"height": 2, "width": 3, "names": ["ill"]}
    study_id = begin_study(store, "maps", Binary(("ill",), "average_precision", ("no", "yes")), y, maps=maps)
    complete(store, study_id, y.astype(np.float32))
    page = errors_page(results("maps"))
    assert (page.unit, page.n_rows, page.summary["pixels"].tolist()) == ("pixels", n_pixels, [n_pixels])
    assert all("image" in one.rows and one.note.startswith("Pixels with") for one in page.lists)
    assert errors_page(results("binary")).unit == "rows"
    assert errors_page(results("events")).unit == "steps"
    assert "12 pixels that choose" in ask(f"/automl/studies/{study_id}/errors").text


def test_events_and_false_alarms_are_listed_and_drawn_where_steps_have_labels(results):
    weak, strong = errors_page(results("events")).lists
    assert (weak.rows["length"] == 10).all()
    assert (weak.rows["step"] == 90).all()
    assert (strong.rows["step"] < 90).all()
    assert strong.rows["peak"].is_monotonic_decreasing
    assert weak.charts
    assert strong.charts
    for chart in (*weak.charts, *strong.charts):
        assert {series.name for series in chart.series} == {"probability", "label"}


def test_another_trial_can_be_looked_at(results, ask, ids):
    assert errors_page(results("tumours"), 0).trial == 0
    assert "Errors of trial 0" in ask(f"/automl/studies/{ids['tumours']}/errors?trial=0").text


def test_a_trial_that_does_not_exist_is_not_found(results, ask, ids):
    with pytest.raises(StorageError, match="no trial 77"):
        errors_page(results("tumours"), 77)
    assert ask(f"/automl/studies/{ids['tumours']}/errors?trial=77").status == 404
    assert ask(f"/automl/studies/{ids['tumours']}/errors?trial=x").status in (200, 400)


def test_trials_without_outputs_say_why(results, ids, ask):
    assert "complete yet" in errors_page(results("empty")).why_not
    page = errors_page(results("failed"), 0)
    assert "no stored outputs" in page.why_not
    assert ask(f"/automl/studies/{ids['failed']}/errors?trial=0").status == 200


def test_other_trials_are_asked_whether_they_are_wrong_too(results):
    page = errors_page(results("tumours"))
    found = results("tumours")
    y = found.store.targets(page.study_id)[1][:, 0]
    others = [number for number, _ in page.others if number != page.trial]
    wrong = sum((found.validation(number)[0][:, 0] >= 0) != y for number in others)
    by_row = dict(zip(found.store.targets(page.study_id)[0].tolist(), wrong.tolist(), strict=True))
    for one in page.lists:
        column = f"wrong in {len(others)} other trials"
        assert one.rows[column].tolist() == [by_row[row] for row in one.rows["row"]]
