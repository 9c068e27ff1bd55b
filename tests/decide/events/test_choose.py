from dataclasses import replace

import numpy as np
import pytest

from automl_nn.decide.decision import Decision
from automl_nn.decide.events.choose import choose_events, event_metrics
from automl_nn.decide.events.decision import EventCuts, decide_events
from automl_nn.decide.events.goals import describe_events, event_goal, event_utility
from automl_nn.decide.events.grid import axes_for, record, tally_triggers
from automl_nn.decide.events.rules import EVENT_RULES, EventSweep
from automl_nn.decide.events.trigger import Trigger
from automl_nn.decide.goal import Goal
from automl_nn.decide.utilities import UTILITIES, Constraints
from automl_nn.errors import DataError, DecisionError
from automl_nn.task.event_metrics import count_events
from automl_nn.task.events import Events
from automl_nn.task.tasks import Binary


def _series(n_series=30, n_steps=300, share=1.0, shift=2.0, seed=0, length=12):
    """Scores with one event in some of the series, and noise that follows itself."""
    rng = np.random.default_rng(seed)
    y = np.zeros((n_series, n_steps), dtype=np.float32)
    for row in np.flatnonzero(rng.random(n_series) < share):
        start = rng.integers(5, n_steps - length - 5)
        y[row, start : start + length] = 1
    noise = rng.normal(size=(n_series, n_steps))
    noise[:, 1:] = (noise[:, 1:] + noise[:, :-1]) / np.sqrt(2)
    return (noise + shift * y).ravel(), y.ravel(), np.arange(0, y.size + 1, n_steps)


def _choose(scores, y, offsets=None, *, goal=None, tolerance=2, n_bootstrap=20, **given):
    return choose_events(
        scores, y, goal=goal or Goal("f1"), tolerance=tolerance, offsets=offsets, n_bootstrap=n_bootstrap, **given
    )


def _tallied(scores, y, offsets, tolerance=2, cool_down=0):
    scores, y = scores.astype(np.float32), y.astype(np.float32)
    recording = record(scores, y, offsets=offsets, tolerance=tolerance, groups=None, rng=np.random.default_rng(0))
    axes = axes_for(recording, y, min_duration=None, merge_gap=None, cool_down=cool_down)
    return axes, tally_triggers(recording, axes)


@pytest.mark.parametrize("cool_down", [0, 30])
def test_every_trigger_of_the_grid_counts_what_it_finds_when_it_is_applied(cool_down):
    scores, y, offsets = _series(12)
    y[300:330] = np.nan
    axes, tally = _tallied(scores, y, offsets, cool_down=cool_down)
    n = np.prod(axes.shape)
    for index in np.random.default_rng(0).integers(n, size=60):
        counts = count_events(axes.trigger(index).find(scores.astype(np.float32), offsets=offsets), y, tolerance=2)
        at = np.unravel_index(index, axes.shape)
        assert (tally.alarms[at].sum(), tally.found[at].sum()) == (counts.n_alarms, counts.n_found)
        waited = counts.delay + axes.trigger(index).min_duration - 1
        assert tally.delay[at].sum() == np.maximum(waited, 0).sum()
    assert (tally.events.sum(), tally.known.sum()) == (np.sum(Events.of(y, offsets=offsets).length > 0), 12 * 300 - 30)
    assert tally.alarms[-1].max() == 0


def test_units_are_series_blocks_or_bundles_and_add_up():
    scores, y, offsets = _series(12)
    _, by_series = _tallied(scores, y, offsets)
    _, by_block = _tallied(scores, y, np.array([0, len(y)]))
    many = np.tile(scores, 45), np.tile(y, 45), np.arange(0, 45 * len(y) + 1, 300)
    _, by_bundle = _tallied(*many)
    assert (len(by_series.events), len(by_bundle.events)) == (12, 400)
    assert 20 < len(by_block.events) <= 225
    assert by_block.events.sum() == by_series.events.sum() == by_bundle.events.sum() / 45


def test_the_plain_threshold_is_the_best_of_all_by_brute_force():
    scores, y, offsets = _series(20, shift=3.0)
    scores = scores.round(1)
    cuts = np.unique(scores)
    best = max(count_events(Events.of(scores >= cut, offsets=offsets), y, tolerance=2).f1 for cut in cuts)
    choice = _choose(scores, y, offsets, rule="plain threshold")
    assert choice.metrics["f1"] >= best - 0.03
    assert (choice.trigger.low, choice.trigger.min_duration, choice.trigger.merge_gap) == (choice.trigger.high, 1, 0)
    assert choice.metrics_of_threshold["f1"] == choice.metrics["f1"]


