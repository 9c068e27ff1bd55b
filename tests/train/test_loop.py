from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn.errors import DataError, SpaceError
from automl_nn.model.build import build
from automl_nn.model.encoders import Inputs
from automl_nn.space.draw import defaults
from automl_nn.train.batches.rows import Rows
from automl_nn.train.clipping import CLIPS
from automl_nn.train.judge import subsample
from automl_nn.train.loop import fit
from automl_nn.train.losses.options import CLASS_LOSSES, LABEL_LOSSES, VALUE_LOSSES
from automl_nn.train.optimizers import OPTIMIZERS
from automl_nn.train.schedules import SCHEDULES

TABLES = {
    "loss": {"labels": LABEL_LOSSES, "classes": CLASS_LOSSES, "values": VALUE_LOSSES},
    "optimizer": {"labels": OPTIMIZERS},
    "schedule": {"labels": SCHEDULES},
    "clip": {"labels": CLIPS},
}
ALTERNATIVES = [
    pytest.param(key, family, name, id=f"{key}-{family}-{name}")
    for key, tables in TABLES.items()
    for family, table in tables.items()
    for name in table
]
KNOBS = [
    pytest.param(*case.values, knob, id=f"{case.id}-{knob}")
    for case in ALTERNATIVES
    for knob in TABLES[case.values[0]][case.values[1]][case.values[2]].space
]


def alternative(key, family, name):
    return {"name": name, **defaults(TABLES[key][family][name].space)}


def curve(epochs):
    return np.stack([epoch.output[0] for epoch in epochs])


@pytest.mark.parametrize(("key", "family", "name", "knob"), KNOBS)
def test_every_knob_changes_training(settings, key, family, name, knob):
    setting, plain = settings(family), alternative(key, family, name)
    range_ = getattr(space := TABLES[key][family][name].space[knob], "range", space)
    other = range_.low if plain[knob] != range_.low else range_.high
    curves = []
    for value in (plain[knob], other):
        configs = [setting.config(batch_size=4, **{key: {**plain, knob: value}})]
        # The same seed and the same output bias: nothing but the knob may differ.
        network = setting.network([setting.config()], seeds=[0])
        epochs = fit(network, setting.train, setting.val, configs, task=setting.task, seeds=[0])
        curves.append([epoch.train_loss[0] for epoch in epochs])
    assert not np.allclose(*curves, rtol=1e-7, atol=0)


@pytest.mark.parametrize(("key", "family", "name"), ALTERNATIVES)
def test_every_alternative_learns(settings, key, family, name):
    setting = settings(family)
    config = setting.config(**{key: alternative(key, family, name)}, n_epochs=15)
    epochs = setting.fit([config])
    assert epochs[-1].train_loss[0] < 0.95 * epochs[0].train_loss[0]
    assert np.isfinite(epochs[-1].output).all()


@pytest.mark.parametrize("family", ["labels", "classes", "values"])
def test_networks_train_in_a_stack_as_they_train_alone(settings, family):
    setting = settings(family)
    tables = {"loss": TABLES["loss"][family], "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "clip": CLIPS}
    configs = []
    for i in range(4):
        names = {key: list(table)[i % len(table)] for key, table in tables.items()}
        parts = {key: {"name": name, **defaults(tables[key][name].space)} for key, name in names.items()}
        parts["optimizer"]["lr"] *= 1 + i / 4
        configs.append(setting.config(**parts))
    stack = setting.fit(configs, seeds=[3, 4, 5, 6])
    for i, config in enumerate(configs):
        alone = setting.fit([config], seeds=[3 + i])
        for together, single in zip(stack, alone, strict=True):
            np.testing.assert_allclose(together.output[i], single.output[0], rtol=1e-3, atol=1e-4)
            np.testing.assert_allclose(together.train_loss[i], single.train_loss[0], rtol=1e-3)
            np.testing.assert_allclose(together.grad_norm_max[i], single.grad_norm_max[0], rtol=1e-3)


def test_the_same_seed_gives_the_same_numbers(setting):
    left, right = (setting.fit([setting.config()] * 2) for _ in range(2))
    np.testing.assert_array_equal(curve(left), curve(right))
    assert not np.array_equal(left[-1].output[0], left[-1].output[1])


def test_a_broken_network_does_not_touch_its_neighbours(setting):
    configs = [setting.config()] * 3
    healthy, broken = (setting.network(configs, seeds=[0, 1, 2]) for _ in range(2))
    with torch.no_grad():
        next(iter(broken.backbone.parameters()))[1] = torch.nan
    runs = [
        list(fit(network, setting.train, setting.val, configs, task=setting.task, seeds=[0, 1, 2]))
        for network in (healthy, broken)
    ]
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one.output[[0, 2]], other.output[[0, 2]])
        np.testing.assert_array_equal(one.score[[0, 2]], other.score[[0, 2]])
        assert other.alive.tolist() == [True, False, True]
        assert np.isnan(other.score[1])
        assert list(other.failures) == [1]
    assert "epoch 1" in runs[1][-1].failures[1]


