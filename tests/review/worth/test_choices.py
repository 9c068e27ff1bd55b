import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from automl_nn.review.worth.additive import Additive, ridge
from automl_nn.review.worth.choices import LEAST_TRIALS, worth
from automl_nn.review.worth.factors import factors
from automl_nn.search.spaces.default import default_space
from automl_nn.space.draw import defaults, describe, flatten
from automl_nn.task.tasks import Binary


def drawn(n, *, seed=0):
    """Configs of five choices: one conditional, one of numbers."""
    rng = np.random.default_rng(seed)
    configs = []
    for _ in range(n):
        config = {
            "model.activation.name": str(rng.choice(["relu", "selu", "tanh"])),
            "model.initializer.name": str(rng.choice(["he", "glorot"])),
            "train.loss.name": str(rng.choice(["focal", "cross_entropy"])),
            "train.lr": float(10 ** rng.uniform(-4, -1)),
        }
        if config["train.loss.name"] == "focal":
            config["train.loss.gamma"] = float(rng.uniform(0, 3))
        configs.append(config)
    return configs


def scores(configs, of, *, noise=0.1, seed=1):
    values = np.array([of(config) for config in configs], dtype=float)
    return values + np.random.default_rng(seed).normal(0, noise, len(configs))


def runs(score, state="complete"):
    return pd.DataFrame({"state": state, "score": score})


def of(found, words):
    (knob,) = [knob for knob in found.knobs if knob.words == words]
    return knob


def test_the_one_choice_that_matters_is_the_only_one_that_is_clear():
    configs = drawn(300)
    found = worth(runs(scores(configs, lambda c: c["model.activation.name"] == "selu")), configs, space={})
    assert found.knobs[0].words == "activation"
    assert [knob.words for knob in found.knobs if knob.is_clear] == ["activation"]
    assert found.knobs[0].importance == pytest.approx(0.95, abs=0.04)
    assert found.explained == pytest.approx(0.95, abs=0.04)
    assert all(abs(knob.importance) < 0.01 for knob in found.knobs[1:])


def test_effects_are_the_differences_that_were_built_in():
    configs = drawn(600)
    gains = {"relu": 0.0, "selu": 1.0, "tanh": -0.5}
    found = worth(runs(scores(configs, lambda c: gains[c["model.activation.name"]])), configs, space={})
    effects = {option.option: option.effect for option in of(found, "activation").options}
    assert effects["selu"] - effects["relu"] == pytest.approx(1.0, abs=0.05)
    assert effects["tanh"] - effects["relu"] == pytest.approx(-0.5, abs=0.05)
    for option in of(found, "activation").options:
        low, high = option.interval
        assert low < option.effect < high


def test_effects_beside_the_average_trial_sum_to_zero_over_the_trials():
    configs = drawn(300)
    found = worth(runs(scores(configs, lambda c: c["model.activation.name"] == "selu")), configs, space={})
    for knob in found.knobs:
        assert sum(o.effect * o.n_trials for o in knob.options) == pytest.approx(0.0, abs=1e-9)


def test_a_choice_that_only_went_along_with_a_good_one_gets_no_credit():
    rng = np.random.default_rng(0)
    configs = drawn(400)
    for config in configs:  # selu mostly comes with glorot
        if rng.random() < 0.8:
            config["model.initializer.name"] = "glorot" if config["model.activation.name"] == "selu" else "he"
    score = scores(configs, lambda c: c["model.activation.name"] == "selu")
    raw = pd.Series(score).groupby([c["model.initializer.name"] for c in configs]).mean()
    assert raw["glorot"] - raw["he"] > 0.4
    found = of(worth(runs(score), configs, space={}), "initializer")
    assert all(abs(option.effect) < 0.05 for option in found.options)
    assert abs(found.importance) < 0.02