def test_a_trigger_is_worth_more_than_a_threshold_where_noise_has_short_peaks():
    scores, y, offsets = _series(60)
    choice = _choose(scores, y, offsets)
    assert choice.metrics["f1"] > choice.metrics_of_threshold["f1"] + 0.1
    assert choice.utility_interval[0] < choice.utility < choice.utility_interval[1]
    assert choice.interval[0] <= choice.trigger.high <= choice.interval[1]
    assert choice.optimism > 0
    assert set(choice.out_of_bag) == set(EVENT_RULES)
    new = _series(200, seed=1)
    there = event_metrics(choice.trigger, new[0], y=new[1], offsets=new[2], tolerance=2)
    assert choice.utility_interval[0] - 0.05 < there["f1"] < choice.utility_interval[1] + 0.05


def test_no_promise_is_better_than_finding_every_event_without_a_false_alarm():
    scores, y, offsets = _series(30, shift=20.0)
    assert _choose(scores, y, offsets).utility_interval[1] == 1
    assert _choose(scores, y, offsets, goal=Goal(cost=(1, 5))).utility_interval[1] == 0


def test_a_monotone_transform_of_the_scores_changes_no_alarm():
    scores, y, offsets = _series(25)
    plain = _choose(scores, y, offsets)
    odd = _choose(np.exp(scores), y, offsets)
    alarms = [c.trigger.find(s, offsets=offsets).marks() for c, s in ((plain, scores), (odd, np.exp(scores)))]
    assert (alarms[0] == alarms[1]).all()
    assert plain.utility == pytest.approx(odd.utility)


def test_series_twice_keep_the_trigger_and_narrow_the_interval():
    scores, y, offsets = _series(30)
    once = _choose(scores, y, offsets, rule="best trigger", n_bootstrap=200)
    thrice = _choose(
        np.tile(scores, 3), np.tile(y, 3), np.arange(0, 3 * len(y) + 1, 300), rule="best trigger", n_bootstrap=200
    )
    assert thrice.metrics["f1"] == pytest.approx(once.metrics["f1"], abs=0.02)
    assert np.diff(thrice.utility_interval) < 0.8 * np.diff(once.utility_interval)


def test_the_order_of_the_series_does_not_matter():
    scores, y, offsets = _series(25)
    order = np.random.default_rng(0).permutation(25)
    turned = [part.reshape(25, -1)[order].ravel() for part in (scores, y)]
    plain = _choose(scores, y, offsets, rule="best trigger")
    other = _choose(*turned, offsets, rule="best trigger")
    assert (plain.trigger, plain.metrics["f1"]) == (other.trigger, other.metrics["f1"])


def test_alarms_stay_within_their_number_and_find_the_most_events():
    scores, y, offsets = _series(40)
    few, many = (_choose(scores, y, offsets, goal=Goal(max_alarms=n, n_periods=1)) for n in (15, 40))
    for n, choice in ((15, few), (40, many)):
        assert choice.metrics["found"] + choice.metrics["false_alarms"] <= n
    assert few.metrics["recall"] < many.metrics["recall"]
    assert "is not kept in" in "".join(few.warnings)


def test_dear_misses_lower_the_threshold_and_costs_are_those_of_1000_steps():
    scores, y, offsets = _series(40)
    cheap, dear = (_choose(scores, y, offsets, goal=Goal(cost=(1, fn)), rule="best trigger") for fn in (1, 30))
    assert dear.metrics["recall"] > cheap.metrics["recall"]
    cost = dear.metrics["false_alarms"] + 30 * dear.metrics["missed"]
    assert dear.utility + dear.optimism == pytest.approx(-cost / (len(y) / 1000))


def test_precision_and_recall_are_kept():
    scores, y, offsets = _series(40, shift=3.0)
    choice = _choose(scores, y, offsets, goal=Goal(min_recall=0.8))
    assert choice.metrics["recall"] >= 0.8
    choice = _choose(scores, y, offsets, goal=Goal(min_precision=0.9))
    assert choice.metrics["precision"] >= 0.9


