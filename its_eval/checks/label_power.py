"""The smallest effect that would get the label *changed, more than other units do*.

That takes both p-values, of the unit's own change and of its attribution. Whoever reads "no clear change" has
to know what would have been called one; the smallest effect of the interval alone (``checks.power``) is too
small, because donors change by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from its_eval.estimators.fit import FloatArray
from its_eval.estimators.reml.kenward_roger import joint_f

if TYPE_CHECKING:
    from its_eval.effects.attribution import TermAttribution
    from its_eval.estimators.fit import Fit

#: Simulated changes of a unit, and the seed of all of them.
DRAWS = 20_000
SEED = 20_150_701
#: Halvings of the bracket of the smallest effect.
HALVINGS = 30
#: Doublings of the first guess after which no effect is large enough.
DOUBLINGS = 60


def joint_covariance(fit: Fit, series: int, contrasts: FloatArray) -> tuple[FloatArray, float]:
    """Return C and m such that the joint F test of a fit rejects where ``b'C^{-1}b / l`` reaches F(l, m).

    Parameters
    ----------
    fit : Fit
    series : int
        Which of its series.
    contrasts : ndarray, shape (l, k)

    Returns
    -------
    ndarray, shape (l, l), and float
        NaN where there is no joint test. For one contrast its squared standard error and degrees of freedom.
    """
    test = joint_f(fit, series, contrasts)
    read = fit.one(series).contrasts(contrasts)
    covariance = fit.covariance
    adjusted = contrasts @ covariance.adjusted[series] @ contrasts.T
    model = contrasts @ covariance.model[series] @ contrasts.T
    # in directions in which the adjusted covariance is smaller, the test takes the model's
    root = np.linalg.cholesky(model)
    inverse = np.linalg.inv(root)
    values, axes = np.linalg.eigh(inverse @ adjusted @ inverse.T)
    whole = root @ axes * np.maximum(values, 1.0) @ (root @ axes).T
    change = read.estimate[0]
    wald = float(change @ np.linalg.solve(whole, change)) / len(contrasts)
    return np.asarray(whole * (wald / test.statistic)), test.df_den


def smallest_labelled(
    covariance: FloatArray,
    df: float,
    terms: Sequence[TermAttribution],
    directions: FloatArray,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> FloatArray:
    """Return the smallest effects that both tests find together with the given power.

    A unit's estimated change is its effect, a change of its own, and sampling error. In each term its own
    change has the variance ``kappa^2 (tau^2 + phi s^2) - s^2``, not less than 0, and is t with the donors'
    degrees of freedom; the error has the covariance of the estimates and is t with theirs. An effect counts
    as found where the F test of all terms together rejects (for one term its t test) and the attribution p
    does too, which is ``min(1, l min p)``.

    Parameters
    ----------
    covariance : ndarray, shape (l, l)
        Of the l terms of the question: ``joint_covariance``, for one term the squared standard error.
    df : float
        Denominator degrees of freedom of their test.
    terms : sequence of TermAttribution
        One for each term, or none where there are no donors: then the test alone has to find it.
    directions : ndarray, shape (D, l)
        What one unit of an effect adds to each term. For the effect at 12 months ``(1, 0)`` is one of level
        alone and ``(0, 1/12)`` one of slope alone.
    alpha : float
        Level of each of the two tests; divided by the M tests of a family beforehand.
    power : float

    Returns
    -------
    ndarray, shape (D,)
        Above 0; by 20,000 draws of a fixed seed, so that the simulated power is good to .3 percentage points.
        Infinite where no effect is large enough, NaN where the covariance is.

    Examples
    --------
    An effect of a unit whose interval of 100 degrees of freedom stands alone:

    >>> found = smallest_labelled(np.array([[1.0]]), 100.0, (), np.array([[1.0]]))
    >>> bool(abs(found[0] - 2.83) < 0.03)
    True
    """
    size = covariance.shape[0]
    if not np.isfinite(covariance).all() or np.isnan(df):
        return np.full(len(directions), np.nan)
    errors = _changes(covariance, df, terms)
    precision = np.linalg.inv(covariance)
    least_f = (
        float(special.fdtri(size, df, 1.0 - alpha)) if np.isfinite(df) else special.chdtri(size, alpha) / size
    )
    bounds = np.array([_critical(term, alpha / size) for term in terms])

    scaled = errors @ precision
    alone = np.einsum("ni,ni->n", scaled, errors) - size * least_f

    def power_of(direction: FloatArray) -> Callable[[float], float]:
        """Return the power as a function of the effect: what is tested is quadratic in it."""
        crossed, squared = 2.0 * (scaled @ direction), float(direction @ precision @ direction)

        def found(effect: float) -> float:
            rejects = alone + effect * crossed + effect**2 * squared >= 0.0
            if terms:
                reached = [np.abs(errors[:, i] + effect * direction[i]) >= bounds[i] for i in range(size)]
                rejects &= np.logical_or.reduce(reached)
            return float(rejects.mean())

        return found

    return np.array(
        [_smallest(power_of(direction), direction, covariance, power) for direction in directions]
    )


def _critical(term: TermAttribution, alpha: float) -> float:
    return term.kappa * float(special.stdtrit(term.df, 1.0 - alpha / 2.0)) * term.spread


def _changes(covariance: FloatArray, df: float, terms: Sequence[TermAttribution]) -> FloatArray:
    """Simulate changes without an effect, shape (DRAWS, l)."""
    size = covariance.shape[0]
    normals, chance = _draws(size)
    errors = normals[0] @ np.linalg.cholesky(covariance).T * _t_factor(chance[:, 0], df)
    if not terms:
        return np.asarray(errors)
    whole = np.array([(term.kappa * term.spread) ** 2 for term in terms])
    own = np.sqrt(np.maximum(whole - np.diag(covariance), 0.0))
    return np.asarray(errors + own * normals[1] * _t_factor(chance[:, 1], terms[0].df))


def _t_factor(chance: FloatArray, df: float) -> FloatArray:
    """Return what makes a standard normal a t: the root of df over a chi-squared by its inverse, (n, 1)."""
    if np.isinf(df):
        return np.ones((chance.size, 1))
    return np.asarray(np.sqrt(df / special.chdtri(df, chance)))[:, None]


@lru_cache(maxsize=8)
def _draws(size: int) -> tuple[FloatArray, FloatArray]:
    """Return normals (2, DRAWS, size) and uniforms (DRAWS, 2), the same whatever is asked."""
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((2, DRAWS, size)), rng.random((DRAWS, 2))


def _smallest(
    found: Callable[[float], float], direction: FloatArray, covariance: FloatArray, power: float
) -> float:
    """Return the effect along a direction whose power is reached, by halving."""
    high = 1.0 / float(np.sqrt(direction @ np.linalg.solve(covariance, direction)))
    for _ in range(DOUBLINGS):
        if found(high) >= power:
            break
        high *= 2.0
    else:
        return np.inf
    low = 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if found(middle) >= power else (middle, high)
    return high
