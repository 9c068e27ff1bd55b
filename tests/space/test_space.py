import contextlib
import json

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl_nn.errors import SpaceError
from automl_nn.space.draw import defaults, describe, flatten, starts, suggest
from automl_nn.space.edit import fix, narrow
from automl_nn.space.options import Bundles, Option, Options
from automl_nn.space.ranges import Choice, Held, Integer, Real


def keep(**knobs):
    return knobs


ACTIVATIONS = Options(
    "activation", {"relu": Option(keep), "leaky": Option(keep, {"slope": Real(0.0, 0.5, default=0.01)})}
)
INITIALIZERS = Options(
    "initializer", {"he": Option(keep), "glorot": Option(keep), "zeros": Option(keep)}, searched=["he", "glorot"]
)
SPACE = {
    "model": {
        "n_blocks": Integer(1, 6, default=3, valid=(1, 20)),
        "recipe": Bundles(
            {
                "relu-he": {"activation": ACTIVATIONS.only("relu"), "initializer": INITIALIZERS.only("he")},
                "free": {"activation": ACTIVATIONS, "initializer": INITIALIZERS},
            }
        ),
    },
    "train": {
        "lr": Real(1e-4, 1e-1, default=1e-3, log=True),
        "batch_size": Choice((64, 256), default=256, also=Integer(1, 4096, default=1)),
        "n_epochs": Held(Integer(1, 100, default=20)),
    },
}
FREE = {
    "model.n_blocks": 2,
    "model.recipe": "free",
    "model.activation.name": "leaky",
    "model.activation.slope": 0.2,
    "model.initializer.name": "glorot",
    "train.lr": 0.01,
    "train.batch_size": 64,
}


def draw(space, params):
    return suggest(optuna.trial.FixedTrial(params), space)


def test_a_draw_has_one_value_for_every_path():
    config = draw(SPACE, FREE)
    assert flatten(config) == FREE | {"train.n_epochs": 20}


def test_the_defaults_need_no_trial():
    assert flatten(defaults(SPACE)) == {
        "model.n_blocks": 3,
        "model.recipe": "relu-he",
        "model.activation.name": "relu",
        "model.initializer.name": "he",
        "train.lr": 1e-3,
        "train.batch_size": 256,
        "train.n_epochs": 20,
    }


def test_the_starts_of_all_knobs_replay_the_defaults():
    assert draw(SPACE, starts(SPACE)) == defaults(SPACE)


def test_what_is_not_searched_is_not_a_parameter():
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    assert suggest(trial, SPACE)["train"]["n_epochs"] == 20
    assert "train.n_epochs" not in trial.params


def test_knobs_of_one_name_with_other_ranges_are_drawn_apart():
    optimizers = Options(
        "optimizer",
        {
            "adam": Option(keep, {"lr": Real(1e-4, 1e-2, default=1e-3), "decay": Real(0, 1, default=0)}),
            "sgd": Option(keep, {"lr": Real(1e-2, 1.0, default=0.1), "decay": Real(0, 1, default=0)}),
        },
    )
    space = {"optimizer": optimizers}
    config = draw(space, {"optimizer.name": "sgd", "optimizer.sgd.lr": 0.5, "optimizer.decay": 0.2})
    assert config == {"optimizer": {"name": "sgd", "lr": 0.5, "decay": 0.2}}
    assert defaults(space)["optimizer"] == {"name": "adam", "lr": 1e-3, "decay": 0}
    assert draw(space, starts(space)) == defaults(space)


def test_optuna_draws_every_alternative():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [flatten(suggest(study.ask(), SPACE)) for _ in range(40)]
    assert {d["model.recipe"] for d in drawn} == {"relu-he", "free"}
    assert {d["model.initializer.name"] for d in drawn} == {"he", "glorot"}


def test_a_fixed_knob_has_its_value_in_every_draw():
    space = fix(SPACE, "train.batch_size", 100)
    assert draw(space, {k: v for k, v in FREE.items() if k != "train.batch_size"})["train"]["batch_size"] == 100


