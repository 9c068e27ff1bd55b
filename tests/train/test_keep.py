"""Networks that are taken out of a stack on the way leave the others as they would have been."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from automl_nn.model.encoders import Inputs
from automl_nn.space.draw import defaults
from automl_nn.train.batches.rows import Fold
from automl_nn.train.clipping import CLIPS
from automl_nn.train.loop import Training
from automl_nn.train.optimizers import OPTIMIZERS


def config_of(setting, *, clip, optimizer, **changes):
    parts = {"clip": (CLIPS, clip), "optimizer": (OPTIMIZERS, optimizer)}
    return setting.config(
        **{key: {"name": name, **defaults(table[name].space)} for key, (table, name) in parts.items()}, **changes
    )


def trained(training, *, keep=None, after=2):
    """Outputs of every epoch by candidate; `keep` are the places to go on with after some epochs."""
    outputs = {}
    for epoch in training.epochs():
        for place, candidate in enumerate(epoch.candidates):
            outputs.setdefault(candidate, []).append(epoch.output[place])
        if keep is not None and epoch.number == after:
            training.keep(keep)
    return outputs


def start(setting, configs, *, seeds, **model):
    network = setting.network(configs, seeds=seeds, **model)
    return Training(network, [Fold(setting.train, setting.val)], configs, task=setting.task, seeds=seeds)


@pytest.mark.parametrize("clip", list(CLIPS))
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_the_networks_that_stay_do_not_notice(setting, clip, optimizer):
    configs = [config_of(setting, clip=clip, optimizer=optimizer, n_epochs=5)] * 4
    whole, cut = (start(setting, configs, seeds=[0, 1, 2, 3]) for _ in range(2))
    undisturbed, outputs = trained(whole), trained(cut, keep=[1, 3])
    assert cut.candidates == (1, 3)
    assert cut.network.k == 2
    assert {candidate: len(outputs[candidate]) for candidate in range(4)} == {0: 2, 1: 5, 2: 2, 3: 5}
    for candidate in (1, 3):
        np.testing.assert_allclose(outputs[candidate], undisturbed[candidate], rtol=1e-4, atol=1e-5)


def test_unequal_parts_of_a_stack_stay_unequal(setting):
    clips, optimizers = list(CLIPS), list(OPTIMIZERS)
    configs = [
        config_of(setting, clip=clips[i % len(clips)], optimizer=optimizers[i % 2], n_epochs=6) for i in range(5)
    ]
    seeds = list(range(5))
    whole, cut = (start(setting, configs, seeds=seeds, recipe="relu-he-batchnorm") for _ in range(2))
    undisturbed, outputs = trained(whole), trained(cut, keep=[0, 2, 4], after=3)
    for candidate in (0, 2, 4):
        np.testing.assert_allclose(outputs[candidate], undisturbed[candidate], rtol=1e-3, atol=1e-4)


def test_the_last_of_a_stack_goes_on_alone(setting):
    configs = [setting.config(n_epochs=4)] * 3
    whole, cut = (start(setting, configs, seeds=[0, 1, 2]) for _ in range(2))
    undisturbed, outputs = trained(whole), trained(cut, keep=[2], after=1)
    np.testing.assert_allclose(outputs[2], undisturbed[2], rtol=1e-3, atol=1e-4)


def test_vectors_of_categories_stay_with_their_network(setting):
    from automl_nn.model.build import build

    generator = torch.Generator().manual_seed(0)
    folds = []
    for rows in (setting.train, setting.val):
        codes = torch.randint(0, 50, (len(rows), 2), generator=generator)
        folds.append(replace(rows, inputs=Inputs(rows.inputs.dense, codes)))
    configs = [setting.config(n_epochs=5)] * 3
    runs = []
    for keep in (None, [1]):
        network = build(
            [setting.model_config()] * 3,
            folds[0].inputs,
            n_numeric=6,
            vocabularies=(50, 60),
            d_out=1,
            output_bias=torch.zeros(3, 1),
            seeds=[0, 1, 2],
        )
        training = Training(network, [Fold(*folds)], configs, task=setting.task, seeds=[0, 1, 2])
        runs.append(trained(training, keep=keep))
    np.testing.assert_allclose(runs[1][1], runs[0][1], rtol=1e-3, atol=1e-4)


def test_measuring_the_pace_gives_seconds(setting):
    training = start(setting, [setting.config()], seeds=[0])
    assert 0 < training.pace(0.01) < 10
