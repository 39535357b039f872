"""A study that is quick to evaluate and still draws figures."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECOND_OUTCOME = '  - {indicator: seen, label: Seen in time, unit: "%", kind: percentage, better: higher}\n'


@pytest.fixture
def small(study):
    """The study with one treated unit, one outcome, one design."""
    study.write(
        changes={
            "treated: [A1, A2]": "treated: [A1]",
            SECOND_OUTCOME: "",
            "designs: [single, difference]": "designs: [single]",
            "estimators: [reml_ar, ols]": "estimators: [reml_ar]",
        }
    )
    return study


@pytest.fixture
def script():
    """The command that runs a script of this folder."""
    return lambda name, *arguments: [sys.executable, str(HERE / name), *map(str, arguments)]
