"""Real trusts without the intervention, each left out once as if treated; skipped where the files are not."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ITS_EVAL_NHS_DATA", ROOT.parent / "shared" / "data" / "nhs"))
FILES = {
    "ae_4h": "ae_4h_monthly.csv",
    "critical_care": "critical_care_beds_2002_20_clean.csv",
    "beds": "beds_quarterly.csv",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study():
    path = ROOT / "benchmarks" / "evidence" / "real_donors.py"
    spec = importlib.util.spec_from_file_location("real_donors", path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "real_donors", module)
        spec.loader.exec_module(module)
        yield module


@pytest.mark.parametrize("outcome", FILES)
def test_dates_that_nothing_was_chosen_on_are_called_unusual_at_the_nominal_rate(study, outcome):
    """3 to 8 % over three dates, and less than the units' own intervals, which leave their own changes out."""
    missing = [name for name in (FILES[outcome], "peer_finder_appendix_a.csv") if not (DATA / name).is_file()]
    if missing:
        pytest.skip(f"real NHS files are not in {DATA}: {', '.join(missing)} (see data/nhs/README.md)")
    panel = study.read(outcome)
    for which in ([0], [1], [2], [0, 1]):
        judged = [
            study.judge(study.leave_out(panel, start), which)
            for name, start in study.HELD_OUT
            if name == outcome
        ]
        rates = np.array([[np.mean(found[p] <= 0.05) for p in ("p", "gap")] for found in judged])
        attributed, gap = 100 * rates.mean(axis=0)
        assert 3 <= attributed <= 8, (which, attributed)
        assert attributed < gap, (which, attributed, gap)
