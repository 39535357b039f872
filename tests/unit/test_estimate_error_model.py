"""The error model's forms, weights, determinants and covariances against dense matrices and differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg
from statsmodels.tsa.arima_process import arma_acovf

from its_eval.estimators.reml.error_model import constant_variance, variance_by_segment
from its_eval.estimators.reml.forms import (
    orthonormal_designs,
    own_forms,
    residual_coordinates,
    shared_forms,
    weighted_columns,
)

N = 9
#: The second segment may stop again, and begin anywhere.
SEGMENTS = {
    "none": np.zeros(N, bool),
    "from month 4": np.arange(N) >= 4,
    "last month": np.arange(N) == N - 1,
    "for a while": (np.arange(N) >= 2) & (np.arange(N) < 6),
}


def dense_covariance(model, theta):
    """V for innovation variance 1 by statsmodels."""
    r1, r2 = (*theta[: model.order], 0.0)[:2]
    polynomial = np.array([1.0, -r1 * (1.0 - r2), -r2])
    R = linalg.toeplitz(arma_acovf(polynomial, np.array([1.0]), nobs=model.n_rows))
    scale = np.exp(model.after * (theta[-1] if model.by_segment else 0.0) / 2.0)
    return scale[:, None] * R * scale


def form_matrices(model):
    """S_m as dense symmetric matrices."""
    matrices = np.zeros((model.lags.size, N, N))
    for form, (lag, mask) in enumerate(zip(model.lags, model.masks, strict=True)):
        for t in np.flatnonzero(mask):
            matrices[form, t, t + lag] += 0.5
            matrices[form, t + lag, t] += 0.5
    return matrices


def some_parameters(model, count, seed=3):
    low, high = model.bounds()
    return np.random.default_rng(seed).uniform(low, high, (count, model.n_parameters))


@pytest.fixture(params=[(order, name) for order in (1, 2) for name in SEGMENTS], ids=str)
def model(request):
    order, name = request.param
    return variance_by_segment(order, SEGMENTS[name])


def test_weighted_forms_are_the_inverse_covariance(model):
    theta = some_parameters(model, 5)
    terms, forms = model.terms(theta), form_matrices(model)
    for g, point in enumerate(theta):
        V = dense_covariance(model, point)
        np.testing.assert_allclose(np.tensordot(terms.weights[g], forms, axes=1) @ V, np.eye(N), atol=1e-7)
        np.testing.assert_allclose(terms.log_determinant[g], -np.linalg.slogdet(V)[1], rtol=1e-9)
        np.testing.assert_allclose(model.form_traces(theta)[g], np.einsum("mij,ji->m", forms, V), rtol=1e-9)


def test_derivatives_of_the_terms(model):
    theta, step = 0.9 * some_parameters(model, 4), 1e-5
    terms = model.terms(theta)
    second_log = np.zeros((4, model.n_parameters, model.n_parameters))
    for a, shift in enumerate(step * np.eye(model.n_parameters)):
        up, down = model.terms(theta + shift), model.terms(theta - shift)

        def slope(name, up=up, down=down):
            return (getattr(up, name) - getattr(down, name)) / (2.0 * step)

        np.testing.assert_allclose(terms.first[:, a], slope("weights"), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(terms.second[:, a], slope("first"), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(
            terms.log_determinant_first[:, a], slope("log_determinant"), rtol=1e-6, atol=1e-7
        )
        second_log[:, a] = slope("log_determinant_first")
    np.testing.assert_allclose(terms.log_determinant_second, second_log, rtol=1e-6, atol=1e-6)
    beside = ~np.eye(model.n_parameters, dtype=np.bool_)
    np.testing.assert_allclose(
        terms.log_determinant_second[:, beside], second_log[:, beside], rtol=0.0, atol=1e-7
    )


def test_forms_of_series(model):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((3, N, 2))
    observed = np.ones((3, N), bool)
    observed[[0, 1, 2], [0, 4, N - 1]] = False
    designs = orthonormal_designs(X, observed)
    for s in range(3):
        Q = designs.basis[s]
        np.testing.assert_allclose(Q.T @ Q, np.eye(3), atol=1e-12)
        kept = np.where(observed[s, :, None], X[s], 0.0)
        np.testing.assert_allclose(Q[:, :2] @ designs.triangular[s], kept, atol=1e-12)
    outcomes = np.where(observed, rng.standard_normal((3, N)), 0.0)
    coordinates, residuals, length = residual_coordinates(designs, outcomes)
    rebuilt = (designs.basis[:, :, :2] @ coordinates[:, :, None])[:, :, 0] + length[:, None] * residuals
    np.testing.assert_allclose(rebuilt, outcomes, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(residuals, axis=1), 1.0)
    Z = np.concatenate([designs.basis, residuals[:, :, None]], axis=2)
    expected = np.einsum("sti,mtu,suj->smij", Z, form_matrices(model), Z)
    np.testing.assert_allclose(own_forms(model, designs.basis, residuals), expected, atol=1e-12)
    Z[:, :, :3] = designs.basis[0]
    expected = np.einsum("sti,mtu,suj->smij", Z, form_matrices(model), Z)
    np.testing.assert_allclose(shared_forms(model, designs.basis[0], residuals), expected, atol=1e-12)
    weights = rng.standard_normal((3, 2, model.lags.size))
    expected = np.einsum("sam,mtu,suk->satk", weights, form_matrices(model), designs.basis)
    np.testing.assert_allclose(weighted_columns(model, weights, designs.basis), expected, atol=1e-12)


def test_constant_variance_has_no_ratio():
    model = constant_variance(2, N)
    assert not model.by_segment
    assert model.n_parameters == 2
    assert model.n_rows == N
    np.testing.assert_array_equal(model.bounds(), [[-0.5, -0.6], [0.975, 0.7]])
    by_segment = variance_by_segment(2, SEGMENTS["from month 4"])
    np.testing.assert_allclose(by_segment.bounds()[1], [0.975, 0.7, np.log(100.0)])
    assert by_segment.longest_step().tolist() == [0.3, 0.3, 1.0]


def test_other_orders_are_refused():
    with pytest.raises(ValueError, match="order is 0; only AR"):
        constant_variance(0, N)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("by_segment", [False, True])
@pytest.mark.parametrize("n", [2, 3, 30])
def test_products_with_the_root_of_the_covariance(order, by_segment, n):
    rng = np.random.default_rng(n)
    after = np.arange(n) >= n // 2
    model = variance_by_segment(order, after) if by_segment else constant_variance(order, n)
    theta = rng.uniform(-0.45, 0.65, (5, order))
    if by_segment:
        theta = np.column_stack([theta, rng.normal(size=5)])
    columns = rng.normal(size=(5, n, 4))
    rooted = model.rooted(theta, columns)
    V = np.array([dense_covariance(model, point) for point in theta])
    expected = np.swapaxes(columns, 1, 2) @ V @ columns
    np.testing.assert_allclose(
        np.swapaxes(rooted, 1, 2) @ rooted, expected, atol=1e-12 * np.abs(expected).max()
    )
