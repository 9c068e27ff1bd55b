import numpy as np
import pytest

from automl_nn.decide.events.online import OnlineTrigger
from automl_nn.decide.events.trigger import Trigger
from automl_nn.errors import DecisionError


@pytest.mark.parametrize("seed", range(60))
def test_alarms_told_step_by_step_are_those_of_the_whole_series(seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=200).cumsum() * rng.choice([0.1, 0.5]) + rng.normal(size=200)
    low, high = np.sort(rng.normal(size=2))
    trigger = Trigger(float(high), float(low), *(int(n) for n in rng.integers((1, 0, 0), (7, 7, 9))))
    online, told = OnlineTrigger(trigger), []
    for block in np.array_split(scores, rng.integers(1, 200)):
        told += online.feed(block).tolist()
    told += online.end().tolist()
    assert told == trigger.find(scores).numbers().tolist()


def test_few_steps_wait_however_long_an_alarm_lasts():
    online, n_told = OnlineTrigger(Trigger(high=1, low=0, min_duration=4, merge_gap=3, cool_down=9)), 0
    scores = [1.0] * 500 + [-1.0] * 3 + [1.0] * 500 + [-1.0] * 5 + [1.0] * 500
    for n_fed, score in enumerate(scores, start=1):
        n_told += len(online.feed([score]))
        assert n_fed - n_told <= 7


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(DecisionError, match="1 of 2 scores are not numbers"):
        OnlineTrigger(Trigger(high=1, low=0)).feed([0.0, np.nan])
