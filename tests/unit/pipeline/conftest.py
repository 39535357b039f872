import numpy as np
import pandas as pd
import pytest

from its_eval.config import Config
from its_eval.errors import DataError
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.run import evaluate
from its_eval.pipeline.sources import load_sources

UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")
N_MONTHS, START = 48, 24


def period(index):
    return f"{2013 + index // 12}-{index % 12 + 1:02d}"


class Study:
    """Two treated units and four donors over 48 months from January 2013; interruption in January 2015."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(3)
        months = np.tile(np.arange(N_MONTHS), len(UNITS))
        self.frame = pd.DataFrame(
            {
                "indicator": "waits",
                "unit": np.repeat(UNITS, N_MONTHS),
                "period": [period(index) for index in months],
                "value": np.round(60 + 0.1 * months + rng.normal(0, 1, len(months)), 3),
                "denominator": 200 + months,
            }
        ).astype({"value": object, "denominator": object})
        self.characteristics = "unit,size,age\nT1,1,1\nT2,2,2\nD1,1.1,1\nD2,1.2,1\nD3,5,5\nD4,6,4\n"
        self.units = "unit,name,type\nT1,One,acute\nT2,Two,acute\nD1,,acute\nD2,,mental\nD3,,acute\nD4,,\n"
        self.settings = {
            "version": 1,
            "intervention": {"name": "Law", "date": "2015-01"},
            "treated": ["T1", "T2"],
            "outcomes": [
                {"indicator": "waits", "kind": "percentage", "better": "higher", "seasonality": "none"}
            ],
            "peers": {"k": 2},
            "estimators": ["ols"],
        }

    def put(self, unit, index, column="value", to=""):
        """Write into one cell; return the row number of the file."""
        place = UNITS.index(unit) * N_MONTHS + index
        self.frame.loc[place, column] = to
        return place + 2

    def drop(self, unit, indices):
        self.frame = self.frame.drop([UNITS.index(unit) * N_MONTHS + index for index in indices])

    def config(self, *, data=None, table=None, **changes):
        self.frame.to_csv(self.folder / "waits.csv", index=False)
        (self.folder / "c.csv").write_text(self.characteristics, encoding="utf-8")
        (self.folder / "u.csv").write_text(self.units, encoding="utf-8")
        tables = {
            "indicators": {"path": str(self.folder / "waits.csv"), **(table or {})},
            "characteristics": {"path": str(self.folder / "c.csv")},
            "units": {"path": str(self.folder / "u.csv"), "columns": {"name": "name", "type": "type"}},
            **(data or {}),
        }
        merged = {**self.settings, "data": tables, **changes}
        return Config.model_validate({key: value for key, value in merged.items() if value is not None})

    def plan(self, **changes):
        config = self.config(**changes)
        return make_plan(config, load_sources(config))

    def run(self, **changes):
        return evaluate(self.config(**changes))

    def faults(self, **changes):
        with pytest.raises(DataError) as caught:
            self.plan(**changes)
        return [problem.replace(f"{self.folder}/", "") for problem in caught.value.problems]


@pytest.fixture
def study(tmp_path):
    return Study(tmp_path)
