"""``import its_eval`` is quick, and gives the public names when they are asked for."""

import json
import subprocess
import sys

import pytest

import its_eval
import its_eval.config
from its_eval.evaluation import effect_words
from its_eval.provenance import program_version

HEAVY = ("pandas", "numpy", "scipy", "statsmodels", "matplotlib", "sklearn", "pyarrow")


@pytest.mark.parametrize("module", ["its_eval", "its_eval.cli.app"])
def test_an_import_loads_no_heavy_library(module, patience):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=patience
    )
    assert done.stdout.strip() == "[]"


def test_public_names():
    assert its_eval.__all__ == [
        *(
            "Evaluation",
            "SeriesFits",
            "__version__",
            "evaluate",
            "fit",
            "load_config",
            "load_run",
            "peers_of",
            "select_peers",
        ),
    ]
    assert set(its_eval.__all__) <= set(dir(its_eval))
    for name in its_eval.__all__:
        vars(its_eval).pop(name, None)
        assert getattr(its_eval, name) is not None
    assert its_eval.__version__ == program_version()
    assert its_eval.load_config.__module__ == "its_eval.config.loading"
    assert its_eval.load_run.__module__ == "its_eval.report.source"
    assert its_eval.evaluate.__module__ == "its_eval.pipeline.run"
    assert its_eval.select_peers.__module__ == "its_eval.peers.select"
    assert its_eval.Evaluation.__module__ == "its_eval.evaluation"


@pytest.mark.parametrize("name", its_eval.config.__all__)
def test_the_names_of_settings_are_found(name):
    vars(its_eval.config).pop(name, None)
    assert getattr(its_eval.config, name) is not None


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'its_eval' has no attribute 'evalute'"):
        its_eval.evalute  # noqa: B018


def test_a_study_from_python(study):
    result = its_eval.evaluate(its_eval.load_config(study.config))
    assert isinstance(result, its_eval.Evaluation)
    assert set(result.tidy("summary")["unit"]) == {"A1", "A2"}
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["title"] == result.title


def test_the_summary_of_a_study_says_what_its_table_says(study):
    result = its_eval.evaluate(its_eval.load_config(study.config))
    lines = result.summary().splitlines()
    assert lines[0] == result.title
    summary = result.tidy("summary")
    assert len(lines) == 1 + len(summary)
    for line, row in zip(lines[1:], summary.to_dict("records"), strict=True):
        assert f", {row['unit']}, {row['design']}: {row['estimand']} " in line
        assert line.endswith(f": {row['label']}")
        assert f"{row['estimate']:.4g}".replace("-", "\N{MINUS SIGN}") in line


def test_an_interval_without_meaning_is_not_told():
    row = {
        "estimand": "slope_change",
        "estimate": -1.25,
        "conf_low": -3.0,
        "conf_high": 0.5,
        "conf_level": 0.9,
    }
    row |= {"p_value": 0.0004, "p_adjusted": 0.02, "p_placebo": 0.25}
    assert effect_words(row) == (
        "slope_change −1.25 (90 % interval −3 to 0.5; p < 0.001; adjusted p = 0.020; placebo p = 0.250)"
    )
    assert effect_words(row, estimable=False) == "slope_change −1.25 (not estimable; placebo p = 0.250)"


def test_a_name_that_config_does_not_have_is_an_attribute_error():
    import its_eval.config

    assert its_eval.config.Config is its_eval.config.Config
    with pytest.raises(AttributeError, match="no attribute 'Confg'"):
        its_eval.config.Confg  # noqa: B018
