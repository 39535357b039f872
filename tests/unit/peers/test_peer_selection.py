"""Choosing peers: distances, who is set aside and why, balance."""

import numpy as np
import pytest

from its_eval.calendar import MONTHS
from its_eval.data.attributes import Characteristics, Units
from its_eval.data.panel import Panel
from its_eval.errors import DataError
from its_eval.peers.balance import balance, contributions
from its_eval.peers.pool import Pool, within_reasons
from its_eval.peers.recipes import DistanceRecipe, Preset, recipe_for
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import coverage_reasons, given_peers, select_peers

NAN = float("nan")

# A table with the traps of a published tool: NULL counts as 0 before scaling, one column is scaled with
# divisor n, names have repeated spaces, one column has weight 0, ties go by code.
TABLE = Characteristics(
    ("ZZ1", "ZZ5", "ZZ3", "ZZ2", "ZZ4"),
    ("Beds", "Age   0-15", "Shoe size", "Same"),
    np.array(
        [
            [10.0, 0.2, 40.0, 7.0],
            [12.0, 0.3, 99.0, 7.0],
            [12.0, 0.3, 1.0, 7.0],
            [NAN, 0.1, 40.0, 7.0],
            [30.0, 0.5, 40.0, 7.0],
        ]
    ),
)
PRESET = Preset(
    name="made-up",
    title="Made-up finder",
    source="nowhere",
    unit_column="Code",
    weights={"Beds": 1.0, "Age 0-15": 4.0, "Shoe size": 0.0, "Same": 1.0},
    missing="zero",
    population_scaled=frozenset({"age 0-15"}),
)


def scaled(recipe=None):
    return scale_characteristics(TABLE, recipe or DistanceRecipe.of_preset(PRESET), "t.csv")


def test_distances_with_every_trap():
    beds = np.array([10, 12, 12, 0, 30.0])
    age = np.array([0.2, 0.3, 0.3, 0.1, 0.5])
    expected = np.sqrt(((beds - 10) / beds.std(ddof=1)) ** 2 + 4 * ((age - 0.2) / age.std(ddof=0)) ** 2)
    found = scaled()
    assert found.variables == ("Beds", "Age   0-15")
    np.testing.assert_allclose(found.distances("ZZ1"), expected, rtol=1e-14)
    chosen = select_peers("ZZ1", found, 2, {})
    assert chosen.peers == ("ZZ3", "ZZ5")
    np.testing.assert_allclose(chosen.distances, [expected[2], expected[1]], rtol=1e-14)
    assert expected[1] == expected[2]


def test_what_differs_in_the_ninth_digit_is_no_tie():
    table = Characteristics(("A", "B", "C"), ("x",), np.array([[0.0], [1.00000001], [1.0]]))
    found = scale_characteristics(table, DistanceRecipe(scale="none"), "t.csv")
    assert select_peers("A", found, 2, {}).peers == ("C", "B")


def test_contributions_sum_to_the_squared_distance():
    found = scaled()
    chosen = select_peers("ZZ1", found, None, {})
    parts = list(contributions(chosen))
    assert [part.peer for part in parts[::2]] == list(chosen.peers)
    for peer, distance in zip(chosen.peers, chosen.distances, strict=True):
        own = [part for part in parts if part.peer == peer]
        assert sum(part.weight * part.scaled_difference**2 for part in own) == pytest.approx(
            distance**2, abs=1e-12
        )
        assert sum(part.share for part in own) == pytest.approx(1)
    part = parts[0]
    assert (part.variable, part.unit_value, part.peer_value) == ("Beds", 10.0, 12.0)
    assert part.scaled_difference == pytest.approx(-2 / np.std([10, 12, 12, 0, 30], ddof=1))


def test_shares_of_an_identical_peer_are_zero():
    parts = list(contributions(select_peers("ZZ5", scaled(), 1, {})))
    assert {part.peer for part in parts} == {"ZZ3"}
    assert [part.share for part in parts] == [0.0, 0.0]


