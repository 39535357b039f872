"""Designs, errors and dense matrices for the checks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import linalg


def design(n, start, months=True):
    """Constant, trend, level and slope change, and sum-to-zero months."""
    t = np.arange(n)
    X = np.column_stack([np.ones(n), t - start, t >= start, np.maximum(t - start, 0)])
    season = (t[:, None] % 12 == np.arange(11)) * 1.0
    season[t % 12 == 11] = -1.0
    return np.hstack([X, season]) if months else X


def covariance(partials, n):
    """Covariance of an AR process with innovation variance 1, from its moving-average weights."""
    r1, r2 = [*partials, 0.0, 0.0][:2]
    phi = np.array([r1 * (1 - r2), r2])
    weights = [1.0]
    for lag in range(1, 4000):
        before = weights[-1:-3:-1] if lag > 1 else weights[-1:]
        weights.append(float(np.dot(phi[: len(before)], before)))
    weights = np.array(weights)
    return linalg.toeplitz([weights[: 4000 - lag] @ weights[lag:] for lag in range(n)])


def ar_series(seed, partials, n, count):
    factor = np.linalg.cholesky(covariance(partials, n))
    return factor @ np.random.default_rng(seed).standard_normal((n, count))


@pytest.fixture
def made():
    return SimpleNamespace(design=design, covariance=covariance, ar_series=ar_series)