def test_the_loop_ends_when_no_network_is_alive(setting):
    train = replace(setting.train, inputs=Inputs(setting.train.inputs.dense * torch.nan, setting.train.inputs.codes))
    epochs = replace(setting, train=train).fit([setting.config(n_epochs=10)])
    assert len(epochs) == 1
    assert epochs[0].skipped.tolist() == [6]
    assert not epochs[0].alive.any()


def test_a_batch_that_is_not_finite_is_skipped_counted_and_named(setting):
    dense = setting.train.inputs.dense.clone()
    dense[7] = torch.inf
    train = replace(setting.train, inputs=Inputs(dense, setting.train.inputs.codes))
    config = setting.config(batch_size=10)
    network = setting.network([config], seeds=[0])
    # The broken row is in the sample that is scored, too: only the steps are of interest here.
    epoch = next(fit(network, train, setting.val, [config], task=setting.task, seeds=[0]))
    assert epoch.skipped.tolist() == [1]
    assert epoch.alive.all()
    (spike,) = epoch.spikes
    assert (spike.network, spike.kind) == (0, "not finite")
    assert 1007 in spike.row_ids
    assert len(spike.row_ids) == 10


def test_a_spike_is_kept_with_its_rows(settings):
    setting = settings("values")
    y = setting.train.y.clone()
    y[11] = 1e3
    config = setting.config(batch_size=4, optimizer=alternative("optimizer", "labels", "adamw") | {"lr": 0.0})
    epochs = setting.with_train(y=y).fit([config])
    spikes = [spike for epoch in epochs for spike in epoch.spikes]
    assert {spike.kind for spike in spikes} == {"loss", "norm"}
    assert all(1011 in spike.row_ids for spike in spikes)


def test_the_report_of_clipping_is_the_share_of_clipped_steps(setting):
    free, held = ([setting.config(clip={"name": "norm", "max_norm": limit})] for limit in (1e6, 1e-6))
    assert [epoch.clipped[0] for epoch in setting.fit(free)] == [0.0] * 3
    assert [epoch.clipped[0] for epoch in setting.fit(held)] == [1.0] * 3


def test_norms_and_rates_are_reported(setting):
    schedule = {"name": "constant", "warmup": 0.0}
    (epoch, *_) = setting.fit([setting.config(schedule=schedule)])
    assert 0 < epoch.grad_norm_median[0] <= epoch.grad_norm_p90[0] <= epoch.grad_norm_max[0]
    assert epoch.learning_rate[0] == pytest.approx(setting.config()["optimizer"]["lr"])
    assert epoch.seconds > 0
    assert epoch.rows_per_second > 0


def test_both_parts_are_scored_alike(setting):
    network = setting.network([setting.config()], seeds=[0])
    *_, epoch = fit(network, setting.train, setting.val, [setting.config()], task=setting.task, seeds=[0])
    sample = subsample(setting.train, len(setting.val))
    for name, rows in (("train", sample), ("val", setting.val)):
        output = network.predict(rows.inputs)[0].numpy()
        expected = setting.task.scores(rows.y.numpy(), output)
        assert {score: values[0] for score, values in epoch.scores[name].items()} == pytest.approx(expected)
    assert epoch.score[0] == epoch.scores["val"][setting.task.metric][0]


