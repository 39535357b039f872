"""Whatever a series holds, an estimator gives numbers, or NaN with a flag, or one of its own errors."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_eval.estimators.fit import SingularDesignError
from its_eval.estimators.gls_ar import fit_gls_ar
from its_eval.estimators.least_squares import fit_newey_west, fit_ols
from its_eval.estimators.prais_winsten import GapError, fit_prais_winsten
from its_eval.estimators.reml.by_segment import fit_reml_by_segment
from its_eval.estimators.reml.noise import fit_reml_ar_noise
from its_eval.estimators.reml.reml_ar import fit_reml_ar
from its_eval.estimators.structural import Parts, fit_structural

ESTIMATORS = {
    "reml_ar 1": lambda X, Y: fit_reml_ar(X, Y, 1),
    "reml_ar 2": lambda X, Y: fit_reml_ar(X, Y, 2),
    "reml_ar_noise": fit_reml_ar_noise,
    "gls_ar": lambda X, Y: fit_gls_ar(X, Y, 3),
    "structural": lambda X, Y: fit_structural(X, Y, Parts(season=4)),
    "prais_winsten": lambda X, Y: fit_prais_winsten(X, Y, "regress"),
    "by_segment": lambda X, Y: fit_reml_by_segment(X, Y, 1, X[:, 2] > 0),
    "newey_west": lambda X, Y: fit_newey_west(X, Y, 3),
    "ols": fit_ols,
}
DOCUMENTED = (SingularDesignError, GapError)

plain = st.floats(-1e6, 1e6)
values = st.one_of(
    plain, st.sampled_from([0.0, 1.0, 100.0, np.nan, 1e-8, 1e12]), st.integers(0, 3).map(float)
)


@st.composite
def problems(draw):
    """A segmented design and series: noise, steps, constants, lines, outliers, gaps, any scale and level."""
    n = draw(st.integers(6, 40))
    start = draw(st.integers(1, n - 1))
    t = np.arange(n)
    post = (t >= start) * 1.0
    X = np.column_stack([np.ones(n), t - start, post, post * (t - start)])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from(["noise", "walk", "constant", "line", "alternating", "drawn", "binary"]))
    base = {
        "noise": rng.standard_normal(n),
        "walk": np.cumsum(rng.standard_normal(n)),
        "constant": np.full(n, 3.0),
        "line": 2.0 * t + 1.0,
        "alternating": (-1.0) ** t,
        "binary": rng.integers(0, 2, n).astype(float),
        "drawn": np.zeros(n),
    }[shape]
    if shape == "drawn":
        base = np.array(draw(st.lists(values, min_size=n, max_size=n)))
    y = base * draw(st.sampled_from([1e-8, 1.0, 1e12])) + draw(st.sampled_from([0.0, 1.0, 1e8]))
    gaps = draw(st.lists(st.integers(0, n - 1), max_size=4))
    y[gaps] = np.nan
    return X, y


@pytest.mark.parametrize("name", ESTIMATORS)
@settings(max_examples=settings().max_examples // 4)
@given(problems())
def test_no_number_is_missing_without_a_flag(name, problem):
    X, y = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit = ESTIMATORS[name](X, y[:, None])
            found = fit.contrasts(np.eye(X.shape[1])[2:])
            low, high = found.interval(0.95)
        except DOCUMENTED as error:
            assert str(error)  # noqa: PT017  (either outcome is right)
            return
    flagged = any(bool(flag[0]) for flag in fit.flags.values())
    numbers = [fit.params, fit.sigma, found.estimate, found.std_error, found.p_value, low, high]
    finite = all(np.isfinite(array).all() for array in numbers)
    assert finite or flagged
    assert (found.std_error >= 0).all()
    assert not np.isinf(found.estimate).any()
