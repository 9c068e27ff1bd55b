import json

import numpy as np
import pandas as pd
import pytest
import torch

from automl_nn.data.table import Table
from automl_nn.model.encoders import ENCODERS, Encoder, Inputs
from automl_nn.space.draw import defaults

every_encoder = pytest.mark.parametrize("name", list(ENCODERS))
N_ROWS = 60


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "color": rng.choice(["red", "green", "blue"], N_ROWS),
            "tiny": rng.normal(size=N_ROWS) * 1e-6,
            "holes": np.where(rng.random(N_ROWS) < 0.3, np.nan, rng.normal(size=N_ROWS)),
            "flag": rng.random(N_ROWS) < 0.5,
            "side": rng.choice(["left", "right"], N_ROWS),
            "town": rng.choice([f"town {i}" for i in range(20)], N_ROWS),
        }
    )


@pytest.fixture
def table(frame):
    return Table.from_frame(frame, roles={"town": "category"})


def fit(table, name="robust", **knobs) -> Encoder:
    return ENCODERS.make({"name": name, "max_one_hot": 10, **knobs}, table=table)


def assert_equal(one: Inputs, other: Inputs) -> None:
    torch.testing.assert_close(one.dense, other.dense, atol=0, rtol=0)
    torch.testing.assert_close(one.codes, other.codes)


@every_encoder
def test_the_default_config_of_an_encoder_makes_it(name, table):
    config = defaults({"encoder": ENCODERS.only(name)})["encoder"]
    assert ENCODERS.make(config, table=table).n_numeric == 2


@every_encoder
def test_an_encoder_survives_json(name, table):
    encoder = fit(table, name)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again.vocabularies == encoder.vocabularies
    assert_equal(again.transform(table), encoder.transform(table))


@every_encoder
def test_a_row_is_encoded_alone_as_among_others(name, table):
    encoder = fit(table, name)
    many = encoder.transform(table)
    for row in (0, N_ROWS - 1):
        assert_equal(encoder.transform(table.take([row])), many[row : row + 1])


@every_encoder
def test_columns_lie_in_their_order(name, table, frame):
    inputs = fit(table, name).transform(table)
    dense = inputs.dense.numpy()
    assert inputs.dense.dtype == torch.float32
    assert inputs.codes.dtype == torch.int64
    assert 0.3 < dense[:, 0].std() < 2
    np.testing.assert_array_equal(dense[:, 2], frame["holes"].isna())
    np.testing.assert_array_equal(dense[:, 3], np.where(frame["flag"], 1, -1))
    for column, level in zip((4, 5, 6), ("blue", "green", "red"), strict=True):
        np.testing.assert_array_equal(dense[:, column], frame["color"] == level)
    np.testing.assert_array_equal(dense[:, 7], np.where(frame["side"] == "right", 1, -1))
    assert dense.shape == (N_ROWS, 8)


def test_flags_take_a_byte_and_keep_what_lies_between():
    table = Table.from_frame({"x": [0.1, 0.2, 0.4, 0.3], "flag": [0, 1, 0.25, None]}, roles={"flag": "boolean"})
    inputs = fit(table).transform(table)
    assert inputs.flags.dtype == torch.int8
    torch.testing.assert_close(inputs.dense[:, 1], torch.tensor([-1, 1, -0.5, 0]), atol=0.5 / 127, rtol=0)
    assert inputs.dense[[0, 1, 3], 1].tolist() == [-1, 1, 0]


def test_codes_are_the_same_for_the_same_level_only(table, frame):
    encoder = fit(table)
    codes = encoder.transform(table).codes[:, 0].numpy()
    counts = frame["town"].map(frame["town"].value_counts())
    assert ((codes == 0) == (counts < 2)).all()
    frequent = frame[counts >= 2].assign(code=codes[counts >= 2])
    assert (frequent.groupby("town")["code"].nunique() == 1).all()
    assert frequent["code"].nunique() == frequent["town"].nunique() == encoder.vocabularies[0] - 1


def test_unseen_and_missing_levels_are_code_zero_and_no_column(table, frame):
    encoder = fit(table)
    new = frame.head(2).assign(color=["pink", None], side=["top", None], town=["nowhere", None], flag=[None, None])
    inputs = encoder.transform(Table.from_schema(new, table.schema()))
    assert (inputs.codes == 0).all()
    assert (inputs.dense[:, 3:] == 0).all()


def test_a_value_missing_for_the_first_time_is_the_middle(table, frame):
    new = frame.head(1).assign(tiny=np.nan)
    inputs = fit(table).transform(Table.from_schema(new, table.schema()))
    assert inputs.dense[0, 0] == 0


@pytest.mark.parametrize(("max_one_hot", "n_codes"), [(0, 3), (2, 2), (100, 0)])
def test_max_one_hot_divides_columns_from_codes(max_one_hot, n_codes, table):
    encoder = fit(table, max_one_hot=max_one_hot)
    assert len(encoder.vocabularies) == n_codes
    assert encoder.transform(table).dense.shape[1] == encoder.d_dense


def test_a_table_of_categories_alone_has_inputs():
    table = Table.from_frame(pd.DataFrame({"a": ["x", "y", "z"] * 4}))
    inputs = fit(table, max_one_hot=1).transform(table)
    assert inputs.dense.shape == (12, 0)
    assert inputs.codes.unique().tolist() == [1, 2, 3]
