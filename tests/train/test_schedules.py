import inspect

import pytest
import torch

from automl_nn.train.schedules import SCHEDULES, cosine, one_cycle

PROGRESS = (torch.arange(200, dtype=torch.float64) + 0.5) / 200


def curve(name: str, *, k: int = 1) -> torch.Tensor:
    knobs = {knob: torch.full((k,), range_.start) for knob, range_ in SCHEDULES[name].space.items()}
    return SCHEDULES.make({"name": name, **knobs}, progress=PROGRESS).expand(k, -1)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_knob_is_a_parameter_of_its_maker(name):
    option = SCHEDULES[name]
    assert set(option.space) <= set(inspect.signature(option.make).parameters)
    assert option.source


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_stays_between_zero_and_the_learning_rate(name):
    multiplier = curve(name)
    assert multiplier.shape == (1, 200)
    assert multiplier.min() >= 0
    assert 0.99 < multiplier.max() <= 1


@pytest.mark.parametrize("name", [name for name in SCHEDULES if "warmup" in SCHEDULES[name].space])
def test_warm_up_rises_for_its_share_of_the_steps(name):
    warmup = torch.tensor([0.2, 0.5], dtype=torch.float64)
    multiplier = SCHEDULES[name].make(PROGRESS, warmup=warmup)
    for own, share in zip(multiplier, warmup, strict=True):
        n_rising = int(share * len(PROGRESS))
        assert (own[:n_rising].diff() > 0).all()
        assert (own[n_rising:].diff() <= 0).all()


def test_cosine_is_that_of_torch():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100)
    ours = cosine(torch.arange(100) / 100, warmup=torch.zeros(1))[0]
    for multiplier in ours.tolist():
        assert multiplier == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-6)
        optimizer.step()
        theirs.step()


def test_one_cycle_is_that_of_torch():
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=101, pct_start=0.31, final_div_factor=1e12)
    # Torch's peak is at step 0.31 * 101 - 1, that is at 0.3031 of its 100 intervals.
    ours = one_cycle(torch.arange(101, dtype=torch.float64) / 100, warmup=torch.tensor([0.3031]))[0]
    for multiplier in ours.tolist()[:100]:
        assert multiplier == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-4)
        optimizer.step()
        theirs.step()
