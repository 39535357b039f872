"""Distances of histories: correlations over shared periods, however they are found."""

import numpy as np
import pytest

from its_eval.peers.balance import contributions
from its_eval.peers.histories import histories
from its_eval.peers.pool import Pool
from its_eval.peers.select import select_peers
from its_eval.peers.stability import other_choices, other_scalings

N, J = 27, 40
UNITS = tuple(f"U{place:02d}" for place in range(J))
PERIODS = tuple(f"p{place:02d}" for place in range(N))


def course(seed, missing=0.0, level=50.0, scale=1.0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(N, 3)).cumsum(axis=0)
    values = shared @ rng.normal(size=(3, J)) * rng.uniform(0.5, 5, J) + rng.normal(size=(N, J))
    values = level + rng.normal(0, 10, J) + scale * values
    values[rng.random(values.shape) < missing] = np.nan
    return values


def expected(values):
    """Distances pair by pair, by the correlation that NumPy gives for the periods that both have."""
    found = np.full((J, J), np.nan)
    for i in range(J):
        for j in range(J):
            shared = ~np.isnan(values[:, i]) & ~np.isnan(values[:, j])
            pair = values[shared][:, [i, j]]
            if shared.sum() >= 0.7 * N and (np.ptp(pair, axis=0) > 0).all():
                r = np.corrcoef(pair.T)[0, 1]
                found[i, j] = np.sqrt(max(0.0, 2.0 * (1.0 - r)))
    return found


@pytest.mark.parametrize("missing", [0.0, 0.08])
@pytest.mark.parametrize(("level", "scale"), [(50.0, 1.0), (1e6, 1.0), (0.0, 1e-6)])
def test_the_distance_is_that_of_the_correlation(missing, level, scale):
    values = course(3, missing, level, scale)
    found = histories(values, UNITS, PERIODS, "y")
    apart = np.array([found.distances(unit) for unit in UNITS])
    np.testing.assert_allclose(apart, expected(values), atol=3e-7)
    np.testing.assert_allclose(apart, apart.T, atol=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.08])
@pytest.mark.parametrize("odd", [False, True])
def test_the_nearest_are_those_with_the_highest_correlation(missing, odd):
    values = course(4, missing)
    if odd:
        # one that does not vary, and one of whom next to nothing is known
        values[:, 5], values[4:, 7] = 7.0, np.nan
        # a tie goes by code
        values[:, 12] = 3.0 * values[:, 20] - 9.0
    found = histories(values, UNITS, PERIODS, "y")
    apart = expected(values)
    search = found.search.everyone(6)
    for place in range(J):
        known = [
            (round(float(distance), 9), UNITS[other], other)
            for other, distance in enumerate(apart[place])
            if other != place and not np.isnan(distance)
        ]
        rows = [row for row in search.rows[place].tolist() if row >= 0]
        assert rows == [other for *_, other in sorted(known)[:6]]
        assert search.ranks[place][: len(rows)].tolist() == list(range(1, len(rows) + 1))


def test_the_same_course_at_another_level_and_scale_is_no_distance():
    values = course(5)
    values[:, 1] = 400.0 + 0.01 * values[:, 0]
    values[:, 2] = -values[:, 0]
    found = histories(values, UNITS, PERIODS, "y")
    distances = found.distances("U00")
    assert distances[1] == pytest.approx(0.0, abs=1e-7)
    assert distances[2] == pytest.approx(2.0)


def test_who_cannot_be_compared_is_set_aside_with_the_reason():
    values = course(6)
    values[:, 5], values[4:, 7] = 7.0, np.nan
    found = histories(values, UNITS, PERIODS, "y")
    chosen = select_peers("U00", found, 50, {})
    assert not {"U05", "U07"} & set(chosen.peers)
    _, others = chosen.set_aside()
    assert others == {"too few periods in common, or a history that does not vary": 2}
    assert select_peers("U05", found, 3, {}).peers == ()


def test_what_each_period_adds_is_explained():
    values = course(7, 0.05)
    found = histories(values, UNITS, PERIODS, "y")
    chosen = select_peers("U00", found, 3, {})
    parts = [part for part in contributions(chosen) if part.peer == chosen.peers[0]]
    assert [part.variable for part in parts] == list(PERIODS)
    assert sum(part.share for part in parts) == pytest.approx(1)
    place = UNITS.index(chosen.peers[0])
    np.testing.assert_allclose([part.unit_value for part in parts], values[:, 0])
    np.testing.assert_allclose([part.peer_value for part in parts], values[:, place])
    differences = np.array([part.scaled_difference for part in parts])
    assert np.nanmean(differences**2) == pytest.approx(chosen.distances[0] ** 2)


def test_other_choices_are_numbers_of_peers_and_level_and_trend():
    found = histories(course(8), UNITS, PERIODS, "y")
    assert {choice.dimension for choice in other_choices(found, 10)} == {"k"}
    others = other_scalings(found)
    assert [(dimension, choice) for dimension, choice, _ in others] == [
        ("metric", "euclidean"),
        ("metric", "mahalanobis"),
    ]
    assert others[0][2].variables == ("pre-period mean", "pre-period slope")
    assert len(Pool({}).reasons_against("U00", ["U01"])) == 0
