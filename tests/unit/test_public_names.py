"""``import its_eval`` is quick, and gives the public names when they are asked for."""

import subprocess
import sys

import pytest

import its_eval
from its_eval.provenance import program_version

HEAVY = ("pandas", "numpy", "scipy", "statsmodels", "matplotlib", "sklearn", "pyarrow")


@pytest.mark.parametrize("module", ["its_eval", "its_eval.cli.app"])
def test_an_import_loads_no_heavy_library(module):
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_public_names():
    assert its_eval.__all__ == ["Evaluation", "__version__", "evaluate", "load_config", "select_peers"]
    assert set(its_eval.__all__) <= set(dir(its_eval))
    for name in its_eval.__all__:
        vars(its_eval).pop(name, None)
        assert getattr(its_eval, name) is not None
    assert its_eval.__version__ == program_version()
    assert its_eval.load_config.__module__ == "its_eval.config.loading"
    assert its_eval.evaluate.__module__ == "its_eval.pipeline.run"
    assert its_eval.select_peers.__module__ == "its_eval.peers.select"
    assert its_eval.Evaluation.__module__ == "its_eval.evaluation"


def test_other_names_are_refused():
    with pytest.raises(AttributeError, match="module 'its_eval' has no attribute 'evalute'"):
        its_eval.evalute  # noqa: B018


def test_a_study_from_python(study):
    result = its_eval.evaluate(its_eval.load_config(study.config))
    assert isinstance(result, its_eval.Evaluation)
    assert set(result.tidy("summary")["unit"]) == {"A1", "A2"}
