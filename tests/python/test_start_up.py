"""What Python costs before the first answer, beside the libraries that any such program loads."""

import os
import statistics
import subprocess
import sys

import pytest

TIMED = "from time import process_time as clock\nbegan = clock()\n{}\nprint(clock() - began)"
FIT = """
import pandas as pd
from its_eval import fit
months = pd.period_range("2013-01", periods=48, freq="M")
found = fit(pd.Series([50.0 + 7 * m % 5 + 6 * (m >= 24) for m in range(48)], months), "2015-01")
assert found.effects["estimate"].notna().all()
"""
PAIRS = 5


@pytest.mark.parametrize(
    ("ours", "libraries", "most"),
    [
        ("import its_eval", "import pandas", 0.1),
        (FIT, "import pandas, scipy.linalg, scipy.special, pydantic", 1.5),
    ],
    ids=["import", "first fit"],
)
def test_what_a_start_costs(patience, ours, libraries, most):
    # compiled once and kept, as it is for users; one thread, so that processor time is that of the work
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def seconds(code):
        done = subprocess.run(
            [sys.executable, "-c", TIMED.format(code)],
            env=environment, capture_output=True, text=True, check=True, timeout=patience,
        )  # fmt: skip
        return float(done.stdout)

    for code in (ours, libraries):
        seconds(code)
    # in turn, so that a machine that is busy for a while slows both of a pair
    ratios = [seconds(ours) / seconds(libraries) for _ in range(PAIRS)]
    assert statistics.median(ratios) <= most, ratios
