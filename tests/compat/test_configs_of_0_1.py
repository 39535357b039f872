"""Configs of 0.1 load unchanged, and their resolved forms ask what was asked then.

The configs in ``v0_1/configs`` are those that 0.1 came with. The resolved ones, with every default of 0.1 spelled
out, are what it wrote beside results of three of them; only the paths of the data were made relative again.
"""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from its_eval.config import load_config, to_yaml

ROOT = Path(__file__).parents[2]
CONFIGS = Path(__file__).parent / "v0_1" / "configs"
ALL = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
RESOLVED = [name for name in ALL if name.endswith(".resolved")]
WITH_DATA = [name for name in ALL if not name.startswith("nhs_vmi")]
#: What each resolved config asks: the default of 0.1 for its shape, or what its config states.
ASKED = {
    "sample.resolved": "slope_change",
    "sample_strata.resolved": "level_change",
    "uk_seatbelts.resolved": "level_change",
}


@pytest.fixture
def folder(tmp_path):
    """The configs beside the sample data, as in a checkout."""
    shutil.copytree(CONFIGS, tmp_path / "configs")
    shutil.copytree(ROOT / "data" / "sample", tmp_path / "data" / "sample")
    return tmp_path / "configs"


def differing(old, new, place=""):
    """Yield what an old setting says and a new one does not; a shorter form of the same is the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in old.items():
            yield from differing(value, new.get(key), f"{place}.{key}".strip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differing(one, other, f"{place}[{number}]")
    elif old != new and not place.endswith("path"):
        yield f"{place}: {old} → {new}"


def test_there_are_the_configs_of_0_1_and_three_resolved_ones():
    assert set(ASKED) == set(RESOLVED)
    assert len(ALL) == 9


@pytest.mark.parametrize("name", ALL)
def test_it_loads(name):
    load_config(CONFIGS / f"{name}.yaml")


@pytest.mark.parametrize("name", WITH_DATA)
def test_it_is_valid_with_its_data(its, folder, name):
    answer = its("validate", folder / f"{name}.yaml")
    assert answer.code == 0, answer.out + answer.err


@pytest.mark.parametrize("name", RESOLVED)
def test_a_resolved_config_asks_the_same_question(name):
    old = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    config = load_config(CONFIGS / f"{name}.yaml")
    assert config.estimands.primary == old["estimands"]["primary"] == ASKED[name]
    # and nothing else that it says is read as something else
    assert list(differing(old, yaml.safe_load(to_yaml(config)))) == []


@pytest.mark.parametrize("name", ["sample", "sample_strata", "california_prop99"])
def test_a_config_that_states_no_question_asks_for_any_change(name):
    assert "estimands" not in yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert load_config(CONFIGS / f"{name}.yaml").estimands.primary == "change"


def test_a_resolved_config_has_the_answer_of_0_1(its, folder, tmp_path):
    """The Seat-belt law: estimates, intervals and p-values are those of the summary that 0.1 wrote."""
    out = tmp_path / "out"
    answer = its("run", folder / "uk_seatbelts.resolved.yaml", "-o", out, "--no-figures", "--no-report")
    assert (answer.code, answer.err) == (0, "")
    assert "Asked: did the level change in the unit from February 1983" in answer.out
    summary = pd.read_csv(out / "tables" / "summary.csv").set_index("design")
    assert set(summary["estimand"]) == {"level_change"}
    then = pd.read_csv(CONFIGS.parent / "uk_seatbelts.summary.csv").set_index("design")
    for column in ("estimate", "conf_low", "conf_high", "p_value"):
        assert summary[column].to_dict() == pytest.approx(then[column].to_dict(), rel=1e-6), column
    # the words are new: it is not claimed to be more than others change, for there are no others
    assert set(summary["label"]) == {"changed"}
