import torch

from automl_nn.train.batches import Batches
from automl_nn.train.loop import stack_loss
from automl_nn.train.stack_loss import Targets
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