def test_scores_read_outputs_free_of_the_weight(setting):
    config = setting.config(loss={"name": "cross_entropy", "tau": 1.0, "label_smoothing": 0.0})
    network = setting.network([config], seeds=[0])
    *_, epoch = fit(network, setting.train, setting.val, [config], task=setting.task, seeds=[0])
    share = setting.train.y.mean()
    expected = network.predict(setting.val.inputs) - ((1 - share) / share).log()
    np.testing.assert_allclose(epoch.output, expected.numpy(), rtol=1e-5, atol=1e-6)


def test_rows_of_weight_zero_change_nothing(setting):
    weight = torch.ones(len(setting.train)).index_fill(0, torch.arange(0, 100, 3), 0.0)
    flipped = torch.where(weight[:, None] > 0, setting.train.y, 1 - setting.train.y)
    plain, other = setting.with_train(weight=weight), setting.with_train(weight=weight, y=flipped)
    configs = [setting.config()]
    outputs = []
    for one in (plain, other):
        network = setting.network(configs, seeds=[0])
        *_, epoch = fit(network, one.train, setting.val, configs, task=setting.task, seeds=[0])
        outputs.append(epoch.output)
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)


def test_double_precision_is_followed_by_everything(setting):
    config = setting.config(precision="float64")
    network = setting.network([config], seeds=[0])
    *_, epoch = fit(network, setting.train, setting.val, [config], task=setting.task, seeds=[0])
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}
    assert epoch.output.dtype == np.float64


def test_batch_normalization_is_judged_with_statistics_of_the_present_weights(setting):
    configs = [setting.config()]
    network = setting.network(configs, seeds=[0], recipe="free", normalization="batch")
    *_, epoch = fit(network, setting.train, setting.val, configs, task=setting.task, seeds=[0])
    network.recalibrate(setting.train.inputs)
    np.testing.assert_allclose(epoch.output, network.predict(setting.val.inputs).numpy(), rtol=1e-5, atol=1e-5)


def test_a_stack_takes_one_config_and_seed_for_each_network(setting):
    config = setting.config()
    network = setting.network([config] * 2, seeds=[0, 1])
    with pytest.raises(SpaceError, match="stack of 2 networks"):
        next(fit(network, setting.train, setting.val, [config], task=setting.task, seeds=[0]))
    unequal = [config, {**config, "batch_size": 8}]
    with pytest.raises(SpaceError, match="batch_size"):
        next(fit(network, setting.train, setting.val, unequal, task=setting.task, seeds=[0, 1]))


def test_a_part_without_rows_is_refused(setting):
    configs = [setting.config()]
    network = setting.network(configs, seeds=[0])
    val = setting.val
    empty = Rows(val.inputs[:0], val.y[:0], weight=None, ids=val.ids[:0])
    with pytest.raises(DataError, match="at least one"):
        next(fit(network, setting.train, empty, configs, task=setting.task, seeds=[0]))


def test_embedded_categories_train_in_a_stack_as_they_train_alone(setting):
    generator = torch.Generator().manual_seed(0)
    parts = []
    for rows in (setting.train, setting.val):
        codes = torch.randint(0, 50, (len(rows), 2), generator=generator)
        parts.append(replace(rows, inputs=Inputs(rows.inputs.dense, codes)))
    configs = [
        setting.config(optimizer=alternative("optimizer", "labels", name) | {"lr": lr})
        for name, lr in (("adamw", 0.01), ("sgd", 0.1), ("adamw", 0.03))
    ]
    runs = {}
    for name, members in {"stack": [0, 1, 2], "alone": [2]}.items():
        own = [configs[i] for i in members]
        network = build(
            [setting.model_config()] * len(members),
            parts[0].inputs,
            n_numeric=6,
            vocabularies=(50, 60),
            d_out=1,
            output_bias=torch.zeros(len(members), 1),
            seeds=members,
        )
        before = network.categories.weight.detach().clone()
        runs[name] = list(fit(network, *parts, own, task=setting.task, seeds=members))[-1].output[-1]
        moved = (network.categories.weight != before).any(1).view(len(members), 110)
        assert moved[:, :50].any(1).all()
        assert not moved[:, 100:].any()
    np.testing.assert_allclose(runs["stack"], runs["alone"], rtol=1e-3, atol=1e-4)
