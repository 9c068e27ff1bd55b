import pytest

from automl_nn.errors import SpaceError
from automl_nn.space.draw import defaults
from automl_nn.space.edit import fix
from automl_nn.train.space import N_STEPS, train_space

FAMILIES = ("labels", "classes", "values")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("n_rows", [1, 10, 120, 1000, 10_000, 1_000_000])
def test_the_default_training_suits_the_number_of_rows(family, n_rows):
    space = train_space(family, n_rows=n_rows)
    config = defaults(space)
    n_epochs, batch_size = config["n_epochs"], config["batch_size"]
    assert 20 <= n_epochs <= 100
    assert batch_size in space["batch_size"].values
    n_steps = n_epochs * (n_rows // batch_size)
    assert n_epochs in (20, 100) or 0.9 * N_STEPS <= n_steps <= N_STEPS
    assert n_rows < 64 or 4 * max(space["batch_size"].values) <= n_rows


def test_a_large_table_searches_the_usual_batch_sizes():
    assert train_space("labels", n_rows=20_000)["batch_size"].values == (64, 128, 256, 512)


def test_any_batch_size_can_be_set():
    assert defaults(fix(train_space("labels", n_rows=500), "batch_size", 100))["batch_size"] == 100
    with pytest.raises(SpaceError, match="batch_size = 0"):
        fix(train_space("labels", n_rows=500), "batch_size", 0)
