"""What changed between two measurements of the same projects, with tests and effect sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


class EffectSize(Struct, frozen=True):
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


#: Changes closer together than this share of the largest are the same but for the way decimals are stored.
_SAME = 1e-12
#: Up to so many pairs the signed-rank test is exact.
_MOST_EXACT = 50


class PairedChange(Struct, frozen=True):
    """Measurements of the same projects at two times.

    Attributes
    ----------
    n_pairs : int
        Projects measured both times.
    sum_baseline, sum_follow_up, sum_change : float
        Sums over projects; the change is follow-up minus baseline.
    percent_change : float
        Change of the sum (and of the mean) in per cent of the baseline.
    percent_change_std_error : float
        Its standard error.
    median_percent_change : float
        Median over projects of their own change in per cent: large projects weigh no more than small ones.
    mean_baseline, std_error_baseline, mean_follow_up, std_error_follow_up : float
        Means and their standard errors.
    mean_change, sd_change, std_error_change, conf_low, conf_high : float
        Mean of the changes, their standard deviation, standard error and interval.
    t, df, p_value : float
        Paired t-test, two-sided.
    r, cohens_dz, dz_low, dz_high : float
        Effect sizes.
    wilcoxon, wilcoxon_p : float
        Signed-rank test, two-sided: the smaller rank sum; pairs without change do not count.
    n_lower, n_equal, n_higher : int
        Projects by direction of change.

    Notes
    -----
    What cannot be known is NaN: standard errors of fewer than two pairs, tests of changes that are all the
    same, per cent of nothing.
    """

    n_pairs: int
    sum_baseline: float
    sum_follow_up: float
    sum_change: float
    percent_change: float
    percent_change_std_error: float
    median_percent_change: float
    mean_baseline: float
    std_error_baseline: float
    mean_follow_up: float
    std_error_follow_up: float
    mean_change: float
    sd_change: float
    std_error_change: float
    conf_low: float
    conf_high: float
    t: float
    df: float
    p_value: float
    r: float
    cohens_dz: float
    dz_low: float
    dz_high: float
    wilcoxon: float
    wilcoxon_p: float
    n_lower: int
    n_equal: int
    n_higher: int


def paired_change(baseline: Values, follow_up: Values, confidence: float = 0.95) -> PairedChange:
    """Return what changed between two measurements of the same projects.

    Parameters
    ----------
    baseline, follow_up : ndarray, shape (n,)
        Measurements of project i in place i, none missing, n at least 1.
    confidence : float
        Level of the intervals.

    Notes
    -----
    The per cent change is the ratio of two sums over a sample of projects; its standard error is that of a
    ratio estimator, √(Σ(f − Rb)² / (n(n − 1))) / mean(b) with R = Σf / Σb (Cochran 1977, *Sampling
    Techniques*, section 2.11). The signed-rank test is exact up to 50 pairs, also
    with ties: the ways to reach each rank sum are counted by the shift algorithm (Streitberg & Röhmel 1986,
    *Statistical Software Newsletter* 12:10), which is far quicker than going through all signs. With more
    pairs it is the normal approximation.
    """
    change = follow_up - baseline
    n = len(change)
    total, later = float(baseline.sum()), float(follow_up.sum())
    mean, sd = float(change.mean()), _sd(change)
    std_error = sd / math.sqrt(n)
    low, high, t, p_value, sizes = _t_test(change, sd, confidence)
    rank_sum, rank_p = _signed_rank(change)
    ratio = later / total if total else math.nan
    scatter = _std_error(follow_up - ratio * baseline) / abs(total / n) if total else math.nan
    own = 100.0 * change[baseline != 0] / np.abs(baseline[baseline != 0])
    directions = np.sign(_settled(change))
    return PairedChange(
        n_pairs=n,
        sum_baseline=total,
        sum_follow_up=later,
        sum_change=later - total,
        percent_change=100.0 * (later - total) / abs(total) if total else math.nan,
        percent_change_std_error=100.0 * scatter,
        median_percent_change=float(np.median(own)) if len(own) == n else math.nan,
        mean_baseline=float(baseline.mean()),
        std_error_baseline=_std_error(baseline),
        mean_follow_up=float(follow_up.mean()),
        std_error_follow_up=_std_error(follow_up),
        mean_change=mean,
        sd_change=sd,
        std_error_change=std_error,
        conf_low=low,
        conf_high=high,
        t=t,
        df=float(n - 1) if n > 1 else math.nan,
        p_value=p_value,
        r=sizes[0],
        cohens_dz=sizes[1],
        dz_low=sizes[2],
        dz_high=sizes[3],
        wilcoxon=rank_sum,
        wilcoxon_p=rank_p,
        n_lower=int((directions < 0).sum()),
        n_equal=int((directions == 0).sum()),
        n_higher=int((directions > 0).sum()),
    )


def _sd(values: Values) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _std_error(values: Values) -> float:
    """Return the standard error of a mean (of a residual that sums to zero: of a ratio estimator)."""
    return _sd(values) / math.sqrt(len(values))


def _t_test(
    change: Values, sd: float, confidence: float
) -> tuple[float, float, float, float, tuple[float, float, float, float]]:
    """Return interval, t, p and effect sizes; NaN where the changes do not vary."""
    from scipy import stats  # noqa: PLC0415  (start-up time)

    unknown = (math.nan, math.nan, math.nan, math.nan)
    if not sd > _SAME * float(np.abs(change).max()):
        return (*unknown, unknown)
    test = stats.ttest_1samp(change, 0.0)
    interval = test.confidence_interval(confidence)
    size = effect_size(float(test.statistic), float(test.df), confidence=confidence)
    sizes = (size.r, size.dz, size.dz_low, size.dz_high)
    return float(interval.low), float(interval.high), float(test.statistic), float(test.pvalue), sizes


def _signed_rank(change: Values) -> tuple[float, float]:
    """Return the smaller rank sum and its p-value; NaN when fewer than two pairs changed."""
    from scipy import stats  # noqa: PLC0415  (start-up time)

    settled = _settled(change)
    changed = settled[settled != 0.0]
    if len(changed) < 2:
        return math.nan, math.nan
    if len(changed) > _MOST_EXACT:
        test = stats.wilcoxon(changed)
        return float(test.statistic), float(test.pvalue)
    # twice the ranks are whole numbers also where ties share one
    ranks = np.rint(2.0 * stats.rankdata(np.abs(changed))).astype(np.int64)
    below = int(min(ranks[changed > 0].sum(), ranks[changed < 0].sum()))
    ways = np.ones(1)
    for rank in ranks:
        ways = np.append(ways, np.zeros(rank)) + np.append(np.zeros(rank), ways)
    return below / 2.0, min(1.0, 2.0 * float(ways[: below + 1].sum()) / 2.0 ** len(changed))


def _settled(change: Values) -> Values:
    """Return changes without the dust of decimals, so that 0.3 − 0.1 and 0.4 − 0.2 are a tie."""
    largest = float(np.abs(change).max())
    if largest == 0.0:
        return change
    return np.round(change, 11 - math.floor(math.log10(largest)))
