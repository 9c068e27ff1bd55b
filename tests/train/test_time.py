"""Time limits, by a clock that only training moves."""

import math

import pytest

from automl_nn.train import loop
from automl_nn.train.batches.rows import Fold
from automl_nn.train.loop import Training
from automl_nn.train.step import Stepper


def start(setting, config):
    network = setting.network([config], seeds=[0])
    return Training(network, [Fold(setting.train, setting.val)], [config], task=setting.task, seeds=[0])


class FakeTime:
    """A second for each step, ten for each evaluation."""

    def __init__(self, monkeypatch):
        self.now, step, judge = 0.0, Stepper.step, Training._judge
        monkeypatch.setattr(loop.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(Stepper, "step", lambda own, batch: self.passes(1.0) or step(own, batch))
        monkeypatch.setattr(Training, "_judge", lambda own: self.passes(10.0) or judge(own))

    def passes(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("seconds", [11, 14, 35, 99])
def test_the_last_epoch_is_evaluated_within_the_time(setting, monkeypatch, seconds):
    fake, training = FakeTime(monkeypatch), start(setting, setting.config(n_epochs=99))
    n_epochs = len(list(training.epochs(seconds=seconds, judging=10.0)))
    assert seconds - 11 < fake.now <= seconds
    n_steps = len(setting.train) // 16
    assert n_epochs == math.ceil((seconds - 10) / (n_steps + 10))


def test_schedules_end_where_a_later_plan_says(setting):
    config = setting.config(n_epochs=6, schedule={"name": "cosine", "warmup": 0.0})
    training, later = (start(setting, config) for _ in range(2))
    rates = [float(epoch.learning_rate[0]) for epoch in training.epochs()]
    own = []
    for epoch in later.epochs():
        own.append(float(epoch.learning_rate[0]))
        if epoch.number == 2:
            later.plan_epochs(4)
    assert own[:2] == rates[:2]
    assert len(own) == 4
    assert own[3] < 0.05 * own[0]


def test_a_measurement_of_long_steps_is_short(setting, monkeypatch):
    fake, training = FakeTime(monkeypatch), start(setting, setting.config(n_epochs=99))
    n_steps = len(setting.train) // 16
    for seconds, taken in ((100.0, 100.0), (1.0, 4.0), (0.1, 2.0), (0.01, 1.0)):
        begun = fake.now
        assert training.pace(seconds) == n_steps
        assert fake.now - begun == taken
