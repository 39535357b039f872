"""How often a unit without an intervention is called unusual, and how often an effect of the stated size is.

Run by ``make simulation``. 60 donors whose noise differs, with breaks of their own or without, the treated
unit being quiet, ordinary or noisy.
"""

from functools import cache

import numpy as np
import pytest
from attribution_panels import TERMS, World, panels

from its_eval.checks.label_power import OwnTest, smallest_labelled
from its_eval.effects.attribution import attribution
from its_eval.estimators.fit import ContrastEstimates
from its_eval.estimators.reml.kenward_roger import joint_f

pytestmark = pytest.mark.slow

PANELS = 1000
#: Drawn in parts, so that none takes much memory.
PARTS = 5
ONE = np.array([[1.0]])
SHOCKS = {"breaks": "absolute", "regional": 0.5, "k": 3}
CELLS = {
    (name, sd): {**kinds, "treated_sd": sd}
    for name, kinds in {
        "absolute": {"breaks": "absolute"},
        "proportional": {"breaks": "proportional"},
        "none": {},
        "regional shocks, three peers": SHOCKS,
    }.items()
    for sd in (0.4, 1.0, 2.5)
}
WORST = 8 + 3.5 * np.sqrt(8 * 92 / PANELS)


def sizes(seed, n_panels=PANELS, world=World(), **kinds):  # noqa: B008
    """Percentages of panels rejected at 5 %: attribution of level, of slope, of both as one question, and its rank."""
    drawn = panels(np.random.default_rng(seed), n_panels, world, **kinds)
    rejected = np.zeros((n_panels, 4))
    for panel in range(n_panels):
        (found,) = attribution(*drawn.pair(panel), centred=True)
        each = [term.p_value for term in found.terms]
        rejected[panel] = np.array([*each, found.p_value, found.rank_p_value]) <= 0.05
    return 100 * rejected.mean(axis=0)


@pytest.fixture(autouse=True)
def without_limits(monkeypatch):
    """Leave out a limit that no p-value depends on, and that takes half of the time."""
    monkeypatch.setattr("its_eval.effects.attribution.own_change_limit", lambda *_, **__: np.nan)


@cache
def of_cell(cell):
    seeds = [[20150701, list(CELLS).index(cell), part] for part in range(PARTS)]
    return np.mean([sizes(seed, PANELS // PARTS, **CELLS[cell]) for seed in seeds], axis=0)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_no_kind_of_unit_is_often_called_unusual(cell):
    assert (of_cell(cell) <= WORST).all(), of_cell(cell)


def test_units_are_called_unusual_at_the_nominal_rate():
    mean = np.mean([of_cell(cell) for cell in CELLS], axis=0)
    assert (mean >= 4).all(), mean
    assert (mean <= 6).all(), mean


@pytest.mark.parametrize("breaks", ["none", "absolute"])
@pytest.mark.parametrize(
    ("world", "J"),
    [(World(rho=0.8), 60), (World(n=24, start=12), 60), (World(n=134, start=78), 60), (World(), 20)],
)
def test_other_lengths_autocorrelations_and_few_donors(world, J, breaks):
    worst = 8 + 3.5 * np.sqrt(8 * 92 / 500)
    assert (sizes(3, 500, world, J=J, breaks=breaks) <= worst).all()


def moved(own, effect):
    """The treated unit with each effect (D, m) in turn."""
    estimate = own.estimate + np.atleast_2d(effect)
    std_error, df = (np.broadcast_to(part, estimate.shape) for part in (own.std_error, own.df))
    return ContrastEstimates(estimate, std_error, df, df)


def labelled(seed, n_panels, breaks):
    """Shares labelled of effects of the stated size: of slope alone, and of both terms by level and by slope.

    The smallest effect by each panel's own record, added to the treated unit of that panel.
    """
    drawn = panels(np.random.default_rng(seed), n_panels, breaks=breaks)
    found = np.zeros((n_panels, 3))
    directions = np.array([[1.0, 0.0], [0.0, 1 / 12]])
    for panel in range(n_panels):
        own, donors = drawn.pair(panel, [1])
        (before,) = attribution(own, donors, centred=True)
        test = OwnTest(own.std_error**2, own.df[0, 0], own.df[0])
        changed = moved(own, smallest_labelled(test, before.terms, ONE))
        (after,) = attribution(changed, donors, centred=True)
        found[panel, 0] = max(changed.p_value[0, 0], after.p_value) <= 0.05
        own, donors = drawn.pair(panel)
        (before,) = attribution(own, donors, centred=True)
        fit = drawn.fit(panel)
        added = directions * smallest_labelled(OwnTest.of(fit, 0, TERMS), before.terms, directions)[:, None]
        both = attribution(moved(own, added), donors, centred=True)
        for column, (effect, after) in enumerate(zip(added, both, strict=True), start=1):
            fit.params[0, 2:] += effect
            joint = joint_f(fit, 0, TERMS).p_value
            if np.isnan(joint):  # no joint test: as the verdicts do
                joint = min(1.0, 2 * fit.contrasts(TERMS).p_value.min())
            fit.params[0, 2:] -= effect
            found[panel, column] = max(joint, after.p_value) <= 0.05
    return found.mean(axis=0)


@pytest.mark.parametrize("breaks", ["none", "absolute"])
def test_an_effect_of_the_stated_size_is_labelled_four_times_in_five(breaks):
    n_panels = 500
    shares = np.mean([labelled([32, part], n_panels // PARTS, breaks) for part in range(PARTS)], axis=0)
    error = 3.5 * np.sqrt(0.16 / n_panels)
    # kappa and phi are at least 1: where units have no changes of their own, the stated effect is rather large
    assert (shares >= 0.8 - error).all(), shares
    assert (shares <= 0.8 + error + 0.03).all(), shares
