"""The joint placebo against every set counted by hand, and sets drawn as likely as they should be."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy import stats

from its_eval.checks import joint_placebo as module
from its_eval.checks.joint_placebo import (
    eligible_sets,
    every_set,
    joint_placebo,
    random_sets,
    set_statistics,
)
from its_eval.effects.set_effect import PartStack, UnitPart, set_effect


def random_parts(names, rng, terms=1, n=20):
    """Parts of units whose residuals and contrasts have something in common."""
    parts = {}
    for name in names:
        e, h = rng.standard_normal(n) + 1, rng.standard_normal((terms, n)) + 1
        own = (rng.standard_normal(terms), rng.uniform(0.5, 2, terms), np.full(terms, 9.0))
        h /= np.linalg.norm(h, axis=1, keepdims=True)
        parts[name] = UnitPart(*own, e / np.linalg.norm(e), h)
    return parts


def statistic(parts):
    found = set_effect(parts)
    return np.abs(found.statistic).max()


def names(count):
    return [f"u{place:02d}" for place in range(count)]


@pytest.mark.parametrize("terms", [1, 2])
def test_all_sets_of_all_units_with_one_start(terms):
    units = names(9)
    parts = random_parts(units, np.random.default_rng(1), terms)
    found = joint_placebo(dict.fromkeys(units[:3], parts), np.random.default_rng(2))
    every = [statistic([parts[unit] for unit in chosen]) for chosen in combinations(units, 3)]
    assert found.statistic == pytest.approx(every[0], rel=1e-12)
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= every[0] * (1 - 1e-9)))
    assert (found.n_sets, found.every_set, found.n_units) == (84, True, 9)
    assert found.smallest_p == 1 / 84
    assert found.can_reach(0.05)


def test_all_sets_of_staggered_starts_are_in_order():
    units, rng = names(5), np.random.default_rng(3)
    early, late = random_parts(units, rng), random_parts(units, rng)
    places = {"u00": early, "u01": late, "u02": early}
    found = joint_placebo(places, rng)
    every = [statistic([early[a], late[b], early[c]]) for a, b, c in permutations(units, 3) if a < c]
    assert found.n_sets == len(every) == 30
    own = statistic([early["u00"], late["u01"], early["u02"]])
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= own * (1 - 1e-9)))


def test_all_sets_of_those_who_may_stand_in():
    units, rng = names(6), np.random.default_rng(4)
    first, second = random_parts(units[:4], rng), random_parts(units[1:], rng)
    found = joint_placebo({"u00": first, "u01": second}, rng)
    every = [statistic([first[a], second[b]]) for a, b in product(units[:4], units[1:]) if a != b]
    assert (found.n_sets, found.every_set) == (17, True)
    own = statistic([first["u00"], second["u01"]])
    assert found.p_value == pytest.approx(np.mean(np.array(every) >= own * (1 - 1e-9)))


def test_one_unit_is_ranked_among_all():
    parts = random_parts(names(30), np.random.default_rng(5))
    found = joint_placebo({"u07": parts}, np.random.default_rng(6))
    ratios = [abs(part.estimate[0] / part.std_error[0]) for part in parts.values()]
    assert found.p_value == pytest.approx(np.mean(np.array(ratios) >= ratios[7]))
    assert found.n_sets == 30


@pytest.mark.parametrize("kind", ["one start", "staggered", "masks"])
def test_random_sets_are_close_to_all_sets(kind):
    units, rng = names(14), np.random.default_rng(7)
    parts, other = random_parts(units, rng), random_parts(units, rng)
    places = {
        "one start": dict.fromkeys(units[:3], parts),
        "staggered": {"u00": parts, "u01": other, "u02": parts},
        # half of the candidates overlap, so that place after place would not be even
        "masks": {
            "u00": {unit: parts[unit] for unit in units[:7]},
            "u01": {unit: parts[unit] for unit in units[1:5]},
            "u02": {unit: other[unit] for unit in units[2:]},
        },
    }[kind]
    whole = joint_placebo(places, np.random.default_rng(8))
    assert whole.every_set
    drawn = joint_placebo(places, np.random.default_rng(9), draws=90 if kind == "masks" else 100)
    assert not drawn.every_set
    many = [joint_placebo(places, np.random.default_rng(seed), draws=90).p_value for seed in range(40)]
    p, draws = whole.p_value, 40 * 90
    # (1 + count) / (1 + draws): the observed set is counted once in each
    assert np.mean(many) == pytest.approx(p + (1 - p) / 91, abs=3.5 * np.sqrt(p * (1 - p) / draws))
    assert drawn.n_sets == (91 if kind == "masks" else 101)


def test_equal_sets_are_ties():
    """Sums in another order differ by rounding, and would make the p-value too small."""
    rng = np.random.default_rng(10)
    (part,) = random_parts(["a"], rng).values()
    parts = dict.fromkeys(names(8), part)
    assert joint_placebo(dict.fromkeys(names(3), parts), rng).p_value == 1.0


@pytest.mark.parametrize("draws", [500, 200])
def test_blocks_of_units_make_no_difference(monkeypatch, draws):
    units, rng = names(40), np.random.default_rng(11)
    early, late = random_parts(units, rng, 2), random_parts(units, rng, 2)
    places = {"u00": early, "u01": late, "u02": late, "u03": early}
    whole = joint_placebo(places, np.random.default_rng(12), draws=draws)
    monkeypatch.setattr(module, "BLOCK_UNITS", 7)
    assert joint_placebo(places, np.random.default_rng(12), draws=draws) == whole
    assert not whole.every_set


@pytest.mark.parametrize("staggered", [False, True])
def test_pairs_that_were_drawn_have_the_numbers_of_all_pairs(monkeypatch, staggered):
    """A hundred sets of 3 among 60 need 300 pairs of 1,770 and more; two thousand sets need them all."""
    units, rng = names(60), np.random.default_rng(21)
    parts = [random_parts(units, rng, 2) for _ in range(2)]
    stacks = [(PartStack.of(list(each.values())), np.arange(60)) for each in parts]
    group = [0, 1, 0] if staggered else [0, 0, 0]
    sets = random_sets(60, 3, 2_000, rng)
    every = set_statistics(stacks, group, sets)
    monkeypatch.delattr(PartStack, "covariances")
    drawn = set_statistics(stacks, group, sets[:100])
    dense = [
        statistic([parts[g][units[unit]] for g, unit in zip(group, chosen, strict=True)])
        for chosen in sets[:100]
    ]
    np.testing.assert_allclose(drawn, every[:100], rtol=1e-12)
    np.testing.assert_allclose(drawn, dense, rtol=1e-12)
    with pytest.raises(AttributeError, match="covariances"):
        set_statistics(stacks, group, sets)


def test_few_sets_cannot_reach_the_level():
    parts = random_parts(names(6), np.random.default_rng(13))
    assert not joint_placebo(dict.fromkeys(names(2), parts), np.random.default_rng(14)).can_reach(0.05)
    assert joint_placebo(dict.fromkeys(names(3), parts), np.random.default_rng(14)).can_reach(0.05)


def test_a_set_that_is_nearly_everyone_is_counted_at_once():
    parts = random_parts(names(90), np.random.default_rng(15))
    found = joint_placebo(dict.fromkeys(names(89), parts), np.random.default_rng(16))
    assert (found.n_sets, found.every_set) == (90, True)


def test_sets_without_a_variance_count_as_extreme():
    rng = np.random.default_rng(17)
    parts = random_parts(names(4), rng)
    nothing = UnitPart.alone(np.zeros(1), np.zeros(1), np.ones(1))
    flat = UnitPart(*(np.zeros(1), np.zeros(1), np.ones(1)), np.zeros(20), np.zeros((1, 20)))
    found = joint_placebo({"u00": {**parts, "flat": flat}}, rng)
    ratios = [abs(part.estimate[0] / part.std_error[0]) for part in parts.values()]
    assert found.p_value == pytest.approx((1 + np.sum(np.array(ratios) >= ratios[0])) / 5)
    only = joint_placebo({"a": {"a": nothing, "b": nothing}}, rng)
    assert np.isnan(only.p_value)
    with pytest.raises(ValueError, match="its own place"):
        joint_placebo({"a": parts}, rng)
    with pytest.raises(ValueError, match="its own place"):
        joint_placebo({}, rng)


def test_random_sets_have_no_repeats_and_no_favourites():
    sets = random_sets(6, 3, 60_000, np.random.default_rng(18))
    assert (np.diff(np.sort(sets, axis=1), axis=1) > 0).all()
    counts = np.unique(sets, axis=0, return_counts=True)[1]
    assert counts.size == 120
    assert stats.chisquare(counts).pvalue > 1e-4


def test_all_sets_of_candidates_that_overlap_are_equally_likely():
    eligible = [np.array([0, 1, 2, 3]), np.array([0, 1]), np.array([2, 3, 4, 5, 6])]
    known = every_set(eligible, [0, 1, 2], 1000)
    expected = [item for item in product(*(e.tolist() for e in eligible)) if len(set(item)) == 3]
    assert sorted(map(tuple, known.tolist())) == sorted(expected)
    sets = eligible_sets(eligible, np.array([0, 1, 2]), 60_000, np.random.default_rng(19))
    found, counts = np.unique(sets, axis=0, return_counts=True)
    assert sorted(map(tuple, found.tolist())) == sorted(expected)
    assert stats.chisquare(counts).pvalue > 1e-4
    assert every_set(eligible, [0, 1, 2], len(expected) - 1) is None


def test_two_units_that_can_only_change_places_do():
    eligible = [np.array([0, 1]), np.array([0, 1])]
    sets = eligible_sets(eligible, np.array([0, 1]), 4000, np.random.default_rng(20))
    assert (sets.sum(axis=1) == 1).all()
    assert stats.binomtest(int(sets[:, 0].sum()), 4000).pvalue > 1e-4
