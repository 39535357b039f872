"""What units bring to a set, by estimator: whitened residuals and contrasts against dense matrices."""

import numpy as np
import pytest
import statsmodels.api as sm
from msgspec.structs import replace

from its_eval.effects.set_effect import set_effect
from its_eval.pipeline.set_parts import parts_of

UNITS = ("T1", "T2", "T3", *(f"D{place}" for place in range(1, 8)))
TERMS = [(0, "level_change"), (0, "slope_change")]


@pytest.fixture
def world(make_world, noisy):
    world = make_world(noisy(UNITS, n=60, seed=4))
    world.settings |= {"peers": {"k": 2}, "designs": ["difference"]}
    return world


def autocorrelated(item, partials):
    """Correlation matrix of an AR(1) or AR(2), from its Yule-Walker equations."""
    r1, r2 = (*partials, 0.0)[:2]
    phi = (r1 * (1 - r2), r2)
    rho = [1.0, r1]
    for _ in range(item.design.n_periods - 2):
        rho.append(phi[0] * rho[-1] + phi[1] * rho[-2])
    return np.array(rho)[np.abs(np.subtract.outer(*2 * (np.arange(len(rho)),)))]


def check(item, R_of):
    """Compare the parts of every unit with generalised least squares by a dense matrix."""
    parts, used, X = parts_of([item], TERMS), item.observed, item.design.matrix
    assert list(parts) == list(item.units)
    values = item.sheet.values[:, item.columns]
    for place, unit in enumerate(item.units):
        R = R_of(place)[np.ix_(used, used)]
        L, V = np.linalg.cholesky(R), np.linalg.inv(R)
        G = np.linalg.inv(X[used].T @ V @ X[used])
        b = G @ X[used].T @ V @ values[used, place]
        part = parts[unit]
        e = np.linalg.solve(L, values[used, place] - X[used] @ b)
        np.testing.assert_allclose(part.residual[used], e / np.linalg.norm(e), atol=1e-8)
        assert not part.residual[~used].any()
        for term, name in enumerate(TERMS):
            column = item.reading.names.index(name)
            c = np.eye(X.shape[1])[item.design.column(name[1])]
            h = np.linalg.solve(L, X[used]) @ G @ c
            np.testing.assert_allclose(part.contrasts[term, used], h / np.linalg.norm(h), atol=1e-8)
            read = item.statistics.estimates
            assert part.estimate[term] == read.estimate[place, column] == pytest.approx(c @ b, rel=1e-4)
            assert part.std_error[term] == read.std_error[place, column]
            assert part.df[term] == read.df[place, column]


def estimates_of(world, fitted, design="difference", **changes):
    config, _, plan = world.plan(**changes)
    return fitted(config, plan, design)[0]


@pytest.mark.parametrize("order", [1, 2])
def test_autoregressive_errors_with_gaps(world, fitted, order):
    world.values["T1"][[5, 6, 40]] = np.nan
    found = estimates_of(world, fitted, estimators=[{"name": "reml_ar", "order": order}])
    assert len(found) == 2
    for item in found:
        partials = item.statistics.partial_autocorrelations
        check(item, lambda place, item=item, partials=partials: autocorrelated(item, partials[place]))
    # the parts of several fits stand on one calendar
    assert set_effect(list(parts_of(found, TERMS).values())).n_units == 3


def test_weighted_percentages(make_world, noisy, fitted):
    values = {unit: np.clip(series, 1, 99) for unit, series in noisy(UNITS, n=60, scale=3).items()}
    sizes = {unit: np.linspace(40, 400, 60).round() for unit in UNITS}
    world = make_world(values, denominators=sizes)
    outcome = {"indicator": "y", "kind": "percentage", "better": "higher", "seasonality": "none"}
    found = estimates_of(
        world, fitted, outcomes=[outcome], peers={"k": 2}, designs=["difference"], estimators=["reml_ar"]
    )
    (item,) = [each for each in found if each.relative_variance is not None]
    partials = item.statistics.partial_autocorrelations

    def covariance(place):
        root = np.sqrt(item.relative_variance[:, place])
        return autocorrelated(item, partials[place]) * np.outer(root, root)

    assert np.ptp(item.relative_variance) > 0.1
    check(item, covariance)


def test_variance_by_segment(world, fitted):
    entry = {"name": "reml_ar", "order": 1, "variance": "by_segment"}
    (item,) = estimates_of(world, fitted, estimators=[entry])

    def covariance(place):
        root = np.where(np.arange(60) >= 30, np.sqrt(item.whole.variance_ratio[place]), 1.0)
        rho = item.whole.partial_autocorrelations[place]
        return autocorrelated(item, rho) * np.outer(root, root)

    check(item, covariance)


def test_autoregression_with_noise(world, fitted):
    (item,) = estimates_of(world, fitted, estimators=["reml_ar_noise"])

    def covariance(place):
        (rho,), ratio = item.whole.partial_autocorrelations[place], item.whole.variance_ratio[place]
        if np.isinf(ratio):
            return autocorrelated(item, [rho])
        return ratio / (1 - rho**2) * autocorrelated(item, [rho]) + np.eye(60)

    check(item, covariance)


@pytest.mark.parametrize("name", ["ols", "newey_west"])
def test_least_squares(world, fitted, name):
    (item,) = estimates_of(world, fitted, estimators=[name])
    check(item, lambda _place: np.eye(60))


class RandomWalk:
    """An answer by the differenced model, as an ``Estimates`` says it."""

    def __init__(self, item):
        self.item, self.inference = item, "random_walk"

    def __getattr__(self, name):
        return getattr(self.item, name)


