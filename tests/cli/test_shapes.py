"""Shapes that do not stay, from a config to the screen, and what a config may not say of them."""

from pathlib import Path

import pytest
import yaml

from its_eval.config import load_config
from its_eval.errors import ConfigError
from its_eval.pipeline.run import evaluate
from its_eval.words.methods import method_sentences
from its_eval.words.screen import screen

SAMPLE = Path(__file__).parents[2] / "data" / "sample"


def config(folder, **intervention):
    path = folder / "study.yaml"
    content = {
        "version": 1,
        "data": {"indicators": {"path": str(SAMPLE / "indicators.csv")}},
        "intervention": {"name": "Programme", "date": "2015-07", **intervention},
        "treated": ["SIM07"],
        "outcomes": [
            {
                "indicator": "fft_recommend",
                "unit": "%",
                "start": "2013-04",
                "end": "2020-02",
                "seasonality": "none",
            }
        ],
        "designs": ["single"],
        "estimators": ["reml_ar"],
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    ("shape", "length", "shown", "words"),
    [
        ("pulse", None, "level_change", "a change in the first period alone"),
        ("temporary", 6, "level_change", "a change of level that ends after 6 periods"),
        ("temporary", 24, "effect_at_12", "a change of level that ends after 24 periods"),
        ("decay", 6, "effect_at_12", "an immediate change in level that fades, by half in 6 periods"),
    ],
)
def test_every_shape_is_answered(tmp_path, shape, length, shown, words):
    chosen = config(tmp_path, shape=shape, **({} if length is None else {"length": length}))
    found = evaluate(chosen)
    (row,) = found.tables["summary"].to_dict("records")
    assert row["estimand"] == shown
    assert row["label"]
    assert 0.0 <= row["p_value"] <= 1.0
    assert not found.tables["effects"]["estimand"].eq("slope_change").any()
    months = found.tables["checks"].set_index("check").loc["one_month", "status"]
    assert months == "not_applicable"
    text = " ".join(line.text for line in screen(found, verbose=True))
    assert "Asked: did the level change in the unit from July 2015" in text
    settings = chosen.model_dump(mode="json", by_alias=True)
    assert any(words in sentence for part in method_sentences(settings).values() for sentence in part)


@pytest.mark.parametrize(
    ("intervention", "message"),
    [
        ({"shape": "temporary"}, "shape temporary has no length; expected the periods that it lasts"),
        ({"shape": "decay"}, "shape decay has no length; expected the periods in which it halves"),
        ({"shape": "step", "length": 3}, "3.0: shape step has no length"),
        (
            {"shape": "pulse", "phase_in": {"periods": 2, "as": "ramp"}},
            "a ramp to shape pulse, which does not stay",
        ),
        ({"shape": "puls"}, "'puls'"),
    ],
)
def test_what_a_config_may_not_say(tmp_path, intervention, message):
    with pytest.raises(ConfigError) as error:
        config(tmp_path, **intervention)
    assert message in str(error.value)
