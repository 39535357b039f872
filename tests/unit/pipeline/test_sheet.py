"""The sheet: which series share a design, how periods are weighted, and the variance of differences."""

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.design.matrix import Interruption, build_design
from its_eval.estimators.weights import binomial_variance
from its_eval.pipeline.plan import Others, Target
from its_eval.pipeline.sheet import make_sheet, sampling_variances

UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")
N, START = 60, 30


@pytest.fixture
def world(make_world, noisy):
    rng = np.random.default_rng(4)
    sizes = {unit: np.round(rng.uniform(80, 400, N)) for unit in UNITS}
    world = make_world(noisy(UNITS, n=N), denominators=sizes)
    world.settings |= {
        "outcomes": [world.outcome(kind="percentage")],
        "peers": {"k": 3},
        "designs": ["difference"],
        "estimators": ["reml_ar"],
    }
    return world


def variance_of_one(plan, unit, interruptions):
    """Return the sampling variance of a single unit on the scale of the fit, NaN where it is not known."""
    panel, usable = plan.panel, plan.usable(interruptions)
    season = plan.season.resolve(int(usable.sum()), plan.per_year)
    design = build_design(plan.positions, plan.per_year, panel.frequency, interruptions, season, plan.masked)
    values = np.where(usable, panel.values[:, panel.column(unit)], np.nan)
    sizes = panel.denominators[:, panel.column(unit)]
    variance = binomial_variance(design.matrix, values[:, None], sizes[:, None])[:, 0]
    if plan.outcome.transform == "logit":
        variance = 1e4 / (variance * sizes**2)
    return variance


def by_loop(plan, target):
    """Return ``b_T + sum_j b_j / k_t^2`` period by period."""
    panel = plan.panel
    own = variance_of_one(plan, target.unit, target.interruptions)
    others = {peer: variance_of_one(plan, peer, target.interruptions) for peer in target.peers}
    expected = np.full(panel.n_periods, np.nan)
    for t in range(panel.n_periods):
        total, count, unknown = 0.0, 0, False
        for peer, variance in others.items():
            if np.isnan(panel.values[t, panel.column(peer)]):
                continue  # it is not in the mean of this period
            if np.isnan(variance[t]):
                unknown = True
            total, count = total + variance[t], count + 1
        if not target.peers:
            expected[t] = own[t]
        elif count and not unknown:
            expected[t] = own[t] + total / count**2
    return expected


@pytest.mark.parametrize("transform", ["none", "logit"])
def test_the_variance_of_a_difference_is_summed_over_the_peers_of_the_period(world, transform):
    for unit in UNITS:
        world.values[unit] = np.clip(world.values[unit], 5.0, 95.0)
    for index in range(20, 26):  # no peer at all
        for unit in UNITS[2:]:
            world.values[unit][index] = np.nan
    world.values["D1"][[3, 4, 40]] = np.nan
    world.values["D2"][[4, 41]] = np.nan
    world.denominators["D3"][[7, 41]] = np.nan  # a value of nobody knows how many
    world.values["T1"][50] = np.nan
    config, _, plan = world.plan(
        outcomes=[world.outcome(kind="percentage", transform=transform)],
        peers={"k": 3, "min_coverage": 0.5},
        events=[{"name": "Strike", "date": world.period(9), "as": "mask"}],
    )
    assert config.designs == ("difference",)
    (law,) = plan.interruptions["T1"]
    targets = [
        *COMPARISONS["difference"].targets(plan),
        Target("T1", (law,), ("D1", "D2", "D3")),
        Target("T2", (law,), ("D1",)),
        Target("T2", (law,), ()),
        # another start, another model of the percentages
        Target("D4", (replace(law, start=law.start - 6),), ("D1", "D2")),
        # as that of T1, but an object of its own
        Target("D4", (replace(law),), ("D2", "D3", "D1")),
    ]
    got = sampling_variances(plan, targets)
    assert got.shape == (N, len(targets))
    for place, target in enumerate(targets):
        expected = by_loop(plan, target)
        expected[9] = got[9, place] = np.nan  # masked: what stands there enters no fit
        np.testing.assert_allclose(got[:, place], expected, rtol=1e-12, err_msg=str(target))
        assert np.isfinite(expected).any()
    third = got[:, 2]
    assert np.isnan(third[[7, 41, 50, *range(20, 26)]]).all()
    assert np.isfinite(third[[3, 4, 40]]).all()


def test_only_weighted_percentages_have_a_sampling_variance(world):
    _, _, plan = world.plan()
    targets = COMPARISONS["difference"].targets(plan)
    assert np.isfinite(sampling_variances(plan, targets)).all()
    assert np.isnan(sampling_variances(replace(plan, weighted=False), targets)).all()
    for outcome in ({"kind": "number"}, {"kind": "percentage", "transform": "log"}):
        _, _, other = world.plan(outcomes=[world.outcome(**outcome)])
        assert np.isnan(sampling_variances(other, targets)).all()


