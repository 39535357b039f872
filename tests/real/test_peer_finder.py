"""The published answer of the NHS Trust Peer Finder, all of it, from its own Appendix A."""

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from its_eval.data.attributes import load_characteristics
from its_eval.peers.recipes import NHS_TRUST_PEER_FINDER, DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.select import select_peers

DEFAULT = Path(__file__).parents[2].parent / "shared" / "data" / "nhs"
FOLDER = Path(os.environ.get("ITS_EVAL_NHS_DATA", DEFAULT))


@pytest.fixture(scope="module")
def published():
    path = FOLDER / "peer_finder_default_peers.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there; ITS_EVAL_NHS_DATA names the folder with the published NHS files")
    answers = defaultdict(list)
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["unit"]].append((int(row["rank"]), row["peer"], float(row["distance"])))
    return {unit: sorted(rows) for unit, rows in answers.items()}


@pytest.fixture(scope="module")
def scaled(published):
    preset = NHS_TRUST_PEER_FINDER
    path = FOLDER / "peer_finder_appendix_a.csv"
    table = load_characteristics(path, preset.unit_column, list(preset.weights))
    return scale_characteristics(table, DistanceRecipe.of_preset(preset), str(path))


def test_all_lists_and_distances(published, scaled):
    assert len(published) == 208
    assert sum(map(len, published.values())) == 2288
    assert set(scaled.units) == set(published)
    for unit, rows in published.items():
        chosen = select_peers(unit, scaled, 10, {})
        assert [unit, *chosen.peers] == [peer for _, peer, _ in rows], unit
        expected = np.array([distance for *_, distance in rows])
        np.testing.assert_allclose([0.0, *chosen.distances], expected, rtol=0, atol=1e-9, err_msg=unit)
        assert chosen.pool_ranks.tolist() == list(range(1, 11))


def asked(its, *arguments):
    table, units = FOLDER / "peer_finder_appendix_a.csv", FOLDER / "trusts.csv"
    answer = its("peers", table, "--units", units, "--preset", NHS_TRUST_PEER_FINDER.name, *arguments)
    assert (answer.code, answer.err) == (0, "")
    return answer.out


def test_the_five_trusts_get_names_types_and_reasons_within_100_columns(published, its):
    trusts = ("RTP", "RR8", "RKB", "RXW", "RF4")
    text = asked(its, *(word for unit in trusts for word in ("--unit", unit)))
    assert max(map(len, text.splitlines())) <= 100
    for unit in trusts:
        assert f"Peers of {unit}, " in text
    assert "Leeds Teaching Hospitals NHS Trust, Acute" in text
    assert "farthest apart on" in text
    assert "Shared peers" in text


def test_mental_health_trusts_have_peers_of_other_types_until_they_must_agree(published, its):
    with (FOLDER / "trusts.csv").open(encoding="utf-8", newline="") as file:
        types = {row["trust_code"]: row["org_type"] for row in csv.DictReader(file)}
    units = [unit for unit in published if types.get(unit) == "Mental Health"]
    pairs = [peer for unit in units for _, peer, _ in published[unit] if peer != unit]
    others = [peer for peer in pairs if types[peer] != "Mental Health"]
    # as docs/peers.md has it
    assert (len(units), len(pairs), len(others)) == (42, 420, 121)
    name = "NHS Sickness Absence benchmarking tool CSV, December 2023.csv"
    with (FOLDER / "sickness" / name).open(encoding="utf-8", newline="") as file:
        groups = {row["ORG_CODE"]: row["CLUSTER_GROUP"] for row in csv.DictReader(file)}
    known = [unit for unit in published if groups.get(unit) == "Mental Health"]
    pairs = [peer for unit in known for _, peer, _ in published[unit] if peer != unit]
    others = [peer for peer in pairs if groups.get(peer) != "Mental Health"]
    assert (len(known), len(pairs), len(others)) == (39, 390, 110)
    said = " ".join(asked(its, "--unit", "RP1").split())
    assert (
        "RP1: 7 of the 10 peers are of another type than Mental Health (7 Community Provider Trust)" in said
    )
    mended = asked(its, "--unit", "RP1", "--within", "type")
    assert "another type" not in mended
    assert "The last peer is far: few units are like RP1." in mended


def test_the_documented_output_is_true(published, its):
    text = (Path(__file__).parents[2] / "docs" / "peers.md").read_text(encoding="utf-8")
    for arguments in (("--unit", "RP1"), ("--unit", "RP1", "--within", "type")):
        shown = "\n".join(line.rstrip() for line in asked(its, *arguments).splitlines())
        assert f"{' '.join(arguments)}\n{shown}\n```" in text
