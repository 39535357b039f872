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
from msgspec import Struct
from scipy import special

from its_eval.estimators.fit import BoolArray, FloatArray
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


class OwnTest(Struct, frozen=True):
    """The test of a unit's own change by a question of l terms.

    Attributes
    ----------
    covariance : ndarray, shape (l, l)
        C: the joint F test rejects where ``b'C^{-1}b / l`` reaches F(l, df). For one term its squared
        standard error.
    df : float
        Denominator degrees of freedom; infinite for a known variance, NaN where there is no joint test:
        then ``min(1, l min p)`` of the terms' own tests is taken.
    term_df : ndarray, shape (l,)
        Degrees of freedom of each term's t test.
    """

    covariance: FloatArray
    df: float
    term_df: FloatArray

    @classmethod
    def of(cls, fit: Fit, series: int, contrasts: FloatArray) -> OwnTest:
        """Return the test of contrasts (l, k) of one series of a fit."""
        read = fit.one(series).contrasts(contrasts)
        if len(contrasts) == 1:
            return cls(np.square(read.std_error), float(read.df[0, 0]), read.df[0])
        test = joint_f(fit, series, contrasts)
        adjusted, model = (
            contrasts @ part[series] @ contrasts.T for part in (fit.covariance.adjusted, fit.covariance.model)
        )
        if not np.isfinite(model).all():
            return cls(model, test.df_den, read.df[0])
        # in directions in which the adjusted covariance is smaller, the test takes the model's
        root = np.linalg.cholesky(model)
        inverse = np.linalg.inv(root)
        values, axes = np.linalg.eigh(inverse @ adjusted @ inverse.T)
        covariance = root @ axes * np.maximum(values, 1.0) @ (root @ axes).T
        if np.isnan(test.statistic):
            return cls(covariance, test.df_den, read.df[0])
        wald = float(read.estimate[0] @ np.linalg.solve(covariance, read.estimate[0])) / len(contrasts)
        return cls(covariance * (wald / test.statistic), test.df_den, read.df[0])

    def rejects(
        self, errors: FloatArray, direction: FloatArray, alpha: float
    ) -> Callable[[float], BoolArray]:
        """Return which changes are found at level alpha, as a function of the size of an effect.

        Parameters
        ----------
        errors : ndarray, shape (l, n)
            Changes without the effect.
        direction : ndarray, shape (l,)
            What the effect adds to each term.
        alpha : float
        """
        size = self.covariance.shape[0]
        if np.isnan(self.df):
            critical = special.stdtrit(self.term_df, 1.0 - alpha / size / 2.0)
            return _any_beyond(errors, direction, critical * np.sqrt(np.diag(self.covariance)))
        known = np.isinf(self.df)
        least = special.chdtri(size, alpha) if known else size * special.fdtri(size, self.df, 1.0 - alpha)
        precision = np.linalg.inv(self.covariance)
        weighted = precision @ errors
        flat, tilt, bend = (
            (weighted * errors).sum(axis=0),
            2.0 * direction @ weighted,
            direction @ precision @ direction,
        )
        return lambda effect: np.asarray(flat + effect * (tilt + effect * bend) >= least)


def smallest_labelled(
    test: OwnTest,
    terms: Sequence[TermAttribution],
    directions: FloatArray,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> FloatArray:
    """Return the smallest effects that both tests find together with the given power.

    A unit's estimated change is its effect, a change of its own, and sampling error. In each term the change
    of its own has the variance ``kappa^2 (tau^2 + phi s^2) - s^2``, at least 0, and is t with the donors'
    degrees of freedom; the error has the covariance of the estimates and is t with theirs. An effect counts
    as found where the F test of all terms together rejects (for one term its t test) and the attribution p,
    ``min(1, l min p)``, does too.

    Parameters
    ----------
    test : OwnTest
        Of the unit's own change, by the l terms of the question.
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
        Infinite where no effect is large enough, NaN where the estimates have no covariance.

    Examples
    --------
    An effect of a unit whose interval of 100 degrees of freedom stands alone:

    >>> alone = OwnTest(np.array([[1.0]]), 100.0, np.array([100.0]))
    >>> found = smallest_labelled(alone, (), np.array([[1.0]]))
    >>> bool(abs(found[0] - 2.83) < 0.03)
    True
    """
    size = test.covariance.shape[0]
    if not np.isfinite(test.covariance).all():
        return np.full(len(directions), np.nan)
    errors = _changes(test, terms)
    bounds = np.array([_critical(term, alpha / size) for term in terms])

    def smallest(direction: FloatArray) -> float:
        rejects = test.rejects(errors, direction, alpha)
        if not terms:
            return _smallest(lambda effect: float(rejects(effect).mean()), direction, test.covariance, power)
        unusual = _any_beyond(errors, direction, bounds)
        return _smallest(
            lambda effect: float((rejects(effect) & unusual(effect)).mean()),
            direction,
            test.covariance,
            power,
        )

    return np.array([smallest(direction) for direction in directions])


def _any_beyond(
    errors: FloatArray, direction: FloatArray, bounds: FloatArray
) -> Callable[[float], BoolArray]:
    """Return which changes (l, n) reach the bound of any term, as a function of the size of an effect."""
    return lambda effect: np.asarray(
        (np.abs(errors + effect * direction[:, None]) >= bounds[:, None]).any(axis=0)
    )


def _critical(term: TermAttribution, alpha: float) -> float:
    return term.kappa * float(special.stdtrit(term.df, 1.0 - alpha / 2.0)) * term.spread


def _changes(test: OwnTest, terms: Sequence[TermAttribution]) -> FloatArray:
    """Simulate changes without an effect, shape (l, DRAWS)."""
    covariance = test.covariance
    normals, _ = _draws(covariance.shape[0])
    df = float(test.term_df.min()) if np.isnan(test.df) else test.df
    errors = np.linalg.cholesky(covariance) @ normals[0] * _t_factor(covariance.shape[0], 0, df)
    if not terms:
        return np.asarray(errors)
    whole = np.array([(term.kappa * term.spread) ** 2 for term in terms])
    own = np.sqrt(np.maximum(whole - np.diag(covariance), 0.0))
    return np.asarray(errors + own[:, None] * normals[1] * _t_factor(covariance.shape[0], 1, terms[0].df))


@lru_cache(maxsize=8)
def _t_factor(size: int, part: int, df: float) -> FloatArray:
    """Return what makes normals a t: the root of df over a chi-squared, by its inverse; shape (DRAWS,).

    Units judged by the same donors share the degrees of freedom of these.
    """
    chance = _draws(size)[1][part]
    return np.ones(chance.size) if np.isinf(df) else np.asarray(np.sqrt(df / special.chdtri(df, chance)))


@lru_cache(maxsize=8)
def _draws(size: int) -> tuple[FloatArray, FloatArray]:
    """Return normals (2, size, DRAWS) and uniforms (2, DRAWS), the same whatever is asked."""
    rng = np.random.default_rng(SEED)
    return rng.standard_normal((2, size, DRAWS)), rng.random((2, DRAWS))


def _smallest(
    share: Callable[[float], float], direction: FloatArray, covariance: FloatArray, power: float
) -> float:
    """Return the effect along a direction whose power is reached, by halving."""
    high = 1.0 / float(np.sqrt(direction @ np.linalg.solve(covariance, direction)))
    for _ in range(DOUBLINGS):
        if share(high) >= power:
            break
        high *= 2.0
    else:
        return np.inf
    low = 0.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if share(middle) >= power else (middle, high)
    return high
