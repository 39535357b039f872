"""Scales, metrics, logarithms and categories, against scikit-learn and SciPy's own distances."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf
from sklearn.metrics.pairwise import nan_euclidean_distances

from its_eval.data.attributes import Characteristics, load_characteristics
from its_eval.errors import DataError
from its_eval.peers.balance import balance, contributions
from its_eval.peers.distance import mahalanobis_parts, shrunk_covariance
from its_eval.peers.recipes import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import select_peers

NAN = float("nan")
UNITS = tuple(f"U{index:02d}" for index in range(12))
VALUES = np.random.default_rng(8).normal([500, 0.5, 20, 3], [200, 0.1, 5, 1], (12, 4))
VALUES[:, 3] += VALUES[:, 2] / 4
NAMES = ("Beds", "Urban", "Age", "Sites")
TABLE = Characteristics(UNITS, NAMES, VALUES)


def scaled(table=TABLE, **options):
    return scale_characteristics(table, DistanceRecipe(**options), "t.csv")


def matrix(found):
    return np.array([found.distances(unit) for unit in found.units])


@pytest.mark.parametrize(
    ("scale", "spread"),
    [
        ("zscore", VALUES.std(axis=0, ddof=1)),
        ("minmax", VALUES.max(axis=0) - VALUES.min(axis=0)),
        ("robust", np.subtract(*np.percentile(VALUES, [75, 25], axis=0))),
        ("none", np.ones(4)),
    ],
)
def test_scales(scale, spread):
    found = scaled(scale=scale)
    np.testing.assert_allclose(matrix(found), cdist(VALUES / spread, VALUES / spread), rtol=1e-12, atol=1e-12)
    assert (found.scale, found.notes) == (scale, ())


@pytest.mark.parametrize("scale", ["zscore", "minmax", "robust", "none"])
def test_missing_cells_count_as_scikit_learn_has_it(scale):
    values = VALUES.copy()
    values[[0, 3, 7], [1, 1, 2]] = NAN
    found = scaled(Characteristics(UNITS, NAMES, values), scale=scale)
    expected = nan_euclidean_distances(found.scaled)
    # a pair with two of four variables missing knows too little of each other
    expected[np.isnan(found.scaled[:, None] - found.scaled[None]).sum(axis=2) > 1] = NAN
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(matrix(found), expected, rtol=1e-9, atol=1e-9)


def test_a_variable_without_middle_spread_takes_its_standard_deviation_and_says_so():
    values = np.column_stack([VALUES[:, 0], [0.0] * 10 + [1.0, 4.0]])
    found = scaled(Characteristics(UNITS, ("Beds", "Rare"), values), scale="robust")
    assert found.scaled[11, 1] - found.scaled[0, 1] == pytest.approx(4.0 / values[:, 1].std(ddof=1))
    (note,) = found.notes
    assert note == (
        "t.csv: the middle half of 'Rare' is a single value, so it is scaled by its standard deviation "
        "instead of its interquartile range."
    )


@pytest.mark.parametrize(("others", "said"), [([0.0, 0, 0, 8], True), ([0.0, 0, 4, 8], False)])
def test_the_quarters_decide_whether_there_is_a_middle_spread(others, said):
    values = np.column_stack([VALUES[:5, 0], [0.0, *others]])
    found = scaled(Characteristics(UNITS[:5], ("Beds", "Rare"), values), scale="robust")
    assert bool(found.notes) is said
    assert found.scaled[4, 1] == pytest.approx(8.0 / (values[:, 1].std(ddof=1) if said else 4.0))


def ledoit_wolf(values):
    """The estimator of Ledoit & Wolf 2004, by their formulas for m, d2, b2 (section 3.3)."""
    n, p = values.shape
    centred = values - values.mean(axis=0)
    sample = centred.T @ centred / n
    m = np.trace(sample) / p
    d2 = np.sum((sample - m * np.eye(p)) ** 2) / p
    b2 = min(d2, sum(np.sum((np.outer(row, row) - sample) ** 2) for row in centred) / p / n**2)
    return b2 / d2 * m * np.eye(p) + (1 - b2 / d2) * sample


def test_mahalanobis_is_that_of_the_shrunk_covariance():
    found = scaled(metric="mahalanobis")
    covariance = ledoit_wolf(VALUES / VALUES.std(axis=0, ddof=1))
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-10)
    expected = cdist(found.scaled, found.scaled, "mahalanobis", VI=np.linalg.inv(covariance))
    np.testing.assert_allclose(matrix(found), expected, rtol=1e-10, atol=1e-12)


def test_mahalanobis_without_a_variable_is_estimated_anew():
    found = scaled(metric="mahalanobis").without("Age")
    covariance = LedoitWolf().fit(found.scaled).covariance_
    expected = cdist(found.scaled, found.scaled, "mahalanobis", VI=np.linalg.inv(covariance))
    np.testing.assert_allclose(matrix(found), expected, rtol=1e-10, atol=1e-12)


def test_mahalanobis_parts_with_missing_values_and_weights():
    covariance = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.0], [0.0, 0.0, 1.0]])
    differences = np.array([[1.0, 1.0, 2.0], [1.0, -1.0, 0.0], [2.0, NAN, 1.0], [NAN, NAN, NAN]])
    parts = mahalanobis_parts(differences, np.ones(3), covariance)
    # (1, 1) lies along the correlation: 2 / 1.8; (1, -1) across it: 2 / 0.2
    np.testing.assert_allclose(parts[0], [1 / 1.8, 1 / 1.8, 4.0])
    np.testing.assert_allclose(parts[1], [5.0, 5.0, 0.0])
    np.testing.assert_allclose(parts[2], [4.0, 0.0, 1.0])
    np.testing.assert_array_equal(parts[3], [0, 0, 0])
    np.testing.assert_allclose(mahalanobis_parts(differences, np.array([4.0, 1, 1]), covariance)[2][0], 16.0)
    negative = mahalanobis_parts(np.array([[1.0, 0.2, 0.0]]), np.ones(3), covariance)[0]
    assert negative[1] < 0


def test_mahalanobis_with_missing_cells_is_that_of_what_is_known():
    values = VALUES.copy()
    values[0, 1] = NAN
    found = scaled(Characteristics(UNITS, NAMES, values), metric="mahalanobis")
    kept = [0, 2, 3]
    covariance = LedoitWolf().fit(found.scaled[1:]).covariance_[np.ix_(kept, kept)]
    points = found.scaled[:, kept]
    expected = cdist(points[:1], points, "mahalanobis", VI=np.linalg.inv(covariance))[0] * np.sqrt(4 / 3)
    np.testing.assert_allclose(found.distances("U00"), expected, rtol=1e-10, atol=1e-12)


def test_what_mahalanobis_cannot_do():
    values = np.full((4, 2), NAN)
    values[:, 0] = [1, 2, 3, 4]
    values[:2, 1] = [1, 2]
    found = scaled(Characteristics(UNITS[:4], NAMES[:2], values), metric="mahalanobis")
    with pytest.raises(DataError) as caught:
        found.distances("U00")
    assert caught.value.problems == [
        "metric mahalanobis: every characteristic is known for 2 units; expected at least 3"
    ]
    assert "leave out the variables that are often missing" in caught.value.hint
    # two units on each side of the mean: no shrinkage helps, as the sample says the variables are one
    twins = np.repeat([[1.0], [-1.0]], 500, axis=0) @ np.ones((1, 2))
    with pytest.raises(DataError, match="determine one another"):
        shrunk_covariance(twins)


def test_logarithms():
    found = scaled(log=("beds",))
    changed = VALUES.copy()
    changed[:, 0] = np.log(VALUES[:, 0])
    np.testing.assert_allclose(
        matrix(found), matrix(scaled(Characteristics(UNITS, NAMES, changed))), rtol=1e-12
    )
    np.testing.assert_array_equal(found.raw, VALUES)
    values = VALUES.copy()
    values[[1, 2], 0] = [0.0, -3.5]
    with pytest.raises(DataError) as caught:
        scaled(Characteristics(UNITS, NAMES, values), log=("Beds", "Bods"))
    assert caught.value.problems == [
        "t.csv: unit U01, 'Beds' is 0, which has no logarithm",
        "t.csv: unit U02, 'Beds' is -3.5, which has no logarithm",
        "t.csv: there is no column 'Bods'; did you mean 'Beds'?",
    ]
    assert caught.value.hint == "name under peers.log only variables that are above 0 for every unit"


TEXT = """unit,Beds,Type,Region
A,100,acute,North
B,120,Acute,North
C,140,mental,
D,200,acute,South
"""


@pytest.fixture
def categories(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_text_that_is_named_is_a_category(categories):
    table = load_characteristics(categories, "unit", ["Beds", "type"])
    assert dict(table.categories) == {"Type": ("Acute", "acute", "mental")}
    found = scale_characteristics(table, DistanceRecipe({"Beds": 1.0, "Type": 3.0}), "c.csv")
    s = np.std([100, 120, 140, 200], ddof=1)
    expected = np.sqrt([0, (20 / s) ** 2 + 1.5, (40 / s) ** 2 + 1.5, (100 / s) ** 2])
    np.testing.assert_allclose(found.distances("A"), expected, rtol=1e-12)
    assert [found.cell("B", name) for name in ("Beds", "Type")] == [120.0, "Acute"]
    parts = {(part.peer, part.variable): part for part in contributions(select_peers("A", found, 3, {}))}
    same, other = parts["D", "Type"], parts["B", "Type"]
    assert (same.unit_value, same.peer_value, same.scaled_difference, same.share) == (1, 1, 0, 0)
    assert (other.unit_value, other.peer_value) == (1, 0)
    assert other.scaled_difference == pytest.approx(1 / np.sqrt(2))
    rows = {row.variable: row for row in balance(select_peers("A", found, 1, {}))}
    assert set(rows) == {"Beds", "Type = acute"}
    row = rows["Type = acute"]
    assert (row.unit_value, row.peer_mean, row.pool_mean) == (1.0, 0.0, pytest.approx(1 / 3))
    assert row.smd == pytest.approx(1.0 / np.std([0, 0, 1], ddof=1))


def test_a_missing_category(categories):
    table = load_characteristics(categories, "unit", ["Beds", "Region"])
    known = scale_characteristics(table, DistanceRecipe({"Beds": 3.0, "Region": 1.0}), "c.csv")
    assert np.isnan(known.differences("A")[2, 1])
    assert np.isnan(known.cell("C", "Region"))
    s = np.std([100, 120, 140, 200], ddof=1)
    assert known.distances("A")[2] == pytest.approx(np.sqrt(3 * (40 / s) ** 2 * 4 / 3))
    zero = scale_characteristics(table, DistanceRecipe({"Beds": 1.0, "Region": 1.0}, "zero"), "c.csv")
    assert zero.distances("A")[2] == pytest.approx(np.sqrt((40 / s) ** 2 + 0.5))
    assert zero.cell("C", "Region") == ""


def test_categories_alone_and_beside_mahalanobis(categories):
    table = load_characteristics(categories, "unit", ["Type"])
    for metric in ("euclidean", "mahalanobis"):
        found = scale_characteristics(table, DistanceRecipe({"Type": 1.0}, metric=metric), "c.csv")
        np.testing.assert_allclose(found.distances("A"), np.sqrt([0, 0.5, 0.5, 0]))
        np.testing.assert_allclose(cdist(found.coordinates(), found.coordinates()), matrix(found), atol=1e-12)
    wide = Characteristics(UNITS, (*NAMES, "Type"), np.column_stack([VALUES, np.arange(12) % 3]), {
        "Type": ("x", "y", "z")
    })  # fmt: skip
    found = scaled(wide, metric="mahalanobis")
    expected = matrix(scaled(metric="mahalanobis")) ** 2
    unlike = (np.arange(12)[:, None] - np.arange(12)) % 3 != 0
    np.testing.assert_allclose(matrix(found) ** 2, expected + unlike / 2, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", ["35,744", "85%", "12 %", "1.2.3"])
def test_a_number_written_wrongly_is_no_category(tmp_path, cell):
    path = tmp_path / "c.csv"
    path.write_text(f'unit,Beds\nA,"{cell}"\nB,"{cell}"\n', encoding="utf-8")
    with pytest.raises(DataError, match="is not a number"):
        load_characteristics(path, "unit", ["Beds"])


def test_a_word_among_numbers_is_a_fault(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("unit,Beds\nA,12\nB,many\n", encoding="utf-8")
    with pytest.raises(DataError, match="'many' is not a number"):
        load_characteristics(path, "unit", ["Beds"])


def test_equal_weights():
    found = scaled(weights={"Beds": 9.0, "Age": 1.0}).equally_weighted()
    np.testing.assert_allclose(matrix(found), matrix(scaled(weights={"Beds": 1.0, "Age": 1.0})))


@pytest.mark.parametrize("metric", ["euclidean", "mahalanobis"])
def test_coordinates_have_the_same_distances(metric):
    found = scaled(metric=metric, weights={"Beds": 4.0, "Age": 1.0, "Sites": 0.5})
    np.testing.assert_allclose(cdist(found.coordinates(), found.coordinates()), matrix(found), atol=1e-10)
    values = VALUES.copy()
    values[0, 0] = NAN
    assert scaled(Characteristics(UNITS, NAMES, values)).coordinates() is None


@pytest.mark.parametrize("size", [0.3, 4.1e5, 2.0e-9])
def test_a_variable_that_differs_by_rounding_alone_is_the_same_for_every_unit(size):
    """0.3 and 0.1 + 0.2 are one number: written twice, they tell nobody apart."""
    once, twice = size, size * (1.0 + 4e-16)
    assert once != twice
    nearly = np.where(np.arange(len(UNITS)) % 2 == 0, once, twice)
    found = scaled(Characteristics(UNITS, (*NAMES, "Share"), np.column_stack([VALUES, nearly])))
    assert found.variables == NAMES
    assert found.constant == ("t.csv: 'Share' is the same for every unit, so it is not compared.",)
    np.testing.assert_array_equal(matrix(found), matrix(scaled()))
    apart = np.where(np.arange(len(UNITS)) % 2 == 0, size, size * (1.0 + 1e-6))
    kept = scaled(Characteristics(UNITS, (*NAMES, "Share"), np.column_stack([VALUES, apart])))
    assert kept.variables == (*NAMES, "Share")
    assert not kept.constant
