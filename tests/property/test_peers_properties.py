"""What holds for every table of characteristics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from its_eval.data.attributes import Characteristics
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import select_peers

CELLS = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))


@st.composite
def tables(draw):
    rows, columns = draw(st.integers(3, 9)), draw(st.integers(1, 5))
    values = draw(arrays(float, (rows, columns), elements=CELLS))
    # at least one column that tells units apart
    values[:, 0] += np.arange(rows) * 2e3
    codes = draw(st.permutations([f"U{index}" for index in range(rows)]))
    return Characteristics(tuple(codes), tuple(f"v{index}" for index in range(columns)), values)


def scaled(table, **options):
    return scale_characteristics(table, DistanceRecipe(**options), "t")


@settings(deadline=None)
@given(tables())
def test_distances_are_symmetric_and_zero_to_itself(table):
    found = scaled(table)
    matrix = np.array([found.distances(unit) for unit in table.units])
    np.testing.assert_array_equal(np.diag(matrix), 0)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    for i in range(len(matrix)):
        assert (matrix[i] <= matrix[i, :, None] + matrix.T + 1e-9).all()


@settings(deadline=None)
@given(tables(), st.floats(-1e6, 1e6))
def test_a_constant_variable_changes_nothing(table, constant):
    wider = Characteristics(
        table.units,
        (*table.variables, "same"),
        np.column_stack([table.values, np.full(len(table.units), constant)]),
    )
    for unit in table.units:
        np.testing.assert_array_equal(scaled(wider).distances(unit), scaled(table).distances(unit))


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False), st.floats(0.001, 1000), st.floats(-1e3, 1e3))
def test_order_of_rows_and_units_of_measurement_change_nothing(table, random, factor, shift):
    order = list(range(len(table.units)))
    random.shuffle(order)
    moved = Characteristics(
        tuple(table.units[row] for row in order), table.variables, table.values[order] * factor + shift
    )
    for unit in table.units:
        first = scaled(table).distances(unit)
        second = scaled(moved).distances(unit)
        np.testing.assert_allclose(second, first[order], rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_change_the_peers(table, random):
    order = list(range(len(table.units)))
    random.shuffle(order)
    moved = Characteristics(tuple(table.units[row] for row in order), table.variables, table.values[order])
    for unit in table.units:
        first, second = (select_peers(unit, scaled(each), 3, {}) for each in (table, moved))
        ties = np.diff(np.sort(first.scaled.distances(unit)))
        if not ((ties > 0) & (ties < 1e-9)).any():
            assert first.peers == second.peers


@settings(deadline=None)
@given(tables(), st.data())
def test_contributions_sum_to_the_squared_distance(table, data):
    values = table.values.copy()
    holes = data.draw(arrays(bool, values.shape))
    holes[:, 0] = False
    values[holes] = np.nan
    weights = dict.fromkeys(table.variables, 1.0) | {"v0": 10.0}
    found = scaled(Characteristics(table.units, table.variables, values), weights=weights)
    for unit in table.units:
        squares = found.contributions(unit).sum(axis=1)
        np.testing.assert_allclose(squares, found.distances(unit) ** 2, rtol=1e-12)
        row = found.row(unit)
        known = ~np.isnan(found.scaled[row] - found.scaled)
        total = np.where(known, found.weights * (found.scaled[row] - found.scaled) ** 2, 0).sum(axis=1)
        expected = total * found.weights.sum() / (known @ found.weights)
        comparable = ~np.isnan(squares)
        np.testing.assert_allclose(squares[comparable], expected[comparable], rtol=1e-12)


OPTIONS = [
    {"scale": scale, "metric": metric}
    for scale in ("zscore", "minmax", "none")
    for metric in ("euclidean", "mahalanobis")
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(deadline=None, max_examples=25)
@given(tables(), st.randoms(use_true_random=False))
def test_every_distance_adds_up_is_symmetric_and_knows_no_order(options, table, random):
    # three units for a covariance, and columns that do not determine one another
    noise = np.random.default_rng(len(table.units)).normal(size=table.values.shape)
    table = Characteristics(table.units, table.variables, table.values / 1e3 + noise)
    found = scaled(table, **options)
    matrix = np.array([found.distances(unit) for unit in table.units])
    np.testing.assert_array_equal(np.diag(matrix), 0)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12)
    for row, unit in enumerate(table.units):
        squares = found.contributions(unit).sum(axis=1)
        np.testing.assert_allclose(squares, matrix[row] ** 2, rtol=1e-12, atol=1e-12)
    order = list(range(len(table.units)))
    random.shuffle(order)
    moved = scaled(
        Characteristics(tuple(table.units[row] for row in order), table.variables, table.values[order]),
        **options,
    )
    for row, unit in enumerate(table.units):
        np.testing.assert_allclose(moved.distances(unit), matrix[row][order], rtol=1e-7, atol=1e-9)
    wider = Characteristics(
        table.units,
        (*table.variables, "same"),
        np.column_stack([table.values, np.full(len(table.units), 3.0)]),
    )
    np.testing.assert_array_equal([scaled(wider, **options).distances(unit) for unit in table.units], matrix)
