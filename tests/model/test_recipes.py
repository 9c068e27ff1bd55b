import pytest

from automl_nn.model.build import model_space
from automl_nn.model.recipes import RECIPES, conflicts
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix


@pytest.mark.parametrize("recipe", [name for name in RECIPES.bundles if name != "free"])
def test_no_recipe_is_in_conflict_with_itself(recipe):
    assert conflicts(defaults(fix(model_space(), "recipe", recipe)), batch_size=256) == []


@pytest.mark.parametrize(
    ("activation", "initializer", "normalization", "dropout", "reason"),
    [
        ("selu", "lecun_normal", "batch", "none", "fixed point"),
        ("selu", "he_normal", "none", "alpha", "variance 1 / d_in"),
        ("selu", "lecun_normal", "none", "inverted", "use alpha dropout"),
        ("relu", "he_normal", "none", "alpha", "of SELU only"),
        ("sigmoid", "he_uniform", "none", "none", "use glorot"),
        ("relu", "he_normal", "batch", "none", "layer or group norm"),
    ],
)
def test_pairs_known_to_be_wrong_are_named_with_the_reason(activation, initializer, normalization, dropout, reason):
    names = {
        "activation": activation,
        "initializer": initializer,
        "normalization": normalization,
        "dropout": dropout,
    }
    config = {key: {"name": name} for key, name in names.items()}
    config["dropout"]["rate"] = 0.1 if dropout != "none" else 0.0
    assert [reason in problem for problem in conflicts(config, batch_size=16)].count(True) == 1


def test_fixing_an_activation_keeps_the_recipes_that_use_it():
    space = fix(model_space(), "activation.name", "selu")
    assert list(space["recipe"].bundles) == ["selu-lecun-alphadrop", "free"]
