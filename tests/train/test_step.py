import numpy as np
import torch

from automl_nn.train.batches.rows import Batches
from automl_nn.train.clipping import SkipFarOut
from automl_nn.train.loop import stack_loss
from automl_nn.train.losses.stack_loss import Targets
from automl_nn.train.record import Record
from automl_nn.train.step import Stepper


def test_a_network_that_is_dead_stays_where_it_is(setting):
    configs = [setting.config()] * 2
    network = setting.network(configs, seeds=[0, 1])
    stepper = Stepper(network, configs, loss=stack_loss(setting.train, configs, task=setting.task), n_steps=6)
    stepper.kill(1)
    before = [network.network_state(i) for i in range(2)]
    for batch in Batches(setting.train.inputs, Targets(setting.train.y), batch_size=16, seeds=[0, 1]).epoch():
        assert stepper.step(batch).skip.tolist() == [0.0, 1.0]
    moved = [
        any(not torch.equal(old, network.network_state(i)[name]) for name, old in before[i].items()) for i in range(2)
    ]
    assert moved == [True, False]


def test_a_step_that_its_clip_rule_leaves_out_moves_nothing_and_is_told_as_a_spike_of_the_norm(setting, monkeypatch):
    monkeypatch.setattr(SkipFarOut, "limit", lambda self, norm: torch.zeros_like(norm))
    configs = [setting.config(clip={"name": name, **knobs}) for name, knobs in (("skip", {"z": 6.0}), ("none", {}))]
    network = setting.network(configs, seeds=[0, 1])
    stepper = Stepper(network, configs, loss=stack_loss(setting.train, configs, task=setting.task), n_steps=6)
    before = [network.network_state(i) for i in range(2)]
    batches = Batches(setting.train.inputs, Targets(setting.train.y), batch_size=16, seeds=[0, 1])
    record = Record.of(stepper.step(batch) for batch in batches.epoch())
    assert record.skip.all(0).tolist() == [True, False]
    for i, is_equal in enumerate((True, False)):
        now = network.network_state(i)
        assert all(torch.equal(old, now[name]) for name, old in before[i].items()) == is_equal
    spikes = record.spikes({}, alive=np.ones(2, dtype=bool), row_ids=lambda *_: np.zeros(1, dtype=np.int64))
    assert {(spike.network, spike.kind) for spike in spikes} == {(0, "norm")}


def test_dropout_and_decay_fade_with_the_progress_of_the_networks_that_ask_for_it(setting):
    configs = [setting.config(fade={"name": name}) for name in ("flat_cos", "none")]
    network = setting.network(configs, seeds=[0, 1], dropout=0.5)
    stepper = Stepper(network, configs, loss=stack_loss(setting.train, configs, task=setting.task), n_steps=24)
    batches = Batches(setting.train.inputs, Targets(setting.train.y), batch_size=16, seeds=[0, 1])
    scales = []
    for _ in range(4):
        for batch in batches.epoch():
            stepper.step(batch)
            scales.append(network.backbone.dropout.scale.flatten().tolist())
    fading, lasting = zip(*scales, strict=True)
    assert set(lasting) == {2.0}
    assert set(fading[:12]) == {2.0}
    assert list(fading[12:]) == sorted(fading[12:], reverse=True)
    assert 1 < fading[-1] < 1.05