def test_given_durations_are_kept_and_groups_are_drawn_as_a_whole():
    scores, y, offsets = _series(40)
    given = {"min_duration": 3, "merge_gap": 2, "cool_down": 20}
    choice = _choose(scores, y, offsets, **given)
    trigger = choice.trigger
    assert (trigger.min_duration, trigger.merge_gap, trigger.cool_down) == (3, 2, 20)
    grouped = _choose(scores, y, offsets, groups=np.arange(40) // 4)
    assert (
        grouped.trigger.high in (grouped.interval[0], grouped.interval[1]) or grouped.interval[0] < grouped.interval[1]
    )


def test_few_events_warn_and_fewer_are_refused():
    scores, y, offsets = _series(12)
    choice = _choose(scores, y, offsets)
    assert choice.warnings[0] == "Only 12 events: the trigger is uncertain; label 8 more."
    assert choice.out_of_bag == {}
    with pytest.raises(DecisionError, match="at least 5 events, but there are 4: label 1 more"):
        _choose(*_series(4)[:2])


def test_one_recording_is_drawn_in_blocks_and_says_so():
    scores, y, _ = _series(30)
    choice = _choose(scores, y)
    assert "Only 1 series" in choice.warnings[0]


def test_scores_that_know_nothing_are_promised_nothing():
    rng = np.random.default_rng(0)
    _, y, offsets = _series(40)
    choice = _choose(rng.random(len(y)) - 2 * y, y, offsets, goal=Goal(cost=(5, 1)))
    assert "never alarms" in choice.warnings[-1]
    assert choice.metrics["found"] + choice.metrics["false_alarms"] == 0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"goal": Goal("mcc")}, "true negatives"),
        ({"goal": Goal(cost=(1, 5, 0, 0.5))}, "true negatives"),
        ({"goal": Goal("recall", max_fpr=0.1)}, "true negatives"),
        ({"goal": Goal(min_precision=0.999, min_recall=0.999)}, "No trigger keeps"),
        ({"rule": "best triger"}, "Did you mean 'best trigger'"),
        ({"n_bootstrap": 3}, "n_bootstrap = 3"),
        ({"min_duration": 0}, "min_duration = 0"),
        ({"merge_gap": -1}, "merge_gap = -1"),
        ({"tolerance": 1.5}, "tolerance = 1.5"),
        ({"groups": [1, 2]}, "one for each of the 20 series"),
        ({"scores": np.full(6000, np.inf)}, "not finite"),
        ({"y": np.ones(6000)}, "there is no false alarm"),
        ({"offsets": [0, 5]}, "do not part"),
        ({"y": np.full(6000, 2.0)}, "neither 0 nor 1"),
    ],
)
def test_what_cannot_be_decided_is_refused(change, part):
    scores, y, offsets = _series(20)
    given = {"scores": scores, "y": y, "goal": Goal("f1"), "tolerance": 2, "offsets": offsets} | change
    with pytest.raises((DecisionError, DataError), match=part):
        choose_events(given.pop("scores"), given.pop("y"), **given)


def test_goals_are_named_in_events():
    assert event_goal("f2") == event_goal("event_f2") == Goal("f2")
    with pytest.raises(DecisionError, match="Did you mean 'event_f1'"):
        event_goal("event_f11")
    with pytest.raises(DecisionError, match="Unknown utility 'mcc'"):
        event_goal("mcc")
    assert describe_events(Goal("f1", min_recall=0.5)) == "event_f1 with recall >= 0.5"
    assert event_utility(Goal(max_alarms=3, n_periods=2)) is UTILITIES["recall"]


def _alike(scores, *, n_series=6):
    """Series of one event each with these scores; those of other steps are from 0 to 1."""
    marked = np.zeros((n_series, 300), dtype=np.float32)
    marked[:, 100 : 100 + len(scores)] = 1
    values = np.random.default_rng(0).uniform(size=marked.shape)
    values[:, 100 : 100 + len(scores)] = scores
    return values.ravel(), marked.ravel(), np.arange(0, marked.size + 1, 300)


def test_of_equal_triggers_one_that_bridges_gaps_goes_before_one_that_drops_short_alarms():
    scores, y, offsets = _alike([5, -5] + 10 * [5])
    trigger = _choose(scores, y, offsets, rule="best trigger").trigger
    dropping = Trigger(3.0, 3.0, min_duration=2)
    both = (event_metrics(one, scores, y=y, offsets=offsets, tolerance=2) for one in (trigger, dropping))
    assert [found["f1"] for found in both] == [1, 1]
    assert (trigger.min_duration, trigger.merge_gap) == (1, 2)


