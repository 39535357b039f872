"""Series and panels made up from a config alone, with a planted effect: for trying a design and for teaching.

Errors and values are drawn as those of a calibration; what differs is that the course of a series comes from
the config, not from a fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec import Struct
from msgspec.structs import replace

from its_eval.comparisons.base import comparison_of
from its_eval.config.simulation import WORLDS, Simulation
from its_eval.data.panel import Panel, empty_panel, factor_of
from its_eval.effects.estimands import estimand_of, linear_contrasts
from its_eval.errors import ConfigError
from its_eval.pipeline.plan import (
    OutcomePlan,
    Target,
    Treatment,
    planned_designs,
    planned_treatment,
    season_of,
    windows_missing,
)
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.simulated_series import FittedSeries, simulate
from its_eval.pipeline.truths import TRUTHS, Errors, autoregressive_factor
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from its_eval.config import Config, Outcome
    from its_eval.design.matrix import Design
    from its_eval.estimators.fit import BoolArray, FloatArray
    from its_eval.scales import Scale

#: Columns of the table of truths; those of ``effects`` by which it is found there come first.
TRUTH_COLUMNS = ("outcome", "unit", "interruption", "estimand", "scale", "effect")
#: Keys of a table that a file as it is written here can have.
_OF_A_PLAIN_TABLE = {"path", "columns", "indicator", "dates"}
_PLAIN_DATES = ("iso", "dmy", "mdy")

Row = dict[str, object]


class SimulatedPanel(Struct, frozen=True):
    """What was made up.

    Attributes
    ----------
    indicators : DataFrame
        A row per outcome, unit and period, its columns named as the config reads them.
    truth : DataFrame
        ``TRUTH_COLUMNS``: what the estimands of a run would be without any error.
    """

    indicators: pd.DataFrame
    truth: pd.DataFrame


def simulate_panel(config: Config) -> SimulatedPanel:
    """Make up the series of every outcome, with the effect, season and errors of `simulation`.

    Parameters
    ----------
    config : Config
        Every outcome needs ``start`` and ``end``; nothing else than the config is read.

    Raises
    ------
    ConfigError
        For what cannot be made up, all faults in one pass, and when values leave the range of their kind.
    """
    _require_possible(config)
    settings = config.simulation or Simulation()
    parts = [_of_outcome(config, settings, outcome) for outcome in config.outcomes]
    if problems := [problem for _, _, found in parts for problem in found]:
        hint = "choose another level, smaller errors or effect, or a transform that keeps values in range"
        raise ConfigError(problems, hint)
    table = config.data.indicators[0]
    frame = pd.concat([part for part, _, _ in parts], ignore_index=True)
    if table.indicator is not None:
        frame = frame.drop(columns="indicator")
    frame = frame.rename(columns=dict(table.columns))
    truth = pd.DataFrame.from_records([row for _, rows, _ in parts for row in rows], columns=TRUTH_COLUMNS)
    return SimulatedPanel(frame, truth)


def _require_possible(config: Config) -> None:
    """Refuse what a made-up table cannot have."""
    problems = windows_missing(config)
    if config.simulation is None:
        problems.insert(
            0, "simulation: missing; expected at least `simulation: {}`, which takes every default"
        )
    if config.each:
        problems.append("treated: each: expected the codes of the treated units, because no data name them")
    problems += _table_faults(config)
    for place, item in enumerate(config.outcomes):
        for key in ("strata", "covariates", "controls"):
            if getattr(item, key):
                problems.append(f"outcomes[{place}].{key}: not made up; expected this key left out")
    if problems:
        raise ConfigError(problems, "use a copy of the config; `its-eval schema` describes `simulation`")


def _table_faults(config: Config) -> Iterator[str]:
    """Yield what keeps the table of the config from being the one that is written."""
    tables = config.data.indicators
    if len(tables) > 1:
        yield f"data.indicators: {len(tables)} tables; expected one, which is written"
        return
    (table,) = tables
    for key in sorted(table.model_fields_set - _OF_A_PLAIN_TABLE):
        what = "the table that is written is a plain long one"
        yield f"data.indicators[0].{key}: {what}; expected this key left out"
    if table.dates not in _PLAIN_DATES:
        yield f"data.indicators[0].dates: {table.dates!r}; expected iso, as is written"
    named = [item.indicator for item in config.outcomes]
    if table.indicator is not None and named != [table.indicator]:
        what = f"{table.indicator!r}, but the outcomes are {', '.join(named)}"
        yield f"data.indicators[0].indicator: {what}; expected this key left out"


def _of_outcome(
    config: Config, settings: Simulation, outcome: Outcome
) -> tuple[pd.DataFrame, list[Row], list[str]]:
    """Return the rows of an outcome, its truths, and what is wrong with its values."""
    calendar = config.data.calendar
    treatment = planned_treatment(config)
    given = (peer for peers in (config.peers.given if config.peers else {}).values() for peer in peers)
    donors = [*dict.fromkeys(given), *(f"donor_{number + 1:03d}" for number in range(settings.donors))]
    units = [*treatment.units, *donors]
    first, last = (calendar.parse(str(text)) for text in (outcome.start, outcome.end))
    panel = empty_panel(outcome.name, calendar, first, last - first + 1, units)
    if settings.denominator is not None and outcome.kind != "number":
        panel = replace(panel, denominators=np.full(panel.values.shape, float(settings.denominator)))
    maker = _Maker(Analysis.of(config), settings, outcome, panel, treatment)
    paths: dict[str, FloatArray] = {}
    truths: list[Row] = []
    for design, observed, some in planned_designs(config, outcome, treatment, panel):
        planted = _planted(design, settings)
        paths |= dict.fromkeys(some, design.matrix @ planted)
        truths += maker.truths(design, observed, planted, some)
    values = np.column_stack([maker.values(unit, paths.get(unit)) for unit in units])
    return maker.rows(values), truths, maker.faults(values)


def _planted(design: Design, settings: Simulation) -> FloatArray:
    """Return the parameters of a design of which those of the intervention alone are not 0."""
    parameters = np.zeros(len(design.terms))
    interruption = design.interruption
    if interruption.form.by_period:
        # a level and a trend, period by period
        for column in design.columns[0]:
            since = int(design.terms[column].rpartition("_")[2])
            parameters[column] = settings.effect.level_change + settings.effect.slope_change * since
        return parameters
    for column, term in zip(design.columns[0], interruption.form.terms, strict=True):
        parameters[column] = getattr(settings.effect, term)
    return parameters


class _Maker(Struct, frozen=True):
    """One outcome and how its series are made."""

    analysis: Analysis
    settings: Simulation
    outcome: Outcome
    panel: Panel
    treatment: Treatment

    @property
    def scale(self) -> Scale:
        """That of the model, on which effects and errors add up."""
        return SCALES[self.outcome.transform]

    @property
    def start(self) -> int:
        """The first start of any treated unit."""
        parse = self.panel.calendar.parse
        return self.panel.index_of(min(parse(date) for date in self.treatment.dates.values()))

    def stream(self, whose: str) -> np.random.Generator:
        """Return the random numbers of a unit, or of what all have in common."""
        return self.analysis.stream("simulation", self.outcome.name, whose)

    def course(self) -> FloatArray:
        """Return what is expected of a unit of the average level without the intervention, shape (n,)."""
        settings, panel = self.settings, self.panel
        since = np.arange(panel.n_periods) - self.start
        positions = [panel.calendar.season_position(panel.start + index) for index in range(panel.n_periods)]
        year = np.cos(2.0 * np.pi * np.array(positions) / panel.calendar.per_year)
        level = self.scale.to(np.array([settings.level]))
        return np.asarray(level + settings.trend * since + settings.season * year)

    def values(self, unit: str, effect: FloatArray | None) -> FloatArray:
        """Return the values of a unit in outcome units, shape (n,), with what the intervention adds."""
        settings, n = self.settings, self.panel.n_periods
        start = self.start
        if effect is not None:
            start = self.panel.index_of(self.panel.calendar.parse(self.treatment.dates[unit]))
        errors = Errors(n, start, autoregressive_factor(np.array([settings.autocorrelation]), n))
        own = self.stream(unit)
        common = replace(errors, start=self.start)
        expected = self.course() + settings.between * own.standard_normal()
        expected += 0.0 if effect is None else effect
        if settings.shared:
            drawn = TRUTHS[WORLDS[settings.errors]](common, 1, self.stream("what all units share"))[:, 0]
            expected += settings.sd * np.sqrt(settings.shared) * drawn
        spread = np.full(n, settings.sd * np.sqrt(1.0 - settings.shared))
        nothing = np.full(n, np.nan)
        counted = self.outcome.kind == "percentage" and settings.denominator is not None
        series = FittedSeries(
            Target(unit, ()),
            np.ones(n, dtype=np.bool_),
            expected,
            spread,
            errors,
            nothing,
            nothing,
            counted,
            (),
        )
        made = simulate(self.plan, comparison_of("single"), series, WORLDS[settings.errors], 1, own).own[:, 0]
        return self._counted(made, own)

    @property
    def plan(self) -> OutcomePlan:
        """The outcome as a calibration has it, of which the scale and the denominators count here."""
        season = season_of(self.outcome.seasonality, self.panel.frequency)
        masked = np.zeros(self.panel.n_periods, dtype=np.bool_)
        reasons = ("",) * self.panel.n_periods
        return OutcomePlan(
            self.outcome, self.treatment.units, self.panel, {}, season, masked, reasons, {}, {}, {}, ()
        )

    def _counted(self, values: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return Poisson counts of what is expected, and rates of such counts; other values as they are."""
        size = self.settings.denominator
        if self.outcome.kind not in ("count", "rate") or (self.outcome.kind == "rate" and size is None):
            return values
        per = 1.0 if size is None else size / factor_of(self.outcome)
        # what is below 0 is told afterwards, with all else that is out of range
        counts = np.where(values < 0.0, values, rng.poisson(np.maximum(values, 0.0) * per))
        return np.asarray(counts if self.outcome.kind == "count" else counts / per, dtype=np.float64)

    def rows(self, values: FloatArray) -> pd.DataFrame:
        """Return a row per unit and period; the denominator where there is one."""
        panel = self.panel
        n, n_units = values.shape
        columns: dict[str, object] = {
            "indicator": self.outcome.indicator,
            "unit": np.repeat(panel.units, n),
            "period": np.tile(panel.periods, n_units),
            "value": values.T.ravel(),
        }
        if not np.isnan(panel.denominators).any():
            columns["denominator"] = panel.denominators.T.ravel()
        return pd.DataFrame(columns)

    def faults(self, values: FloatArray) -> list[str]:
        """Return what is wrong with the range of the values."""
        low, high = (-np.inf if self.outcome.kind == "number" else 0.0), np.inf
        if self.outcome.kind == "percentage":
            high = 100.0
        outside = ~((values >= low) & (values <= high))
        if not outside.any():
            return []
        limits = f"from {low:g} to {high:g}" if np.isfinite(high) else f"of at least {low:g}"
        what = f"{int(outside.sum())} of {values.size} values of kind {self.outcome.kind} are out of range"
        return [f"simulation: {self.outcome.indicator}: {what}; expected values {limits}"]

    def truths(
        self, design: Design, observed: BoolArray, planted: FloatArray, units: list[str]
    ) -> Iterator[Row]:
        """Yield what the estimands of each unit are: on the scale of the model, and as a ratio."""
        at = self.analysis.question.at_of(design)
        beside = {"counterfactual_at_start", "pre_slope", "post_slope"}
        rows: Mapping[str, FloatArray] = linear_contrasts(design, observed, at)
        for unit in units:
            for name, row in rows.items():
                if name in beside:
                    continue
                change = float(row @ planted)
                common: Row = {"outcome": self.outcome.name, "unit": unit}
                common |= {"interruption": design.interruption.name, "estimand": name}
                yield common | {"scale": "response" if self.scale.is_plain else "link", "effect": change}
                if not self.scale.is_plain and estimand_of(name).has_ratio:
                    yield common | {"scale": "ratio", "effect": float(np.exp(change))}