def test_missing_is_rescaled_and_needs_enough_weight():
    values = np.array([[0.0, 0, 0, 0], [1, 1, 1, NAN], [2, 2, NAN, NAN], [3, 3, 3, 3]])
    table = Characteristics(("A", "B", "C", "D"), ("w", "x", "y", "z"), values)
    found = scale_characteristics(table, DistanceRecipe(), "t")
    scale = [np.nanstd(values[:, column], ddof=1) for column in range(4)]
    expected = np.sqrt(sum(1 / scale[column] ** 2 for column in range(3)) * 4 / 3)
    distances = found.distances("A")
    assert distances[1] == pytest.approx(expected)
    assert np.isnan(distances[2])
    chosen = select_peers("A", found, 3, {})
    assert chosen.peers == ("B", "D")
    assert chosen.set_aside()[0] == ()
    assert chosen.set_aside()[1] == {"too many characteristics missing to compare": 1}
    weights = dict.fromkeys(("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"), 0.1)
    rows = np.vstack([np.zeros(10), np.ones(10), np.arange(10) + 2.0])
    rows[1, 7:] = NAN
    rows[0, 7:] = 1.0
    at_limit = scale_characteristics(
        Characteristics(("A", "B", "C"), tuple(weights), rows), DistanceRecipe(weights), "t"
    )
    assert np.isfinite(at_limit.distances("A")).all()


def test_refuse_names_the_cells():
    with pytest.raises(DataError) as caught:
        scaled(DistanceRecipe(None, "refuse"))
    assert caught.value.problems == ["t.csv: unit ZZ2, 'Beds' is missing"]
    assert caught.value.hint == "`peers.missing: available` compares on what is known"
    scaled(DistanceRecipe({"Shoe size": 1}, "refuse"))


def test_faults_of_variables():
    with pytest.raises(DataError) as caught:
        scaled(recipe_for(None, ("bed", "SHOE  SIZE", "Rent"), {}, "available"))
    assert caught.value.problems == [
        "t.csv: there is no column 'bed'; did you mean 'Beds'?",
        "t.csv: there is no column 'Rent'; there are: 'Beds', 'Age   0-15', 'Shoe size', 'Same'",
    ]
    assert caught.value.hint == (
        "these variables are asked for by peers.variables, peers.weights or the preset"
    )
    with pytest.raises(DataError, match=r"^t.csv: none of the chosen variables differs between units$"):
        scaled(DistanceRecipe({"Same": 1.0}))
    with pytest.raises(DataError, match="none of the chosen variables"):
        scaled(DistanceRecipe({"Beds": 0.0}))


def test_recipes():
    assert recipe_for(None, None, {}, "zero") == DistanceRecipe(None, "zero")
    assert recipe_for(None, ("Beds", "Age 0-15"), {"age  0-15": 3.0}, "refuse") == DistanceRecipe(
        {"Beds": 1.0, "Age 0-15": 3.0}, "refuse"
    )
    assert recipe_for("nhs-trust-peer-finder", None, {}, "available").missing == "zero"


def test_weights_without_variables_change_those_named_alone():
    found = scaled(recipe_for(None, None, {"beds": 5.0}, "available"))
    assert found.variables == ("Beds", "Age   0-15", "Shoe size")
    assert found.weights.tolist() == [5.0, 1.0, 1.0]
    with pytest.raises(DataError, match="there is no column 'Bods'; did you mean 'Beds'"):
        scaled(recipe_for(None, None, {"Bods": 5.0}, "available"))


def test_set_aside_with_reasons_and_ranks_of_the_whole_pool():
    found = scaled()
    chosen = select_peers("ZZ1", found, 2, {"ZZ3": "treated itself", "ZZ4": "excluded by the config"})
    assert chosen.peers == ("ZZ5", "ZZ2")
    assert chosen.pool_ranks.tolist() == [2, 3]
    assert chosen.nearest_kept == 1
    assert [(item.candidate, item.reason) for item in chosen.set_aside()[0]] == [
        ("ZZ3", "treated itself"),
    ]
    assert chosen.set_aside()[1] == {"excluded by the config": 1}
    assert chosen.set_aside()[0][0].distance == chosen.distances[0]


def test_all_peers():
    assert select_peers("ZZ1", scaled(), None, {}).peers == ("ZZ3", "ZZ5", "ZZ2", "ZZ4")
    assert select_peers("ZZ1", scaled(), 99, {}).peers == ("ZZ3", "ZZ5", "ZZ2", "ZZ4")


