"""The published answer of the NHS Trust Peer Finder, all of it, from its own Appendix A."""

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from its_eval.data.attributes import load_characteristics
from its_eval.peers.recipe import DistanceRecipe
from its_eval.peers.scaling import scale_characteristics
from its_eval.peers.presets import NHS_TRUST_PEER_FINDER
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