def test_series_with_equal_interruptions_share_a_design_whether_or_not_they_are_one_object(world):
    _, _, plan = world.plan()
    early = Interruption("Law", START - 3)
    again = Interruption("Law", START - 3)
    late, event = Interruption("Law", START), Interruption("Flood", 45, "step")
    interruptions = [
        *((early,), (late,), (again,), (late, event), (early,), (replace(late), replace(event))),
    ]
    assert interruptions[0] is not interruptions[2]
    units = ("T1", "T2", "D1", "D2", "D3", "D4")
    targets = [Target(unit, found) for unit, found in zip(units, interruptions, strict=True)]
    sheet = make_sheet(plan, targets, "single")
    assert [group.tolist() for group in sheet.groups()] == [[0, 2, 4], [1], [3, 5]]
    # the same by any other order: groups as their first series come, series within in their order
    turned = make_sheet(plan, targets[::-1], "single")
    assert [group.tolist() for group in turned.groups()] == [[0, 2], [1, 3, 5], [4]]
    empty = make_sheet(plan, [], "single")
    assert empty.groups() == []
    assert empty.values.shape == (N, 0)


def test_series_with_covariates_of_their_own_have_designs_of_their_own(world):
    rng = np.random.default_rng(1)
    for unit in UNITS:
        world.add("rain", unit, rng.normal(0, 1, N))
    _, _, plan = world.plan(outcomes=[world.outcome(kind="percentage", covariates=["rain"])])
    targets = [replace(target, peers=()) for target in COMPARISONS["difference"].targets(plan)]
    sheet = make_sheet(plan, targets, "single")
    assert [group.tolist() for group in sheet.groups()] == [[0], [1]]
    plain = replace(sheet, covariates=(None, None), covariate_names=((), ()))
    assert [group.tolist() for group in plain.groups()] == [[0, 1]]
    # one alone has covariates: the other is in the group of those that have none
    mixed = replace(sheet, covariates=(None, sheet.covariates[1]), covariate_names=((), ("rain",)))
    assert [group.tolist() for group in mixed.groups()] == [[0], [1]]


@pytest.mark.parametrize(
    ("outcome", "divisor"),
    [({"kind": "percentage"}, 100.0), ({"kind": "count", "per": 1000}, 1000.0), ({"kind": "count"}, 1.0)],
)
def test_what_a_period_counts_in_a_cumulative_effect(world, outcome, divisor):
    world.denominators["T2"][12] = np.nan
    world.denominators["D1"][11] = np.nan
    for unit in UNITS:
        world.values[unit] = np.round(world.values[unit])
    _, _, plan = world.plan(outcomes=[world.outcome(**outcome)])
    (law,) = plan.interruptions["T1"]
    sheet = make_sheet(plan, [Target(unit, (law,)) for unit in ("T1", "T2", "D1", "D2")], "single")
    observed = np.ones(N, dtype=bool)
    observed[11] = False  # D1 has all denominators of the periods that are used
    columns = np.array([2, 1, 0])
    got = sheet.weights(columns, observed)
    assert got.shape == (3, N)
    for row, unit in zip(got, ("D1", "T2", "T1"), strict=True):
        expected = world.denominators[unit] / divisor
        if unit == "T2":
            expected = np.full(N, np.nan if outcome["kind"] == "percentage" else 1.0)
        np.testing.assert_array_equal(row, expected)
    lacking = sheet.weights(np.array([1]), observed)
    if outcome["kind"] == "percentage":
        assert lacking is None
    else:
        np.testing.assert_array_equal(lacking, np.ones((1, N)))


def test_numbers_count_one_in_every_period(world):
    _, _, plan = world.plan(outcomes=[world.outcome(kind="number")])
    (law,) = plan.interruptions["T1"]
    sheet = make_sheet(plan, [Target("T1", (law,))], "single")
    np.testing.assert_array_equal(sheet.weights(np.array([0]), np.ones(N, dtype=bool)), np.ones((1, N)))


@pytest.mark.parametrize("kind", ["number", "percentage"])
@pytest.mark.parametrize("gap", [False, True])
def test_everybody_else_is_a_list_of_everybody_else(world, kind, gap):
    if gap:
        world.values["D3"][5] = np.nan
    _, _, plan = world.plan(outcomes=[world.outcome(kind=kind)])
    pool, interruptions = UNITS[2:], plan.interruptions["T1"]
    short = [Target(unit, interruptions, Others(pool, unit)) for unit in pool]
    long = [Target(unit, interruptions, tuple(Others(pool, unit))) for unit in pool]
    assert [item.peers for item in long] == [tuple(c for c in pool if c != unit) for unit in pool]
    assert (len(short[0].peers), short[0].peers[1], short[0].peers[:1]) == (3, "D3", ("D2",))
    assert len({*short, *(Target(unit, interruptions, Others(pool, unit)) for unit in pool)}) == len(pool)
    found, expected = (make_sheet(plan, targets, "difference", subtract=True) for targets in (short, long))
    assert np.isfinite(found.values).sum() > N
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-10)
    assert np.isnan(found.sampling).all() == (kind == "number")
    np.testing.assert_allclose(found.sampling, expected.sampling, rtol=1e-12)
