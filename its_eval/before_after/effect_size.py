"""Effect sizes of a paired t-test, from the data or from a published t and its degrees of freedom."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class EffectSize:
    """Effect sizes that follow from t, its degrees of freedom and the number of pairs.

    Attributes
    ----------
    p_value : float
        Two-sided p-value of the paired t-test.
    r : float
        √(t² / (t² + df)), between 0 and 1. Not a correlation between two measurements: for paired data it
        says the same as `dz`.
    dz : float
        Cohen's d_z: mean change over the standard deviation of the changes.
    dz_low, dz_high : float
        Ends of its interval.
    """

    p_value: float
    r: float
    dz: float
    dz_low: float
    dz_high: float


def effect_size(t: float, df: float, n: int | None = None, confidence: float = 0.95) -> EffectSize:
    """Return the effect sizes of a paired t-test.

    Parameters
    ----------
    t : float
        Statistic of the test.
    df : float
        Degrees of freedom, above 0.
    n : int, optional
        Number of pairs; df + 1 when left out.
    confidence : float
        Level of the interval of d_z.

    Notes
    -----
    r as in Rosenthal (1991, *Meta-Analytic Procedures for Social Research*), d_z = t / √n as in Cohen (1988,
    *Statistical Power Analysis*, section 2.3), its interval by :func:`noncentrality_interval`.

    Examples
    --------
    >>> size = effect_size(4.077, 81)
    >>> round(size.r, 3), round(size.dz, 2), round(size.dz_low, 2), round(size.dz_high, 2)
    (0.413, 0.45, 0.22, 0.68)
    """
    from scipy import special  # noqa: PLC0415  (start-up time)

    root = math.sqrt(df + 1.0 if n is None else float(n))
    low, high = noncentrality_interval(t, df, confidence)
    p_value = 2.0 * float(special.stdtr(df, -abs(t)))
    return EffectSize(p_value, math.sqrt(t * t / (t * t + df)), t / root, low / root, high / root)


def noncentrality_interval(t: float, df: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the noncentralities for which an observed t lies at either edge of the usual.

    Parameters
    ----------
    t : float
        Observed statistic.
    df : float
        Degrees of freedom.
    confidence : float
        Level.

    Returns
    -------
    tuple of float
        The noncentrality that makes a larger t as rare as (1 − confidence) / 2, and that which does so for
        a smaller one.

    Notes
    -----
    Inversion of the noncentral t distribution (Steiger & Fouladi 1997; Cumming & Finch 2001), as in
    ``conf.limits.nct`` of R's MBESS.
    """
    from scipy import optimize, stats  # noqa: PLC0415  (start-up time)

    if t < 0:
        # the direct form of the lower tail loses digits far out; the mirror image does not
        low, high = noncentrality_interval(-t, df, confidence)
        return -high, -low
    tail = (1.0 - confidence) / 2.0

    def above(noncentrality: float) -> float:
        return float(stats.nct.sf(t, df, noncentrality)) - tail

    def below(noncentrality: float) -> float:
        return float(stats.nct.cdf(t, df, noncentrality)) - tail

    # the standard deviation of t as an estimate of the noncentrality; wide enough but not into empty tails
    spread = math.sqrt(1.0 + t * t / (2.0 * df))
    low_end, high_end = t - 3.0 * spread, t + 3.0 * spread
    while above(low_end) > 0.0:
        low_end -= spread
    while below(high_end) > 0.0:
        high_end += spread
    low = optimize.brentq(above, low_end, t + spread, xtol=1e-12, rtol=1e-13)
    high = optimize.brentq(below, t - spread, high_end, xtol=1e-12, rtol=1e-13)
    return float(low), float(high)
