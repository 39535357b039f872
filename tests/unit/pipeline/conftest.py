import numpy as np
import pandas as pd
import pytest

from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config import Config
from its_eval.errors import DataError
from its_eval.pipeline.credibility import Credibility, Look
from its_eval.pipeline.donors import targets_of_donors
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.question import questions
from its_eval.pipeline.run import evaluate
from its_eval.pipeline.sources import load_sources

UNITS = ("T1", "T2", "D1", "D2", "D3", "D4")
N_MONTHS, START = 48, 24


def asks_by_shape(settings):
    """Return settings with the one term that counts, where a test does not say what is asked."""
    shape = settings["intervention"].get("shape", "step_and_slope")
    term = "level_change" if shape == "step" else "slope_change"
    return {**settings, "estimands": {"primary": term, **(settings.get("estimands") or {})}}


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
        merged = asks_by_shape({**self.settings, "data": tables, **changes})
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


FREQUENCIES = {
    "month": lambda index: f"{2010 + index // 12}-{index % 12 + 1:02d}",
    "quarter": lambda index: f"{1990 + index // 4}Q{index % 4 + 1}",
    "year": lambda index: str(1900 + index),
    # the years 2021 to 2025 have 52 weeks each
    "week": lambda index: f"{2021 + index // 52}-W{index % 52 + 1:02d}",
}
NO_CHECKS = {
    "placebo_units": False,
    "placebo_dates": False,
    "leave_one_peer_out": False,
    "diagnostics": False,
}


class World:
    """Units with series of one's own making; checks only where a test asks for them.

    Units are named by their first letter: T for treated, others are donors. Each has a characteristic, its
    place among the units, so that neighbours are peers.
    """

    def __init__(self, folder, values, *, frequency="month", start=None, denominators=None, counts=None):
        self.folder, self.frequency = folder, frequency
        self.values = {unit: np.asarray(series, dtype=float) for unit, series in values.items()}
        self.denominators, self.counts = denominators, counts
        self.units = list(values)
        self.n = len(next(iter(self.values.values())))
        self.start = self.n // 2 if start is None else start
        self.extra = []
        self.settings = {
            "version": 1,
            "intervention": {"name": "Law", "date": self.period(self.start)},
            "treated": [unit for unit in values if unit.startswith("T")],
            "outcomes": [self.outcome()],
            "estimators": ["ols"],
            "checks": NO_CHECKS,
            "estimands": {"at": [2]},
        }

    @staticmethod
    def outcome(**keys):
        return {"indicator": "y", "kind": "number", "seasonality": "none", **keys}

    def period(self, index):
        return FREQUENCIES[self.frequency](index)

    def add(self, indicator, unit, values, first=0):
        """Give a unit another indicator, from a period on."""
        for index, value in enumerate(values, first):
            self.extra.append(
                {"indicator": indicator, "unit": unit, "period": self.period(index), "value": value}
            )

    def frame(self):
        rows = []
        for unit, series in self.values.items():
            for index, value in enumerate(series):
                row = {"indicator": "y", "unit": unit, "period": self.period(index), "value": value}
                if self.denominators is not None:
                    row["denominator"] = self.denominators[unit][index]
                if self.counts is not None:
                    row["numerator"] = self.counts[unit][index]
                rows.append(row)
        return pd.DataFrame(rows + self.extra)

    def config(self, *, data=None, **changes):
        self.frame().to_csv(self.folder / "y.csv", index=False)
        places = "".join(f"{unit},{place},{place % 3}\n" for place, unit in enumerate(self.units))
        (self.folder / "c.csv").write_text(f"unit,place,turn\n{places}", encoding="utf-8")
        merged = asks_by_shape({**self.settings, **changes})
        tables = {
            "indicators": {"path": str(self.folder / "y.csv")},
            "characteristics": {"path": str(self.folder / "c.csv")},
            "frequency": self.frequency,
            **(data or {}),
        }
        merged["data"] = {key: value for key, value in tables.items() if value is not None}
        return Config.model_validate({key: value for key, value in merged.items() if value is not None})

    def plan(self, **changes):
        """Return config, sources and the plan of the only outcome."""
        config = self.config(**changes)
        sources = load_sources(config)
        return config, sources, make_plan(config, sources).outcomes[0]

    def run(self, **changes):
        return evaluate(self.config(**changes))

    def faults(self, **changes):
        with pytest.raises(DataError) as caught:
            self.plan(**changes)
        return list(caught.value.problems)


@pytest.fixture
def make_world(tmp_path):
    return lambda values, **options: World(tmp_path, values, **options)


@pytest.fixture
def noisy():
    """Return series by unit: level by place, common trend, season and noise of their own."""

    def make(units, n=72, seed=0, per_year=12, scale=1.0):
        rng = np.random.default_rng(seed)
        time = np.arange(n)
        return {
            unit: 60
            + 3 * place
            + 0.05 * (1 + place) * time
            + 2 * np.sin(2 * np.pi * time / per_year)
            + rng.normal(0, scale, n)
            for place, unit in enumerate(units)
        }

    return make


def table_values(evaluation, table, **keys):
    """Return the rows of a table that have these values."""
    frame = evaluation.tables[table]
    for name, value in keys.items():
        frame = frame[frame[name] == value]
    return frame


@pytest.fixture
def rows_of():
    return table_values


def fit_plan(config, plan, design, targets=None, entries=None):
    """Return what a design finds of a plan with whole fits, and what could not be estimated."""
    return COMPARISONS[design].estimates(plan, Analysis.of(config).ask, targets, entries)


@pytest.fixture
def fitted():
    return fit_plan


@pytest.fixture
def look_at():
    """Return what checks look at: the fits of a design with their answers, nobody beside them."""

    def look(config, sources, plan, design):
        estimates, _ = fit_plan(config, plan, design)
        analysis = Analysis.of(config)
        donors = targets_of_donors(config, sources, plan, plan.treated)
        asked = questions(analysis, estimates)
        of_design = COMPARISONS[design]
        return Look(
            config, sources, plan, of_design, analysis, estimates, Credibility(), asked, donors=donors
        )

    return look


@pytest.fixture
def primaries():
    """Return the primary estimand of every series of a plan that has it, in the order of the series."""

    def read(config, plan, design, targets=None, entries=None):
        estimates, _ = fit_plan(config, plan, design, targets, entries)
        return list(Analysis.of(config).primary(estimates))

    return read
