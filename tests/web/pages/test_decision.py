import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from automl_nn.decide.goal import Goal
from automl_nn.decide.label_decision import Cuts
from automl_nn.errors import DecisionError
from automl_nn.results.stored import StoredResults
from automl_nn.web.pages.asked import Asked, aims
from automl_nn.web.pages.decision import decision_page, weigh


@pytest.fixture
def results_of(url):
    opened = {}

    def results(name):
        opened[name] = StoredResults(name, storage=url)
        return opened[name]

    yield results
    for one in opened.values():
        one.store.close()


def test_every_stop_of_the_hand_gives_what_scikit_learn_computes(results_of):
    results = results_of("binary")
    decider = results.decider()
    view = decision_page(results).weighed.threshold
    logits = decider.weigh().calibration.apply(decider.output)[:, 0]
    y = decider.y[:, 0]
    for row in view.curve.iloc[1:-1:37].to_dict("records"):
        marked = logits >= row["logit"]
        assert [row[name] for name in ("tn", "fp", "fn", "tp")] == confusion_matrix(y, marked).ravel().tolist()
        assert row["precision"] == pytest.approx(precision_score(y, marked, zero_division=0))
        assert row["recall"] == pytest.approx(recall_score(y, marked))
        assert row["f1"] == pytest.approx(f1_score(y, marked))


def test_the_hand_begins_at_the_best_threshold(results_of):
    page = decision_page(results_of("binary"))
    view, cut = page.weighed.threshold, page.weighed.decision.cuts[0]
    assert view.curve["logit"].is_monotonic_increasing
    assert view.here["logit"] == cut.logit
    assert {name: view.here[name] for name in ("tp", "fp", "fn", "tn")} == {
        name: cut.metrics[name] for name in ("tp", "fp", "fn", "tn")
    }


def test_the_cost_is_that_of_the_errors(results_of):
    view = decision_page(results_of("binary"), Asked(aim="cost", fp="2", fn="30")).weighed.threshold
    assert view.cost == 2 * view.here["fp"] + 30 * view.here["fn"]
    assert min(view.price.series[0].y) == pytest.approx((2 * view.curve["fp"] + 30 * view.curve["fn"]).min())


def test_what_is_asked_becomes_the_goal():
    assert Asked().goal() is None
    assert Asked(aim="mcc", min_recall="0.9", top_k="7").goal() == Goal("mcc", min_recall=0.9, top_k=7)
    assert Asked(aim="cost", fn="50").goal() == Goal(cost=(1.0, 50.0))
    assert Asked(aim="limits", min_precision="0.8").goal() == Goal(min_precision=0.8)
    assert Asked(aim="f1", max_alarms="3").goal(n_days=10.0) == Goal("f1", max_alarms=3.0, n_periods=10.0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Asked(aim="nonsense"), "Unknown utility 'nonsense'"),
        (Asked(aim="f1", min_recall="much"), "'much' is no number"),
        (Asked(aim="f1", min_recall="nan"), "'nan' is no number"),
        (Asked(aim="f1", min_recall="7"), "above 0 and at most 1"),
        (Asked(aim="cost", fp="-1"), "0 or more"),
        (Asked(aim="f1", top_k="1.5"), "whole number"),
        (Asked(aim="f1", max_alarms="3"), "need rows with dates"),
        (Asked(trial="99"), "no trial 99"),
        (Asked(trial="-1"), "is no trial"),
        (Asked(trial="²"), "is no trial"),
        (Asked(aim="limits", min_precision="1", min_recall="1"), "No threshold keeps"),
    ],
)
def test_what_is_impossible_is_said_on_the_page_with_the_form(results_of, asked, words):
    page = decision_page(results_of("binary"), asked)
    assert words in page.refusal
    assert page.is_wrong
    assert page.weighed is None
    assert page.form.asked == (asked if asked.aim else Asked(aim="f1", trial=asked.trial))


@pytest.mark.parametrize("name", ["empty", "failed", "running"])
def test_a_study_without_a_complete_trial_says_so_and_is_not_wrong(results_of, name):
    page = decision_page(results_of(name))
    assert "No trial" in page.refusal
    assert not page.is_wrong


def test_every_kind_of_task_has_its_page(results_of):
    assert decision_page(results_of("regression")).refusal.startswith("There is nothing to decide")
    several = decision_page(results_of("multilabel"), Asked(label="b")).weighed
    assert several.threshold.name == "b"
    assert len(several.labels) == 3
    classes = decision_page(results_of("multiclass")).weighed
    assert classes.threshold is None
    assert classes.confusion["argmax"].to_numpy().sum() == classes.report["n_rows"]
    events = decision_page(results_of("events"), Asked(unit="events")).weighed
    assert events.report["n_series"] == 30
    titles = [chart.title for chart in events.alarms]
    assert [any(kind in title for title in titles) for kind in ("found", "false alarm", "missed")] == [
        events.report["metrics"]["with_trigger"][name] > 0 for name in ("found", "false_alarms", "missed")
    ]
    score, event, alarm = events.alarms[0].series
    at = alarm.y.index(1.06)
    assert event.y[at] == 1
    assert score.y[at] >= events.report["threshold_low"] == events.alarms[0].levels[-1].value


def test_every_aim_that_is_offered_can_be_reached(results_of):
    for name in ("binary", "multilabel", "multiclass"):
        results = results_of(name)
        decider = results.decider()
        for aim in aims(results.task):
            asked = Asked(aim=aim, min_recall="0.5") if aim == "limits" else Asked(aim=aim)
            assert weigh(results, asked, decider).goal == asked.goal()
    events = results_of("events")
    decider = events.decider()
    for aim in aims(events.task, unit="events"):
        asked = Asked(aim=aim, min_recall="0.5" if aim == "limits" else "", unit="events")
        assert weigh(events, asked, decider).goal == asked.goal()


def test_the_command_repeats_the_decision(results_of, capsys, url):
    from automl_nn.cli.app import main

    asked = Asked(aim="cost", fp="1", fn="50", min_precision="0.3")
    page = decision_page(results_of("tumours"), asked)
    words = page.weighed.command.split()
    assert main([*words[1:3], *words[3 : words.index("-o")], "--storage", url, "-f", "json"]) == 0
    assert f'"threshold": {page.weighed.report["threshold"]}' in capsys.readouterr().out


def test_only_a_single_threshold_can_be_set_by_hand(results_of):
    results = results_of("multiclass")
    with pytest.raises(DecisionError, match="no single threshold"):
        weigh(results, Asked(), results.decider(), logit=0.0)
    binary = results_of("binary")
    moved = weigh(binary, Asked(), binary.decider(), logit=0.0)
    assert isinstance(moved, Cuts)
    assert moved.cuts[0].rule == "set by hand"


def test_saved_decisions_are_shown_newest_first_and_old_ones_do_not_break_the_page(results_of, url):
    results = results_of("tumours")
    results.store.add_decision(results.study_id, run_id=None, spec={}, result={"family": "of another age"})
    saved = decision_page(results).saved
    assert [one.number for one in saved] == sorted((one.number for one in saved), reverse=True)
    assert saved[0].goal.startswith("unreadable")
    assert saved[1].goal == "cost(fp=1, fn=20)"
    assert np.isfinite(saved[1].place).all()
