"""The search in blocks against a ranking of the whole table, one unit after the other."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from its_eval.data.attributes import Characteristics, Units, load_characteristics, load_units
from its_eval.peers import search
from its_eval.peers.distance import caliper_distance
from its_eval.peers.pool import Pool, within_reasons
from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER, DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import given_peers, nearest_codes, select_all

NAN = float("nan")
ROOT = Path(__file__).parents[2]
NHS = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs"))


def all_distances(found, unit):
    """Return the distances of all units from one, as version 0.1 works them out."""
    row = found.units.index(unit)
    difference = found.scaled - found.scaled[row]
    category = np.array([name in found.categories for name in found.variables])
    unlike = np.where(np.isnan(difference), NAN, (difference != 0) / np.sqrt(2.0))
    difference = np.where(category, unlike, difference)
    known = ~np.isnan(difference)
    total, shared = found.weights.sum(), known @ found.weights
    with np.errstate(divide="ignore", invalid="ignore"):
        correction = np.where(shared >= 0.7 * total * (1.0 - 1e-12), total / shared, NAN)
    squares = np.where(known, found.weights * np.where(known, difference, 0.0) ** 2, 0.0)
    if found.metric == "mahalanobis" and not category.all():
        stretched = np.sqrt(found.weights[~category]) * difference[:, ~category]
        parts = np.zeros_like(stretched)
        patterns, which = np.unique(~np.isnan(stretched), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows = np.flatnonzero(which.ravel() == number)
            if pattern.any():
                some = stretched[np.ix_(rows, pattern)]
                covariance = found.covariance[np.ix_(pattern, pattern)]
                parts[np.ix_(rows, pattern)] = some * np.linalg.solve(covariance, some.T).T
        squares[:, ~category] = parts
    return np.sqrt(np.maximum((squares * correction[:, None]).sum(axis=1), 0.0))


def ranking(found, unit, k, reasons, caliper=None):
    """Return peers, distances, ranks and those set aside, as version 0.1 ranks them."""
    distances = all_distances(found, unit)
    keys = [
        (float(f"{distance:.12g}") if math.isfinite(distance) else math.inf, code, row)
        for row, (distance, code) in enumerate(zip(distances.tolist(), found.units, strict=True))
        if code != unit
    ]
    peers, aside, beyond = [], [], 0
    for rank, (_, code, row) in enumerate(sorted(keys), start=1):
        if code in reasons:
            aside.append((rank, code, distances[row], reasons[code]))
        elif not math.isfinite(distances[row]):
            aside.append((rank, code, NAN, "too many characteristics missing to compare"))
        elif k is None or len(peers) + beyond < k:
            if caliper is not None and distances[row] > caliper:
                beyond += 1
                reason = f"farther than the caliper: {distances[row]:.4g} is more than {caliper:.4g}"
                aside.append((rank, code, distances[row], reason))
            else:
                peers.append((rank, code, distances[row]))
    return peers, aside


def require_same(found, k, pool, calipers=None):
    """Compare peers, digits, ranks and those set aside of all units with the ranking of the whole table."""
    tolerance = 1e-13 if found.metric == "mahalanobis" else 0.0
    calipers = calipers or [None] * len(found.units)
    for unit, limit, chosen in zip(
        found.units, calipers, select_all(found.units, found, k, pool, calipers), strict=True
    ):
        others = [code for code in found.units if code != unit]
        reasons = within_reasons(unit, others, pool.within, pool.units) | dict(pool.reasons)
        peers, aside = ranking(found, unit, k, reasons, limit)
        assert chosen.peers == tuple(code for _, code, _ in peers)
        assert chosen.pool_ranks.tolist() == [rank for rank, *_ in peers]
        expected = np.array([distance for *_, distance in peers])
        np.testing.assert_allclose(chosen.distances, expected, rtol=tolerance, atol=0.0)
        assert chosen.nearest_kept == sum(rank <= len(peers) for rank, *_ in peers)
        last = peers[-1][0] if peers else 0
        near = [item for item in aside if item[0] < last or (item[3].startswith("farther than") and k)]
        assert [(item.candidate, item.reason) for item in chosen.set_aside()[0]] == [
            (code, reason) for _, code, _, reason in near
        ]
        measured = [item.distance for item in chosen.set_aside()[0]]
        np.testing.assert_allclose(measured, [item[2] for item in near], rtol=tolerance, atol=0.0)
        counts = {}
        for item in aside:
            if item not in near:
                kind = item[3].partition(":")[0]
                counts[kind] = counts.get(kind, 0) + 1
        assert chosen.set_aside()[1] == counts


def random_table(seed):
    """Return characteristics with ties, missing cells and categories, units with columns, and reasons."""
    rng = np.random.default_rng(seed)
    count, numbers = int(rng.integers(8, 70)), int(rng.integers(1, 7))
    values = np.round(rng.normal(size=(count, numbers)), int(rng.integers(0, 3)))
    if seed % 4 == 1:
        values = values * 1e-3 + 2019.0
    names = [f"x{place}" for place in range(numbers)]
    categories = {}
    for place in range(int(rng.integers(0, 3))):
        texts = tuple("abcd"[: int(rng.integers(2, 5))])
        categories[f"c{place}"] = texts
        values = np.column_stack([values, rng.integers(0, len(texts), count)])
        names.append(f"c{place}")
    values[: len(values) // 10 * 2 : 2] = values[1 : len(values) // 10 * 2 : 2]
    if seed % 3:
        values[rng.random(values.shape) < 0.08 * (seed % 3)] = NAN
    codes = tuple(f"U{code:03d}" for code in rng.permutation(count))
    table = Characteristics(codes, tuple(names), values, categories)
    weights = dict(zip(names, rng.choice([0.5, 1.0, 2.0], len(names)).tolist(), strict=True))
    recipe = DistanceRecipe(weights, metric="mahalanobis" if seed % 5 == 0 else "euclidean")
    kinds, regions = (
        {code: str(text) for code, text in zip(codes, rng.choice(list(choices), count), strict=True)}
        for choices in (["acute", "mental"], ["N", "S", "E", ""])
    )
    units = Units({}, {"type": kinds, "region": regions})
    within = [(), ("type",), ("type", "region")][seed % 3 if seed % 7 else 2]
    barred = rng.choice(codes, count // 4, replace=False).tolist() if seed % 2 else []
    reasons = {code: f"reason {code[-1]}: {code}" for code in barred}
    return scale_characteristics(table, recipe, "t"), Pool(reasons, within, units)


@pytest.fixture(params=["blocks", "rows", "library", "nearer ones counted", "nearer ones in order"])
def way(request, monkeypatch):
    if request.param.startswith("nearer"):
        monkeypatch.setattr(search, "FEW_ASIDE", 0 if request.param.endswith("counted") else np.inf)
    if request.param == "rows":
        monkeypatch.setattr(search, "BLOCK", 1)
    if request.param == "library":
        monkeypatch.setattr(search, "MANY_UNITS", 4)
        monkeypatch.setattr(search, "ROWS_AT_ONCE", 17)
        monkeypatch.setattr(search, "RESERVE", 3)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.usefixtures("way")
def test_same_peers_digits_and_ranks(seed):
    found, pool = random_table(seed)
    k = [3, 10, None, 40][seed % 4]
    k = 10 if k is None and seed % 8 == 2 else k
    caliper = None if k is None else [None, "p60", 1.1][seed % 3]
    calipers = [caliper_distance(caliper, found, unit, k) for unit in found.units]
    require_same(found, k, pool, calipers)


@pytest.mark.parametrize("seed", range(50))
def test_kth_nearest_of_everybody(seed):
    found, _ = random_table(seed)
    k = min(5, len(found.units) - 1)
    expected = []
    for row, unit in enumerate(found.units):
        distances = all_distances(found, unit)
        distances[row] = NAN
        expected.append(np.sort(distances)[k - 1])
    np.testing.assert_allclose(found.nearest(k), expected, rtol=1e-13)


@pytest.mark.parametrize("seed", range(50))
def test_given_peers_and_nearest_codes(seed):
    found, pool = random_table(seed)
    unit, *others = found.units
    given = tuple(others[::3])
    chosen = given_peers(unit, given, found, pool)
    every = {code: (rank, distance) for rank, code, distance in ranking(found, unit, None, {})[0]}
    assert chosen.pool_ranks.tolist() == [every.get(peer, (0,))[0] for peer in chosen.peers]
    expected = [every.get(peer, (0, NAN))[1] for peer in chosen.peers]
    np.testing.assert_allclose(chosen.distances, expected, rtol=1e-13)
    codes = nearest_codes(found.units, found, 7, pool)
    assert codes == [item.peers for item in select_all(found.units, found, 7, pool)]


def tables():
    """Return the tables of the sample and of the NHS: paths, column of codes, recipe, units, and columns."""
    sample = ROOT / "data" / "sample"
    preset = NHS_TRUST_PEER_FINDER
    finder = (NHS / "peer_finder_appendix_a.csv", preset.unit_column, DistanceRecipe.of_preset(preset))
    trusts = (NHS / "trusts.csv", {"unit": "trust_code"}, ("org_type",))
    yield "sample", (sample / "characteristics.csv", "unit", DistanceRecipe())
    yield "finder", finder
    yield "finder, within", (*finder, *trusts)


@pytest.mark.parametrize("metric", ["euclidean", "mahalanobis"])
@pytest.mark.parametrize("given", [pytest.param(given, id=name) for name, given in tables()])
def test_same_on_the_sample_and_the_nhs_files(given, metric):
    path, column, recipe, *about = given
    if not path.exists():
        pytest.skip(f"{path} is not there; ITS_EVAL_NHS_DATA names the folder with the published NHS files")
    variables = None if recipe.weights is None else list(recipe.weights)
    table = load_characteristics(path, column, variables)
    found = scale_characteristics(table, replace(recipe, metric=metric), "t")
    pool = Pool()
    if about:
        path, columns, within = about
        pool = Pool({found.units[0]: "treated itself"}, within, load_units(path, columns))
    require_same(found, 10, pool)