def test_within():
    units = Units(
        {}, {"type": {"A": "acute", "B": "acute", "C": "mental", "D": ""}, "region": {"A": "N", "B": "S"}}
    )
    assert within_reasons("A", ("B", "C", "D", "E"), ("units.type",), units) == {
        "C": "units.type is 'mental', not 'acute'",
        "D": "units.type is not known, not 'acute'",
        "E": "units.type is not known, not 'acute'",
    }
    assert within_reasons("A", ("B", "C"), ("type", "Region"), units) == {
        "B": "Region is 'S', not 'N'",
        "C": "type is 'mental', not 'acute'",
    }
    assert within_reasons("D", ("A", "E"), ("type",), units) == dict.fromkeys("AE", "type of D is not known")


def test_given_peers_keep_their_order():
    found = scaled()
    chosen = given_peers("ZZ1", ("ZZ4", "ZZ3", "ZZ9", "ZZ2"), found, Pool({"ZZ2": "no data for x"}))
    assert chosen.peers == ("ZZ4", "ZZ3", "ZZ9")
    assert chosen.pool_ranks.tolist() == [4, 1, 0]
    assert np.isnan(chosen.distances).tolist() == [False, False, True]
    assert chosen.set_aside()[0][0].distance == found.distances("ZZ1")[3]
    assert {part.peer for part in contributions(chosen)} == {"ZZ4", "ZZ3"}
    for table in (None, found):
        bare = given_peers("ZZ8", ("ZZ4", "ZZ3"), table, Pool({"ZZ3": "thin"}))
        assert bare.peers == ("ZZ4",)
        assert np.isnan(bare.distances).all()
        assert bare.pool_ranks.tolist() == [0]
        assert np.isnan(bare.set_aside()[0][0].distance)
        assert list(balance(bare)) == list(contributions(bare)) == []


def test_balance():
    chosen = select_peers("ZZ1", scaled(), 2, {})
    rows = {row.variable: row for row in balance(chosen)}
    beds = rows["Beds"]
    pool = [12.0, 12.0, 0.0, 30.0]
    assert (beds.unit_value, beds.peer_mean, beds.pool_mean) == (10.0, 12.0, 13.5)
    assert beds.smd == pytest.approx((10 - 12) / np.std(pool, ddof=1))
    nobody = next(iter(balance(select_peers("ZZ1", scaled(), 2, dict.fromkeys(TABLE.units, "no")))))
    assert np.isnan(nobody.peer_mean)


def test_balance_of_a_variable_that_the_pool_does_not_vary_in():
    values = np.array([[0.0, 1.0], [1.0, 2.0], [1.0, 5.0], [1.0, NAN]])
    table = Characteristics(("A", "B", "C", "D"), ("x", "y"), values)
    found = scale_characteristics(table, DistanceRecipe(), "t")
    assert np.isnan(next(iter(balance(select_peers("A", found, 1, {})))).smd)
    lone = Characteristics(("A", "B"), ("x",), np.array([[0.0], [1.0]]))
    only = next(iter(balance(select_peers("A", scale_characteristics(lone, DistanceRecipe(), "t"), 1, {}))))
    assert (only.pool_mean, np.isnan(only.smd)) == (1.0, True)


def test_coverage_of_each_segment():
    values = np.ones((20, 4))
    values[0, 1] = values[[0, 1], 2] = values[[15, 16], 3] = NAN
    small = np.zeros((20, 4), dtype=bool)
    panel = Panel("x", MONTHS, 0, ("A", "B", "C", "D"), values, values, values, small)
    before = np.arange(20) < 10
    assert coverage_reasons(panel, (before, ~before), 0.9) == {
        "C": "8 of 10 periods before the start observed",
        "D": "8 of 10 periods after the start observed",
    }
    assert set(coverage_reasons(panel, (before, ~before), 1.0)) == {"B", "C", "D"}
    masked = before.copy()
    masked[0] = False
    assert set(coverage_reasons(panel, (masked, ~before), 1.0)) == {"C", "D"}


def test_a_variable_named_twice_is_refused():
    table = Characteristics(("A", "B"), ("Beds",), np.array([[1.0], [2.0]]))
    recipe = DistanceRecipe({"Beds": 1.0, "beds": 1.0})
    with pytest.raises(DataError, match=r"peers\.csv: the variable 'Beds' is named twice"):
        scale_characteristics(table, recipe, "peers.csv")