def test_a_random_walk_is_differenced(world, fitted):
    world.values["T1"][[5, 6, 40]] = np.nan
    walk = np.arange(1, 61)
    for item in estimates_of(world, fitted, estimators=["ols"]):
        parts, used, X = parts_of([RandomWalk(item)], TERMS), item.observed, item.design.matrix
        K = np.minimum.outer(walk, walk)[np.ix_(used, used)].astype(float)
        L, V = np.linalg.cholesky(K), np.linalg.inv(K)
        G = np.linalg.inv(X[used].T @ V @ X[used])
        for place, unit in enumerate(item.units):
            y = item.sheet.values[used, item.columns[place]]
            e = np.linalg.solve(L, y - X[used] @ G @ X[used].T @ V @ y)
            np.testing.assert_allclose(parts[unit].residual[used], e / np.linalg.norm(e), atol=1e-8)
            h = np.linalg.solve(L, X[used]) @ G[item.design.column("slope_change")]
            np.testing.assert_allclose(parts[unit].contrasts[1, used], h / np.linalg.norm(h), atol=1e-8)


@pytest.mark.parametrize("name", ["poisson", "negative_binomial"])
def test_counts_have_the_residuals_of_pearson(make_world, fitted, name):
    rng = np.random.default_rng(6)
    sizes = {unit: rng.uniform(500, 1500, 60).round() for unit in UNITS}
    counts = {unit: rng.negative_binomial(5, 5 / (5 + sizes[unit] * 0.05)) for unit in UNITS}
    rates = {unit: 1000 * counts[unit] / sizes[unit] for unit in UNITS}
    world = make_world(rates, denominators=sizes, counts=counts)
    outcome = {"indicator": "y", "kind": "count", "per": 1000, "seasonality": "none"}
    (item,) = estimates_of(world, fitted, "single", outcomes=[outcome], designs=["single"], estimators=[name])
    parts = parts_of([item], TERMS)
    assert list(parts) == ["T1", "T2", "T3"]
    for place, unit in enumerate(item.units):
        X, alpha = item.design.matrix, item.whole.dispersion[place]
        family = sm.families.Poisson() if name == "poisson" else sm.families.NegativeBinomial(alpha=alpha)
        model = sm.GLM(counts[unit], X, family=family, exposure=sizes[unit] / 1000).fit(tol=1e-12)
        e = model.resid_pearson
        np.testing.assert_allclose(parts[unit].residual, e / np.linalg.norm(e), atol=1e-6)
        root = np.sqrt(model.mu if name == "poisson" else model.mu / (1 + alpha * model.mu))
        W = X * root[:, None]
        h = W @ np.linalg.inv(W.T @ W)[item.design.column("slope_change")]
        np.testing.assert_allclose(parts[unit].contrasts[1], h / np.linalg.norm(h), atol=1e-6)


def test_binomial_answers(make_world, fitted):
    rng = np.random.default_rng(7)
    sizes = {unit: rng.uniform(200, 400, 60).round() for unit in UNITS}
    counts = {unit: rng.binomial(sizes[unit].astype(int), 0.7) for unit in UNITS}
    shares = {unit: 100 * counts[unit] / sizes[unit] for unit in UNITS}
    world = make_world(shares, denominators=sizes, counts=counts)
    outcome = {"indicator": "y", "kind": "percentage", "better": "higher", "seasonality": "none"}
    (item,) = estimates_of(
        world, fitted, "single", outcomes=[outcome], designs=["single"], estimators=["binomial"]
    )
    parts = parts_of([item], TERMS)
    for unit in item.units:
        answers = np.column_stack([counts[unit], sizes[unit] - counts[unit]])
        e = sm.GLM(answers, item.design.matrix, family=sm.families.Binomial()).fit(tol=1e-12).resid_pearson
        np.testing.assert_allclose(parts[unit].residual, e / np.linalg.norm(e), atol=1e-6)


def test_comparative_models_have_the_residuals_of_the_difference(world, fitted):
    (alone,) = estimates_of(world, fitted, estimators=["ols"])
    found = estimates_of(world, fitted, "peer_mean", designs=["peer_mean"], estimators=["ols"])
    parts = parts_of(found, TERMS)
    for unit, part in parts_of([alone], TERMS).items():
        np.testing.assert_allclose(parts[unit].residual, part.residual, atol=1e-8)
        np.testing.assert_allclose(parts[unit].contrasts, part.contrasts, atol=1e-8)
        assert parts[unit].estimate == pytest.approx(part.estimate)


def test_what_has_no_standard_error_has_no_part(world, fitted):
    found = estimates_of(world, fitted, "synthetic", designs=["synthetic"], estimators=["ols"])
    assert found
    assert parts_of(found, TERMS) == {}
    (item,) = estimates_of(world, fitted, estimators=["ols"])
    assert parts_of([item], [(0, "no_such_estimand")]) == {}
    numbers = item.statistics.estimates
    missing = replace(numbers, std_error=numbers.std_error.copy())
    missing.std_error[1] = np.nan
    lost = replace(item, statistics=replace(item.statistics, estimates=missing))
    assert list(parts_of([lost], TERMS)) == ["T1", "T3"]


def test_chunks_make_no_difference(world, fitted, monkeypatch):
    (item,) = estimates_of(world, fitted, estimators=["reml_ar"])
    whole = parts_of([item], TERMS)
    monkeypatch.setattr("its_eval.pipeline.set_parts.CHUNK_NUMBERS", 1)
    for unit, part in parts_of([item], TERMS).items():
        np.testing.assert_allclose(part.residual, whole[unit].residual, atol=1e-12)
