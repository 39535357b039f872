"""The five NHS-VMI trusts on real A&E data; skipped, saying so, where the files are not."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from its_eval.config import load_config
from its_eval.pipeline.run import evaluate

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs"))
FILES = ("ae_4h_monthly.csv", "peer_finder_appendix_a.csv", "trusts.csv")
TREATED = ["RF4", "RKB", "RR8", "RTP", "RXW"]


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    missing = [name for name in FILES if not (DATA / name).is_file()]
    if missing:
        pytest.skip(f"real NHS files are not in {DATA}: {', '.join(missing)} (see data/nhs/README.md)")
    folder = tmp_path_factory.mktemp("nhs")
    (folder / "configs").mkdir()
    (folder / "data" / "nhs").mkdir(parents=True)
    shutil.copy(ROOT / "configs" / "nhs_vmi_ae4h.yaml", folder / "configs")
    for name in FILES:
        shutil.copy(DATA / name, folder / "data" / "nhs")
    return evaluate(load_config(folder / "configs" / "nhs_vmi_ae4h.yaml"))


def test_five_trusts_in_two_designs(evaluation):
    summary = evaluation.tables["summary"]
    assert sorted(set(summary["unit"])) == TREATED
    assert sorted(set(summary["design"])) == ["difference", "single"]
    assert len(summary) == 10
    assert evaluation.tables["not_estimated"].empty
    fits = evaluation.tables["fits"]
    assert set(zip(fits["n_pre"], fits["n_post"], strict=True)) == {(27, 56)}


def test_ten_peers_each_and_every_exclusion_has_a_reason(evaluation):
    peers = evaluation.tables["peers"]
    assert (peers.groupby("unit").size() == 10).all()
    assert not set(peers["peer"]) & set(TREATED)
    exclusions = evaluation.tables["peer_exclusions"]
    assert exclusions["reason"].str.len().gt(0).all()
    # of the fifty nearest, those of the published tool, thirty have enough A&E data
    assert int((peers["pool_rank"] <= 10).sum()) == 30
    assert any("30 of the 50 nearest candidates" in note for note in evaluation.notes)
    assert any("2019" in note for note in evaluation.notes)


def test_a_series_at_a_bound_has_the_answer_of_the_differenced_model(evaluation):
    summary = evaluation.tables["summary"].set_index(["unit", "design"])
    fits = evaluation.tables["fits"]
    flagged = fits[(fits["estimator"] == "reml_ar") & fits["flags"].str.contains("at_bound|df_floor")]
    assert {("RKB", "single")} <= set(zip(flagged["unit"], flagged["design"], strict=True))
    effects = evaluation.tables["effects"].query("estimator == 'reml_ar'").set_index(["unit", "design"])
    for unit, design, flags in flagged[["unit", "design", "flags"]].itertuples(index=False):
        row = summary.loc[(unit, design)]
        assert row["label"] != "not estimable"
        assert np.isfinite(row["p_value"])
        at_bound = "at_bound" in flags
        assert set(effects.loc[(unit, design), "inference"]) == {"random_walk" if at_bound else "kr1"}


def test_estimates_agree_with_least_squares_in_direction_and_size(evaluation):
    """No number to compare with is published; a gross error would show against plain least squares."""
    effects = evaluation.tables["effects"]
    slopes = effects[effects["estimand"] == "slope_change"].set_index(["unit", "design", "estimator"])
    for unit in TREATED:
        for design in ("single", "difference"):
            primary = slopes.loc[(unit, design, "reml_ar")]
            plain = slopes.loc[(unit, design, "ols")]
            assert abs(primary["estimate"] - plain["estimate"]) < 2.5 * primary["std_error"]
            assert primary["std_error"] > plain["std_error"]
