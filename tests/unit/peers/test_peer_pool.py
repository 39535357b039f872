"""How far a peer is for its pool, and calipers."""

import numpy as np
import pytest

from its_eval.data.attributes import Characteristics
from its_eval.peers.distance import caliper_distance, nearest_distances, pool_percentiles
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.search import MANY_UNITS
from its_eval.peers.select import select_peers

NAN = float("nan")
# on a line, unscaled: distances can be read off
LINE = Characteristics(tuple("ABCDEF"), ("x",), np.array([[0.0], [1], [3], [6], [10], [30]]))
FOUND = scale_characteristics(LINE, DistanceRecipe(scale="none"), "t")


def test_kth_nearest():
    np.testing.assert_allclose(FOUND.nearest(1), [1, 1, 2, 3, 4, 20])
    np.testing.assert_allclose(FOUND.nearest(2), [3, 2, 3, 4, 7, 24])
    np.testing.assert_allclose(FOUND.nearest(99), [30, 29, 27, 24, 20, 30])
    assert FOUND.nearest(2) is FOUND.nearest(2)


def test_percentiles_count_the_other_units_that_have_theirs_nearer():
    # the second nearest of B..F lie at 2, 3, 4, 7, 24
    found = pool_percentiles(FOUND, "A", 2, np.array([1.0, 2.0, 3.5, 25.0, NAN]))
    np.testing.assert_allclose(found, [0, 0, 40, 100, NAN])


def test_nobody_to_compare_with():
    values = np.array([[1.0, NAN], [NAN, 1.0], [NAN, 2.0], [2.0, NAN]])
    table = Characteristics(tuple("ABCD"), ("x", "y"), values)
    found = scale_characteristics(table, DistanceRecipe(), "t")
    assert np.isnan(pool_percentiles(found, "A", 1, np.array([1.0]))).all()
    assert caliper_distance("p90", found, "A", 1) is None


def test_caliper():
    assert caliper_distance(None, FOUND, "A", 2) is None
    assert caliper_distance(3.5, FOUND, "A", None) == 3.5
    assert caliper_distance("p90", FOUND, "A", 2) == pytest.approx(np.percentile([2, 3, 4, 7, 24], 90))
    assert caliper_distance("p50", FOUND, "A", 2) == 4
    with pytest.raises(ValueError, match="needs a number of peers"):
        caliper_distance("p90", FOUND, "A", None)


def test_peers_beyond_the_caliper_are_set_aside_and_nobody_takes_their_place():
    chosen = select_peers("A", FOUND, 4, {"B": "treated itself"}, 7.0)
    assert chosen.peers == ("C", "D")
    assert [(item.candidate, item.reason) for item in chosen.set_aside()[0]] == [
        ("B", "treated itself"),
        ("E", "farther than the caliper: 10 is more than 7"),
        ("F", "farther than the caliper: 30 is more than 7"),
    ]
    # those who would not have been peers anyhow are not said to be set aside
    (beyond,) = select_peers("A", FOUND, 4, {}, 7.0).set_aside()[0]
    assert beyond.candidate == "E"
    assert select_peers("A", FOUND, 2, {}, 7.0).set_aside()[0] == ()
    every = select_peers("A", FOUND, None, {}, 7.0)
    assert every.peers == ("B", "C", "D")
    assert (every.set_aside()[0], every.set_aside()[1]) == ((), {"farther than the caliper": 2})
    assert select_peers("A", FOUND, 2, {}, 1.0).peers == ("B",)


@pytest.mark.parametrize("metric", ["euclidean", "mahalanobis"])
def test_a_large_table_is_searched_by_a_library_with_the_same_answer(metric):
    values = np.random.default_rng(1).normal(size=(MANY_UNITS + 1, 3))
    table = Characteristics(tuple(map(str, range(MANY_UNITS + 1))), ("x", "y", "z"), values)
    found = scale_characteristics(table, DistanceRecipe(metric=metric), "t")
    some = [0, 17, 250]
    expected = [np.sort(found.distances(str(unit)))[5] for unit in some]
    np.testing.assert_array_equal(nearest_distances(found, 5)[some], expected)