def test_a_knob_of_one_option_is_compared_among_trials_that_have_it():
    configs = drawn(600)
    score = scores(configs, lambda c: float(c.get("train.loss.gamma", 9.0) < 1))
    low, middle, high = of(worth(runs(score), configs, space={}), "focal gamma").options  # the first third ends near 1
    assert low.effect - high.effect == pytest.approx(1.0, abs=0.15)
    assert middle.effect == pytest.approx(high.effect, abs=0.15)
    assert low.n_trials + middle.n_trials + high.n_trials == sum("train.loss.gamma" in c for c in configs)


def test_noise_makes_nothing_clear_and_is_called_that():
    configs = drawn(100)
    found = worth(runs(scores(configs, lambda _: 0.0)), configs, space={})
    assert not any(knob.is_clear for knob in found.knobs)
    assert found.explained < 0.05


def test_too_few_trials_are_called_that_and_still_counted():
    configs = drawn(LEAST_TRIALS - 1)
    found = worth(runs(scores(configs, lambda c: c["model.activation.name"] == "selu")), configs, space={})
    assert "Not enough trials" in found.why_not
    assert sum(option.n_trials for option in of(found, "activation").options) == len(configs)
    assert all(option.effect is None for knob in found.knobs for option in knob.options)


def test_pruned_and_failed_trials_are_counted_for_each_option():
    configs = [{"train.kind": kind} for kind in ["a"] * 40 + ["b"] * 40]
    state = ["complete"] * 30 + ["pruned"] * 10 + ["complete"] * 20 + ["failed"] * 20
    score = np.where(np.array(state) == "failed", np.nan, scores(configs, lambda c: c["train.kind"] == "a"))
    (knob,) = worth(runs(score, state), configs, space={}).knobs
    a, b = knob.options
    assert (a.n_trials, a.n_pruned, a.n_failed) == (40, 10, 0)
    assert (b.n_trials, b.n_pruned, b.n_failed) == (40, 0, 20)
    assert b.median == pytest.approx(np.nanmedian(score[40:]))
    assert a.effect > 0 > b.effect


def test_one_broken_trial_does_not_decide():
    configs = drawn(200)
    score = scores(configs, lambda c: c["model.activation.name"] == "selu")
    score[0] = -1e6
    assert worth(runs(score), configs, space={}).knobs[0].words == "activation"


def test_options_that_always_came_together_are_named():
    configs = drawn(200)
    for config in configs:
        config["model.initializer.name"] = "lecun" if config["model.activation.name"] == "selu" else "he"
    score = scores(configs, lambda c: c["model.activation.name"] == "selu")
    options = {option.option: option for option in of(worth(runs(score), configs, space={}), "activation").options}
    assert options["selu"].shared_with == ("initializer: lecun",)
    assert options["tanh"].shared_with == ()


def test_the_same_seed_gives_the_same_numbers():
    configs = drawn(60)
    table = runs(scores(configs, lambda c: c["train.lr"] > 0.01))
    assert worth(table, configs, space={}, seed=3) == worth(table, configs, space={}, seed=3)


@pytest.mark.parametrize("state", ["complete", "failed"])
def test_trials_that_do_not_differ_and_no_trials_at_all_are_answered(state):
    score = 1.0 if state == "complete" else np.nan
    assert worth(runs([score] * 30, state), [{"train.kind": "a"}] * 30, space={}).why_not
    assert worth(runs([score] * 30, state), drawn(30), space={}).why_not
    assert worth(pd.DataFrame({"state": [], "score": []}), [], space={}).why_not


def test_without_a_penalty_it_is_least_squares_on_indicator_columns():
    configs = drawn(120)
    y = scores(configs, lambda c: c["train.lr"])
    X = pd.get_dummies(pd.DataFrame(configs)[["model.activation.name"]]).to_numpy(dtype=float)[:, 1:]
    whole = ridge(np.c_[np.ones(len(y)), X], y, np.ones(len(y)), np.zeros(3))
    expected = LinearRegression().fit(X, y)
    assert whole == pytest.approx([expected.intercept_, *expected.coef_])


