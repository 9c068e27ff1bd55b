"""Series that are parted whole, in folds, by groups and by time, and what is trained of them in one stack."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.parting.split import Split
from automl_nn.data.series.split import split_series
from automl_nn.data.series.steps import SeriesColumns, Steps
from automl_nn.decide.events.stored import weigh_events
from automl_nn.errors import SplitError
from automl_nn.model.backbones import SEQUENCES, TOLD, WHOLE
from automl_nn.search.attempt import Attempt
from automl_nn.search.encodings import Encodings
from automl_nn.search.problems.parting import Parting
from automl_nn.search.problems.series import pose_steps
from automl_nn.search.spaces.default import edit_space
from automl_nn.search.spaces.series import step_space
from automl_nn.space.draw import defaults
from automl_nn.study import Study
from automl_nn.train.trained import several_from_bytes

QUICK = {"train.n_epochs": 1, "train.n_windows": 32, "model.backbone.d_block": 8}


def frame_of(classes, *, n_steps=40):
    """A series of noise for each class given; the class is that of all its steps."""
    rng, classes = np.random.default_rng(0), np.asarray(classes)
    s = np.repeat(np.arange(len(classes)), n_steps)
    return pd.DataFrame({"s": s, "x": rng.normal(size=len(s)) + classes[s], "y": classes[s]})


def problem_of(*, per_step, n_series=12, **parting):
    frame = frame_of(np.arange(n_series) % 2).assign(site=lambda frame: frame["s"] // 3)
    if "group" not in parting:
        frame = frame.drop(columns="site")
    return pose_steps(frame, ["y"], SeriesColumns("s", per_step=per_step), parting=Parting(**parting))


def attempt_of(problem, name, *, seeds=(0, 1)):
    own = {"model.backbone.name": name} | ({"model.backbone.n_features": 840} if name == "minirocket" else {})
    knobs = {path: value for path, value in QUICK.items() if name != "minirocket" or "d_block" not in path}
    config = defaults(edit_space(step_space(problem), knobs | own))
    return Attempt(Encodings(problem), [config] * len(seeds), seeds=list(seeds))


def finished(attempt, trial=0):
    list(attempt.epochs(seconds=60))
    return attempt.outcome(trial, "complete", stopped=None)


@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("group", [None, "site"])
def test_every_series_chooses_once_and_never_where_it_trains(per_step, group):
    problem = problem_of(per_step=per_step, folds=3, group=group)
    own = problem.steps.numbers // 3 if group else problem.steps.numbers
    assert sorted(problem.split.val) == list(range(problem.table.n_rows))
    for fold in problem.folds:
        assert not set(own[fold.train]) & set(own[fold.val])


@pytest.mark.parametrize(
    ("name", "per_step"), [*((n, True) for n in (*SEQUENCES, *TOLD)), *((n, False) for n in WHOLE)]
)
def test_a_step_is_predicted_by_the_network_that_has_not_seen_its_series(name, per_step):
    problem = problem_of(per_step=per_step, folds=3)
    outcome = finished(attempt_of(problem, name), 1)
    outputs = []
    for network, fold in zip(several_from_bytes(outcome.payload), problem.folds, strict=True):
        outputs.append(network.output(problem.table.take(fold.val), starts=problem.steps.stretches(fold.val)))
    np.testing.assert_allclose(outcome.output, np.concatenate(outputs), atol=1e-4)


def test_folds_of_series_in_a_stack_read_the_windows_that_they_read_alone():
    problem = problem_of(per_step=True, folds=3)
    together = attempt_of(problem, "tcn", seeds=(5,))._training._batches.epoch()
    alone = [
        attempt_of(replace(problem, split=Split(fold.train, fold.val)), "tcn", seeds=(5 + place,))
        for place, fold in enumerate(problem.folds)
    ]
    epochs = [attempt._training._batches.epoch() for attempt in alone]
    for batch, *own in zip(together, *epochs, strict=True):
        for place, single in enumerate(own):
            torch.testing.assert_close(batch.targets.y[place], single.targets.y[0])
            torch.testing.assert_close(batch.targets.weight[place], single.targets.weight[0])
            torch.testing.assert_close(batch.dense[place], single.dense[0])


def test_few_short_series_are_crossed_and_many_or_long_ones_are_not():
    assert len(problem_of(per_step=False, folds=None).folds) == 5
    assert len(problem_of(per_step=True, folds=None).folds) == 5
    assert len(problem_of(per_step=True, n_series=40, folds=None).folds) == 1
    assert len(problem_of(per_step=False, folds=1).folds) == 1


def test_a_class_of_one_series_trains_and_does_not_choose():
    frame = frame_of([0, 1, 2, *[0, 1] * 8])
    for folds in (1, 3):
        problem = pose_steps(frame, ["y"], SeriesColumns("s", per_step=False), parting=Parting(folds=folds))
        rare = np.flatnonzero(frame["y"] == 2)
        assert not np.isin(rare, problem.split.val).any()
        for fold in problem.folds:
            assert np.isin(rare, fold.train).all()
        assert any("Class 2 lies in no series that chooses" in one.message for one in problem.findings)


def test_positives_of_one_series_alone_are_refused_where_series_have_labels():
    for folds in (1, 3):
        with pytest.raises(SplitError, match="Class 1 is in 1 series only"):
            pose_steps(
                frame_of([0, 1, 0, 0, 0]), ["y"], SeriesColumns("s", per_step=False), parting=Parting(folds=folds)
            )


def test_positives_of_one_series_alone_part_all_series_by_time():
    frame = frame_of([0] * 4, n_steps=400)
    frame.loc[(frame["s"] == 2) & (frame.index % 50 < 3), "y"] = 1
    problem = pose_steps(frame, ["y"], SeriesColumns("s"))
    y, numbers = problem.y[:, 0], problem.steps.numbers
    assert y[problem.split.train].sum() > 0 < y[problem.split.val].sum()
    assert set(numbers[problem.split.train]) == set(numbers[problem.split.val]) == {0, 1, 2, 3}
    (parted,) = (one.message for one in problem.findings if "parted by time" in one.message)
    assert "--refit" in parted  # the newest steps train nothing otherwise
    assert "few_choose" not in {one.kind for one in problem.findings}  # folds would be of whole series


def test_series_are_crossed_where_a_few_long_ones_would_choose():
    def posed(sizes, folds=None):
        s = np.repeat(np.arange(len(sizes)), sizes)
        frame = pd.DataFrame({"s": s, "x": np.sin(np.arange(len(s))), "y": np.arange(len(s)) % 10 == 0})
        return pose_steps(frame, ["y"], SeriesColumns("s"), parting=Parting(folds=folds))

    def n_that_choose(problem):
        return len(np.unique(problem.steps.numbers[problem.split.val]))

    sizes = [200] * 12 + [1000] * 9
    assert n_that_choose(posed(sizes, folds=1)) == 3
    assert len(posed(sizes).folds) == 5
    assert n_that_choose(posed(sizes)) == 21
    assert len(posed([500] * 21).folds) == 1


def recording():
    """One recording of 1,200 steps with an event in every hundred, and an unknown label."""
    frame = frame_of([0], n_steps=1200)
    frame.loc[frame.index % 100 < 10, "y"] = 1
    frame.loc[50, "y"] = np.nan
    return frame.assign(x=frame["x"] + 3 * (frame["y"] == 1))


def test_a_recording_in_blocks_is_judged_once_by_networks_that_learned_nothing_near():
    problem = pose_steps(recording(), ["y"], SeriesColumns("s"), parting=Parting(folds=4))
    assert problem.split.val.tolist() == list(range(1200))
    for k, fold in enumerate(problem.folds):
        assert fold.val.tolist() == list(range(300 * k, 300 * (k + 1)))
        near = np.abs(fold.train[:, None] - fold.val).min(axis=1)
        assert near.min() == 151  # 1,200 steps have windows of 150 at most
        assert len(fold.train) == 900 - 150 * (1 if k in (0, 3) else 2)
    (blocks,) = (one.message for one in problem.findings if one.kind == "blocks")
    assert "4 blocks of time" in blocks


def test_all_events_of_a_recording_in_blocks_choose_when_to_alarm():
    study = Study(
        recording(), "y", series=SeriesColumns("s"), parting=Parting(folds=3), settings=QUICK, storage="sqlite://"
    )
    study.tune(n_trials=1, references=False)
    decider = study.step_decider()
    assert len(decider.output) == 1200
    assert weigh_events(decider, n_bootstrap=10).choice.n_events == 12
    assert np.isfinite(study.predictor().output(recording().drop(columns="y"))).all()


@pytest.mark.parametrize(
    ("gap", "said"),
    [(0, "Beside block 1 of 2 train 0 steps of class 1"), (600, "Beside block 1 of 2 no step trains")],
)
def test_blocks_that_leave_nothing_to_learn_are_refused(gap, said):
    frame = frame_of([0], n_steps=1200)
    frame.loc[:5, "y"] = 1
    with pytest.raises(SplitError, match=said):
        pose_steps(frame, ["y"], SeriesColumns("s"), parting=Parting(folds=2, gap=gap))


def test_few_events_that_choose_are_said_with_a_way_out():
    many = recording()
    (few,) = (one for one in pose_steps(many, ["y"], SeriesColumns("s")).findings if one.kind == "few_choose")
    assert few.message.startswith("2 of 12 events lie among the steps that choose")
    crossed = pose_steps(many, ["y"], SeriesColumns("s"), parting=Parting(folds=3))
    assert not [one for one in crossed.findings if one.kind == "few_choose"]


def test_a_recording_whose_last_steps_hold_no_event_is_parted_earlier():
    frame = frame_of([0], n_steps=2000)
    frame.loc[[100, 500, 900, 1100], "y"] = 1
    problem = pose_steps(frame, ["y"], SeriesColumns("s"))
    assert problem.y[problem.split.val].sum() == 1
    assert len(problem.split.val) == 1000


def test_series_of_millions_of_steps_are_parted_as_short_ones_are(monkeypatch):
    frame = frame_of(np.arange(20) % 3 == 0, n_steps=50)
    steps = Steps.of(frame, SeriesColumns("s"))
    asked = {"val_share": 0.2, "seed": 0, "min_positives": 1}
    y = frame["y"].to_numpy(float)
    whole = split_series(steps, y, **asked)
    monkeypatch.setattr("automl_nn.data.series.split.ENOUGH_STEPS", 400)
    assert split_series(steps, y, **asked).val.size == whole.val.size
