"""Peers under other choices."""

import numpy as np

from its_eval.data.attributes import Characteristics
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import select_peers
from its_eval.peers.stability import other_choices, other_scalings, stability, steadiness

UNITS = tuple(f"U{index:02d}" for index in range(30))
TABLE = Characteristics(
    UNITS, ("Beds", "Age   0-15", "Sites"), np.exp(np.random.default_rng(4).normal(size=(30, 3)))
)


FOUND = scale_characteristics(TABLE, DistanceRecipe(), "t")


def test_which_choices_are_tried():
    choices = [
        (item.dimension, item.choice, item.k) for item in other_choices(FOUND, 10, other_scalings(FOUND))
    ]
    assert choices == [
        ("k", "5", 5),
        ("k", "15", 15),
        ("drop_characteristic", "Beds", 10),
        ("drop_characteristic", "Age 0-15", 10),
        ("drop_characteristic", "Sites", 10),
        ("metric", "mahalanobis", 10),
        ("scale", "minmax", 10),
        ("scale", "robust", 10),
    ]
    assert [item.k for item in other_choices(FOUND, 4)] == [9, 4, 4, 4]
    weighted = scale_characteristics(TABLE, DistanceRecipe(exceptions={"Beds": 2.0}), "t")
    assert [item.dimension for item in other_choices(weighted, 4)][-1] == "weights"
    lone = FOUND.without("Beds").without("Sites")
    assert [item.dimension for item in other_choices(lone, 4)] == ["k"]


def test_who_stays_leaves_and_enters_among_the_eligible():
    barred = {"U03": "no", "U07": "no"}
    chosen = select_peers("U00", FOUND, 10, barred)
    (found,) = stability([chosen], other_scalings(FOUND))
    fewer, more, without = found[:3]
    assert (fewer.peers, fewer.kept, fewer.left, fewer.entered) == (
        chosen.peers[:5],
        5,
        chosen.peers[5:],
        (),
    )
    assert (more.peers[:10], more.kept, more.left) == (chosen.peers, 10, ())
    again = scale_characteristics(TABLE, DistanceRecipe({"Age   0-15": 1.0, "Sites": 1.0}), "t")
    expected = select_peers("U00", again, 10, barred).peers
    assert without.peers == expected
    assert without.kept == len(set(expected) & set(chosen.peers)) < 10
    assert set(without.left) == set(chosen.peers) - set(expected)
    assert set(without.entered) == set(expected) - set(chosen.peers)
    counts, total = steadiness(chosen, found)
    assert total == 6
    assert counts[chosen.peers[0]] == sum(chosen.peers[0] in item.peers for item in found[2:])


def test_a_metric_that_the_data_do_not_have_is_said_and_not_counted():
    values = TABLE.values.copy()
    values[:28, 2] = np.nan
    values[28:, 2] = [1.0, 2.0]
    values[:, 0] += 1
    table = Characteristics(UNITS, TABLE.variables, values)
    recipe = DistanceRecipe(exceptions={"Beds": 8.0})
    found = scale_characteristics(table, recipe, "t")
    chosen = select_peers("U00", found, 5, {})
    (alternatives,) = stability([chosen], other_scalings(found))
    (stuck,) = (item for item in alternatives if item.obstacle)
    assert stuck.dimension == "metric"
    assert stuck.obstacle.startswith("metric mahalanobis: every characteristic is known for 2 units")
    assert (
        steadiness(chosen, alternatives)[1]
        == len([item for item in alternatives if item.dimension != "k"]) - 1
    )