def test_importances_of_independent_choices_are_their_shares_of_the_variance():
    configs = drawn(1500)
    of_parts = {"selu": 1.0, "relu": 0.0, "tanh": 0.0}
    gains = np.array([of_parts[c["model.activation.name"]] for c in configs])
    others = np.array([1.0 * (c["model.initializer.name"] == "he") for c in configs])
    y = gains + others + np.random.default_rng(0).normal(0, 0.3, len(gains))
    found = factors(configs, {})
    fits = {fit.factor.words: fit for fit in Additive.of(y, found, seed=0).fits}
    for words, part in (("activation", gains), ("initializer", others)):
        assert fits[words].importance == pytest.approx(part.var() / y.var(), abs=0.03)
        assert fits[words].interval[0] < part.var() / y.var() < fits[words].interval[1]


SPACE = describe(default_space(Binary(("y",), "roc_auc"), n_rows=1000))


def test_a_recipe_is_known_to_decide_its_parts_and_to_be_none_of_them():
    start = flatten(defaults(default_space(Binary(("y",), "roc_auc"), n_rows=1000)))
    other = {**start, "model.recipe": "relu-he", "model.activation.name": "relu", "model.initializer.name": "he_normal"}
    found = {factor.knob: factor for factor in factors([start, other] * 20, SPACE)}
    parts = found["model.recipe"].parts
    assert {"model.activation.name", "model.initializer.name", "model.normalization.name"} <= set(parts)
    assert "model.dropout.rate" not in parts
    assert not found["model.activation.name"].parts


def test_learning_rates_of_optimizers_with_other_ranges_are_two_choices():
    configs = [
        {"train.optimizer.name": name, "train.optimizer.lr": lr} for name in ("adamw", "sgd") for lr in (0.1, 0.2, 0.3)
    ]
    found = {factor.words: factor for factor in factors(configs, SPACE)}
    assert found["learning rate, adamw"].codes.tolist() == [0, 1, 2, -1, -1, -1]
    assert found["learning rate, sgd"].codes.tolist() == [-1, -1, -1, 0, 1, 2]


def test_many_numbers_become_three_ranges_with_equally_many_trials():
    configs = [{"train.lr": lr} for lr in np.linspace(0.1, 0.9, 90)]
    (factor,) = factors(configs, {})
    assert np.bincount(factor.codes).tolist() == [30, 30, 30]
    assert factor.levels[0].startswith("0.1 to")


def test_numbers_that_are_mostly_one_value_keep_distinct_ranges():
    configs = [{"train.tau": tau} for tau in [0.0] * 80 + list(np.linspace(0.1, 1, 20))]
    (factor,) = factors(configs, {})
    assert len(set(factor.levels)) == len(factor.levels)
    assert sorted(set(factor.codes.tolist())) == list(range(len(factor.levels)))


def test_a_recipe_is_weighed_in_place_of_its_parts_and_shares_nothing_with_them():
    rng = np.random.default_rng(0)
    words = {"model.recipe": "one of a, b, c", "train.kind": "one of x, y"}
    words |= {f"model.recipe[{name}].activation.name": f"one of {name}" for name in "abc"}
    drawn = rng.choice(["a", "b", "c"], 300)
    configs = [
        {"model.recipe": name, "model.activation.name": name, "train.kind": str(rng.choice(["x", "y"]))}
        for name in drawn
    ]
    found = worth(runs(scores(configs, lambda c: c["model.recipe"] == "b")), configs, space=words)
    for name in ("recipe", "activation"):
        effects = {option.option: option.effect for option in of(found, name).options}
        assert effects["b"] - effects["a"] == pytest.approx(1.0, abs=0.05)
        assert of(found, name).importance == pytest.approx(0.95, abs=0.04)
        assert not any(option.shared_with for option in of(found, name).options)
