"""How often the mean effect of a set, and its joint placebo, find an effect that is not there, or is.

Panels of five treated units among sixty others, AR(1) errors of .4, 83 months; each unit less the mean of its
nearest peers among the others. Treated units that are alike share peers, and regional shocks reach those that
are near each other. Run by ``make simulation``.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from its_eval.checks.joint_placebo import joint_placebo
from its_eval.effects.set_effect import set_effect, whitened_parts
from its_eval.effects.several_units import pool
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.reml.statistics import reml_ar_statistics
from its_eval.pipeline.set_parts import autoregressive
from its_eval.pipeline.truths import autoregressive_errors

N, TREATED, DONORS, RHO = 83, 5, 60, 0.4
UNITS = TREATED + DONORS
COMMON = (27,) * TREATED
STAGGERED = (27, 33, 39, 45, 51)
PANELS, BLOCK = 1000, 100
SLOPE, CHANGE = slice(1, 2), slice(0, 2)


def segmented(start):
    time = np.arange(N)
    columns = [np.ones(N), time - start, time >= start, np.maximum(time - start, 0)]
    return np.column_stack(columns).astype(float)


def standard_error(start, k):
    """Standard error of a slope with the true errors, for a unit less the mean of k peers."""
    V = RHO ** np.abs(np.subtract.outer(np.arange(N), np.arange(N))) * (1 + 1 / k)
    X = segmented(start)
    return np.sqrt(np.linalg.inv(X.T @ np.linalg.inv(V) @ X)[3, 3])


@dataclass(frozen=True)
class Cell:
    """One world.

    Attributes
    ----------
    dates : tuple of int
        Starts of the treated units.
    k : int
        Peers of each unit.
    alike : bool
        Whether the treated resemble each other.
    regional : float
        Share of the variance that neighbours have in common.
    breaks : float
        Standard deviation of a break of their own that all units have at the third start, in standard errors.
    slopes : tuple of float
        Effects on the slope, in standard errors.
    """

    dates: tuple[int, ...] = COMMON
    k: int = 10
    alike: bool = True
    regional: float = 0.0
    breaks: float = 0.0
    slopes: tuple[float, ...] = (0.0,) * TREATED

    def gaps(self, panels, rng):
        """Return units less the mean of their peers, shape (n, panels, units); the treated come first."""
        traits = rng.standard_normal((panels, UNITS, 3))
        if self.alike:
            centre = 0.5 * rng.standard_normal((panels, 1, 3))
            traits[:, :TREATED] = centre + 0.15 * rng.standard_normal((panels, TREATED, 3))
        apart = ((traits[:, :, None] - traits[:, None]) ** 2).sum(-1)

        def errors():
            drawn = autoregressive_errors(np.array([RHO]), N, panels * UNITS, rng)
            return drawn.reshape(N, panels, UNITS)

        values = errors()
        if self.regional:
            root = np.linalg.cholesky(np.exp(-apart / 2) + 1e-9 * np.eye(UNITS))
            shared = np.einsum("npu,pvu->npv", errors(), root)
            values = np.sqrt(1 - self.regional) * values + np.sqrt(self.regional) * shared
        if self.breaks:
            size = self.breaks * standard_error(self.dates[2], self.k) / np.sqrt(1 + 1 / self.k)
            after = segmented(self.dates[2])[:, 3]
            values += after[:, None, None] * size * rng.standard_normal((panels, UNITS))
        apart[:, :, :TREATED] = np.inf
        apart[:, np.arange(UNITS), np.arange(UNITS)] = np.inf
        nearest = np.argsort(apart, axis=2)[:, :, : self.k]
        means = values[:, np.arange(panels)[:, None, None], nearest].mean(axis=3)
        gaps = values - means
        for unit, (date, slope) in enumerate(zip(self.dates, self.slopes, strict=True)):
            effect = slope * standard_error(date, self.k) * segmented(date)[:, 3]
            gaps[:, :, unit] += effect[:, None]
        return gaps


def parts_at(start, gaps, terms):
    """Return the parts of every unit of every panel at one start: a list for each panel."""
    X, panels, units = segmented(start), *gaps.shape[1:]
    Y = gaps.reshape(N, -1)
    rows = np.eye(4)[[2, 3]][terms]
    read = reml_ar_statistics(X, Y, rows, 2)
    used, every = np.ones(N, dtype=bool), read.estimates
    parts = []
    for begin in range(0, Y.shape[1], 2000):
        chosen = slice(begin, begin + 2000)
        numbers = (every.estimate, every.std_error, every.df, every.df_unclipped)
        own = ContrastEstimates(*(item[chosen] for item in numbers))
        white = autoregressive(X, Y[:, chosen], used, read.partial_autocorrelations[chosen])
        parts += whitened_parts(*white, used, rows, own)
    return [parts[panel * units : (panel + 1) * units] for panel in range(panels)]


def p_values(cell, terms, seed, panels=PANELS, draws=0):
    """Return p-values by panel: of the set, of its joint placebo (NaN without draws), and of Paule-Mandel."""
    found = []
    for block in range(0, panels, BLOCK):
        rng = np.random.default_rng([seed, block])
        gaps = cell.gaps(BLOCK, rng)
        if not draws:
            gaps = gaps[:, :, :TREATED]
        at = {date: parts_at(date, gaps, terms) for date in set(cell.dates)}
        for panel in range(BLOCK):
            own = [at[date][panel][unit] for unit, date in enumerate(cell.dates)]
            estimate = np.array([part.estimate[-1] for part in own])
            std_error = np.array([part.std_error[-1] for part in own])
            p_placebo = np.nan
            if draws:
                everyone = {date: dict(enumerate(parts[panel])) for date, parts in at.items()}
                places = {unit: everyone[date] for unit, date in enumerate(cell.dates)}
                p_placebo = joint_placebo(places, rng, draws).p_value
            pooled = pool(estimate, std_error, "paule_mandel_mkh").p_value
            found.append((set_effect(own).p_value, p_placebo, pooled))
    return np.array(found).T


def size(p):
    return np.mean(p <= 0.05)


STARTS = pytest.mark.parametrize("dates", [COMMON, STAGGERED], ids=["common", "staggered"])
QUESTION = pytest.mark.parametrize("terms", [SLOPE, CHANGE], ids=["slope", "change"])
NULL = {
    "others": Cell(alike=False),
    "alike": Cell(),
    "alike, three peers": Cell(k=3),
    "alike, regional shocks": Cell(regional=0.5),
    "alike, three peers, regional shocks": Cell(k=3, regional=0.5),
}


@pytest.mark.slow
@QUESTION
@STARTS
@pytest.mark.parametrize("world", NULL)
def test_size_of_the_set(world, dates, terms):
    own, _, _ = p_values(replace(NULL[world], dates=dates), terms, seed=1, panels=4 * PANELS)
    print(f"{world}, {dates[-1]}, {terms}: {100 * size(own):.1f} %")
    assert 0.035 <= size(own) <= 0.065


@pytest.mark.slow
@STARTS
def test_size_where_effects_differ_and_their_mean_is_nil(dates):
    own, _, _ = p_values(Cell(dates, slopes=(3, -3, 2, -2, 0)), SLOPE, seed=1, panels=4 * PANELS)
    print(f"mean nil, {dates[-1]}: {100 * size(own):.1f} %")
    assert 0.035 <= size(own) <= 0.065


@pytest.mark.slow
@STARTS
@pytest.mark.parametrize(
    "slopes", [(1.5,) * 5, (5, -1, 4, 0, 2), (10, 0, 0, 0, 0)], ids=["equal", "spread", "one"]
)
def test_power_where_random_effects_have_little(slopes, dates):
    own, _, pooled = p_values(Cell(dates, alike=False, slopes=slopes), SLOPE, seed=1)
    print(f"{slopes}, {dates[-1]}: {100 * size(own):.1f} %, Paule-Mandel {100 * size(pooled):.1f} %")
    assert size(own) >= 0.82
    assert size(pooled) <= 0.65


@pytest.mark.slow
@STARTS
@pytest.mark.parametrize("world", [*NULL, "alike, breaks of their own"])
def test_size_of_the_joint_placebo(world, dates):
    cell = NULL.get(world, Cell(breaks=2.0))
    _, placebo, _ = p_values(replace(cell, dates=dates), SLOPE, seed=1, draws=999)
    print(f"{world}, {dates[-1]}: {100 * size(placebo):.1f} %")
    assert size(placebo) == pytest.approx(0.05, abs=3.5 * np.sqrt(0.05 * 0.95 / PANELS))