@pytest.mark.parametrize("rule", ["best trigger", "smoothed trigger", "broad plateau", "plain threshold"])
def test_of_equal_triggers_the_one_that_alarms_soonest_is_taken(rule):
    rising = np.linspace(1.0, 10.0, 40)  # every threshold from -5 to 10 finds all events, and nothing else
    scores, y, offsets = _alike(rising.tolist())
    metrics = _choose(scores, y, offsets, rule=rule).metrics
    assert metrics["f1"] == 1
    assert metrics["mean_delay"] <= 6
    cut_off = np.concatenate([part[:110] for part in scores.reshape(-1, 300)])  # recordings end early in the event
    trigger = _choose(scores, y, offsets, rule=rule).trigger
    assert len(trigger.find(cut_off, offsets=np.arange(0, len(cut_off) + 1, 110))) == len(offsets) - 1


def test_few_events_bridge_a_gap_as_long_as_they_are_only_where_constraints_ask_for_it():
    scores, y, offsets = _alike(5 * [5] + 30 * [-5] + 5 * [5])
    usual = 40 + 2 * 2
    assert _choose(scores, y, offsets, rule="best trigger").trigger.merge_gap == usual
    assert _choose(scores, y, offsets).trigger.merge_gap <= usual / 2
    bound = _choose(scores, y, offsets, goal=Goal("precision", min_recall=0.9, min_precision=0.9))
    assert (bound.rule, bound.trigger.merge_gap, bound.metrics["precision"]) == ("broad plateau", usual, 1)


def test_equal_triggers_are_settled_by_the_simplest():
    scores, y, offsets = _series(10, shift=50.0)
    axes, tally = _tallied(scores, y, offsets)
    sweep = EventSweep(tally, np.ones((1, len(tally.events))), UTILITIES["f1"], Constraints())
    trigger = axes.trigger(int(EVENT_RULES["best trigger"](sweep)[0]))
    assert (trigger.min_duration, trigger.merge_gap) == (1, 0)
    assert trigger.low == trigger.high


def test_a_decision_of_steps_comes_back_from_json_and_marks_its_alarms():
    scores, y, offsets = _series(30, shift=4.0)
    task = Binary(("fault",), "average_precision")
    decision = decide_events(task, scores[:, None] - 3, y[:, None], tolerance=2, offsets=offsets)
    again = Decision.from_json(decision.to_json())
    assert isinstance(again, EventCuts)
    assert again == decision
    marks = again.apply(scores[:, None] - 3, offsets=offsets)
    counts = count_events(Events.of(marks, offsets=offsets), y, tolerance=2)
    assert counts.f1 == pytest.approx(decision.choice.metrics["f1"], abs=0.05)
    low, high = decision.thresholds[::-1]
    assert 0 < low <= high < 1
    curve = decision.curve(scores[:, None] - 3, y[:, None], offsets=offsets)
    assert curve["utility"].max() <= decision.utility + decision.choice.optimism + 0.05
    assert decision.probability(scores[:, None]).sum(axis=1) == pytest.approx(1)


def test_decisions_of_steps_refuse_what_they_cannot_read():
    scores, y, offsets = _series(20)
    task = Binary(("fault",), "average_precision")
    with pytest.raises(DecisionError, match="one for each step"):
        decide_events(task, scores, y, tolerance=2)
    with pytest.raises(DecisionError, match="1 steps have an output that is not finite"):
        decide_events(task, np.r_[np.nan, scores[1:]][:, None], y[:, None], tolerance=2)
    decision = decide_events(task, scores[:, None], y[:, None], tolerance=2, offsets=offsets, n_bootstrap=20)
    with pytest.raises(DecisionError, match="needs a goal and an event"):
        replace(decision, goal=None).curve(scores[:, None], y[:, None])


def test_metrics_of_a_trigger_are_as_by_hand():
    found = event_metrics(Trigger(2, 1), [0, 2, 1, 0, 2, 0], y=[0, 0, 1, 0, 0, 0], offsets=None, tolerance=0)
    assert (found["found"], found["false_alarms"], found["missed"], found["mean_delay"]) == (1, 1, 0, -1)
