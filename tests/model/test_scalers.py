import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from automl_nn.model.scalers import Quantile, Robust, Standard, scaler_from_json

SCALERS = (Robust, Standard, Quantile)
every_scaler = pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: scaler.kind)


@pytest.fixture
def x():
    return np.random.default_rng(0).lognormal(size=(500, 4)) * [1.0, 1e-6, 1e6, 1e-200]


@every_scaler
def test_features_of_any_magnitude_look_alike(scaler, x):
    same = np.repeat(x[:, :1], 4, axis=1) * [1.0, 1e-6, 1e9, 1e-200]
    z = scaler.fit(same).transform(same)
    assert z[:, 0].std() > 0.3
    np.testing.assert_allclose(z, np.repeat(z[:, :1], 4, axis=1), atol=1e-6)


@every_scaler
def test_missing_values_become_the_middle_and_change_nothing_else(scaler, x):
    holes = x.copy()
    holes[::3, 1] = np.nan
    z = scaler.fit(holes).transform(holes)
    assert (z[::3, 1] == 0).all()
    known = np.delete(np.arange(len(x)), np.arange(0, len(x), 3))
    if scaler is not Quantile:
        np.testing.assert_allclose(z[known, 1:2], scaler.fit(x[known, 1:2]).transform(x[known, 1:2]))


@every_scaler
def test_constant_columns_and_missing_ones_become_zero(scaler):
    x = np.column_stack([np.full(9, 1e9 / 3), np.full(9, np.nan), 0.1 + 0.2 * np.zeros(9)])
    x[4, 0] = np.nextafter(x[4, 0], np.inf)
    z = scaler.fit(x[:, 1:]).transform(x[:, 1:])
    assert (z == 0).all()
    if scaler is not Quantile:
        assert (scaler.fit(x[:, :1]).transform(x[:, :1]) == 0).all()


@every_scaler
@given(
    x=arrays(np.float64, (6, 2), elements=st.floats(allow_nan=True, allow_infinity=False)),
    new=arrays(np.float64, (3, 2), elements=st.floats(allow_nan=True, allow_infinity=False)),
)
@settings(max_examples=50, deadline=None)
def test_any_number_becomes_a_finite_one_in_the_same_order(scaler, x, new):
    fitted = scaler.fit(x)
    z = fitted.transform(new)
    assert np.isfinite(z.astype(np.float32)).all()
    for before, after in zip(new.T, z.T, strict=True):
        known = ~np.isnan(before)
        assert (np.diff(after[known][np.argsort(before[known])]) >= 0).all()
    np.testing.assert_array_equal(scaler_from_json(fitted.to_json()).transform(new), z)


def test_standard_equals_scikit_learn(x):
    np.testing.assert_allclose(Standard.fit(x[:, :3]).transform(x[:, :3]), StandardScaler().fit_transform(x[:, :3]))


def test_robust_is_scikit_learns_scaler_within_the_clip(x):
    z = RobustScaler().fit_transform(x[:, :3])
    np.testing.assert_allclose(Robust.fit(x[:, :3]).transform(x[:, :3]), z / np.sqrt(1 + (z / 3) ** 2))


def test_robust_scales_a_column_of_equal_quartiles_by_half_its_range():
    x = np.array([[0.0]] * 9 + [[4.0]])
    assert Robust.fit(x).scale.tolist() == [0.5]


def test_quantile_equals_scikit_learn_away_from_the_ends(x):
    x = x[:, :3]
    z = Quantile.fit(x).transform(x)
    expected = QuantileTransformer(n_quantiles=500, output_distribution="normal").fit_transform(x)
    inside = np.abs(expected) < 3
    np.testing.assert_allclose(z[inside], expected[inside], atol=1e-6)
    assert np.abs(z).max() < 3.2


def test_a_repeated_value_has_the_middle_of_its_ranks():
    x = np.repeat([1.0, 5.0, 6.0], [3, 5, 1])[:, None]
    ranks = ndtr(Quantile.fit(x).transform(x))
    np.testing.assert_allclose(ranks[:, 0], np.repeat([1 / 8, 5 / 8, 17 / 18], [3, 5, 1]))


def test_quantile_keeps_at_most_1000_quantiles_of_a_column():
    x = np.random.default_rng(0).normal(size=(5000, 1))
    fitted = Quantile.fit(x)
    assert len(fitted.quantiles) == 1000
    inside = np.abs(x) < 2
    np.testing.assert_allclose(fitted.transform(x)[inside], x[inside], atol=0.15)