def test_fixing_a_name_keeps_the_bundles_that_use_it():
    relu = fix(SPACE, "model.activation.name", "relu")["model"]["recipe"].bundles
    leaky = fix(SPACE, "model.activation.name", "leaky")["model"]["recipe"].bundles
    assert (set(relu), set(leaky)) == ({"relu-he", "free"}, {"free"})


def test_fixing_a_knob_keeps_the_alternatives_that_have_it():
    space = fix(SPACE, "model.activation.slope", 0.3)
    assert defaults(space)["model"]["activation"] == {"name": "leaky", "slope": 0.3}


def test_the_order_of_fixing_does_not_matter():
    one = fix(fix(SPACE, "model.activation.name", "leaky"), "model.activation.slope", 0.3)
    other = fix(fix(SPACE, "model.activation.slope", 0.3), "model.activation.name", "leaky")
    assert describe(one) == describe(other)


def test_an_unsearched_alternative_can_be_set_by_hand():
    assert defaults(fix(SPACE, "model.initializer.name", "zeros"))["model"]["initializer"] == {"name": "zeros"}


def test_a_value_outside_the_searched_range_is_taken_if_valid():
    assert defaults(fix(SPACE, "model.n_blocks", 12))["model"]["n_blocks"] == 12


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.lr", 3.0, "train.lr = 3.0 is not possible: it takes a number from 0.0001 to 0.1"),
        ("train.lr", "fast", "train.lr = 'fast'"),
        ("train.lr", float("nan"), "train.lr = nan"),
        ("model.n_blocks", 2.5, "a whole number from 1 to 20"),
        ("model.n_blocks", True, "model.n_blocks = True"),
        (
            "train.lerning_rate",
            1,
            "'train.lerning_rate'. Did you mean 'train.lr'? Known: batch_size, lr, n_epochs",
        ),
        ("model.batch_size", 64, "Did you mean 'train.batch_size'? Known: activation,"),
        ("trane.lr", 0.1, "Did you mean 'train'?"),
        ("train.lr.base", 0.1, "nothing lies below 'train.lr'"),
        ("train", 1, "not a knob but a group"),
        ("model.activation.name", "rellu", "Did you mean 'relu'? Known: leaky, relu."),
        ("model.activation.slop", 0.1, "Did you mean 'slope'?"),
        ("model.recipe", "relu", "Did you mean 'relu-he'?"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_sentence(path, value, message):
    with pytest.raises(SpaceError) as caught:
        fix(SPACE, path, value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_narrowing_replaces_the_range():
    assert describe(narrow(SPACE, "train.lr", Real(0.1, 0.2, default=0.1)))["train.lr"] == "real 0.1..0.2"


def test_spaces_that_differ_are_described_differently():
    assert describe(SPACE) != describe(narrow(SPACE, "train.lr", Real(0.1, 0.2, default=0.1)))
    assert json.dumps(describe(SPACE)) == json.dumps(describe(dict(SPACE)))


def test_a_table_refuses_a_knob_that_its_maker_does_not_have():
    with pytest.raises(SpaceError, match="'relu' has no knobs, so 'slope' cannot be set"):
        ACTIVATIONS.make({"name": "relu", "slope": 0.1})


@given(st.integers(1, 20))
def test_a_valid_whole_number_survives_its_check(n_blocks):
    assert defaults(fix(SPACE, "model.n_blocks", n_blocks))["model"]["n_blocks"] == n_blocks


@given(st.one_of(st.floats(), st.text(), st.booleans(), st.integers()))
def test_any_value_is_taken_or_refused_with_a_space_error(value):
    for path in ("train.lr", "model.n_blocks", "train.batch_size", "model.activation.name"):
        with contextlib.suppress(SpaceError):
            assert defaults(fix(SPACE, path, value))
