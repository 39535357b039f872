"""Series that are in memory, fitted without a config: one design, many series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from its_eval.calendar import EXAMPLES, PERIODS_PER_YEAR, Calendar
from its_eval.config.estimators import FAMILIES, OPTIONS, Estimator
from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.outcomes import MOST_HARMONICS, SEASON_WORDS, Seasonality, season_choices
from its_eval.data.series import on_calendar, period_ordinal
from its_eval.design.interruption import Interruption, require_segments, unused_periods
from its_eval.design.matrix import build_design
from its_eval.effects import Question, Setting, bands, effects
from its_eval.errors import DataError, UsageError
from its_eval.estimators.catalogue import FitContext, fit_estimator
from its_eval.estimators.patterns import MissingPattern, missing_patterns
from its_eval.evaluation import effect_words, jsonable_tables
from its_eval.pipeline.estimate import REASONS
from its_eval.pipeline.planning import season_of
from its_eval.pipeline.tables import NO_INFERENCE
from its_eval.scales import from_link, to_link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.calendar import Frequency
    from its_eval.config.estimators import EstimatorName
    from its_eval.config.interventions import Shape
    from its_eval.design.matrix import Design
    from its_eval.design.season import Season
    from its_eval.estimators.fit import Fit


def known_estimator(wanted: Estimator | str) -> Estimator:
    """Return an estimator by its name, or as it is; families need more than one series of numbers."""
    known = [name for name in OPTIONS if name not in FAMILIES]
    name = wanted if isinstance(wanted, str) else wanted.name
    if name not in known:
        raise UsageError(f"estimator {show(name)}{did_you_mean(name, known)}: expected {one_of(known)}")
    return Estimator(name=cast("EstimatorName", name)) if isinstance(wanted, str) else wanted


def known_season(wanted: Seasonality | str, frequency: str) -> Seasonality:
    """Return a season that series of this frequency can have."""
    if frequency not in EXAMPLES:
        raise UsageError(
            f"frequency {show(frequency)}{did_you_mean(frequency, EXAMPLES)}: expected {one_of(EXAMPLES)}"
        )
    words = SEASON_WORDS[frequency]
    chosen = wanted.kind if isinstance(wanted, Seasonality) else wanted
    too_many = isinstance(wanted, Seasonality) and (wanted.harmonics or 0) > MOST_HARMONICS[frequency]
    if too_many or chosen not in (*words, *(["harmonics"] if isinstance(wanted, Seasonality) else [])):
        what = f"seasonality {show(str(chosen))}{did_you_mean(chosen, words)}"
        raise UsageError(f"{what}: expected {season_choices(frequency)}")
    return wanted if isinstance(wanted, Seasonality) else Seasonality(kind=cast("Any", wanted))


Row = dict[str, Any]

#: Columns of the tables of a fit; the same words as in the tables of a run, for series instead of units.
FIT_COLUMNS: dict[str, tuple[str, ...]] = {
    "effects": (
        *("series", "estimand", "scale", "inference_scale", "estimate", "std_error", "df", "statistic"),
        *("p_value", "conf_low", "conf_high", "conf_level", "estimable"),
    ),
    "fits": (
        *("series", "n", "n_pre", "n_post", "n_missing", "n_terms", "ar_order", "rho1", "rho2", "sigma"),
        *("log_likelihood", "flags", "season"),
    ),
    "series": (
        *("series", "period", "observed", "fitted", "counterfactual", "counterfactual_low"),
        "counterfactual_high",
    ),
    "not_estimated": ("series", "reason", "message"),
}
#: What the summary names.
_SHOWN = ("level_change", "slope_change")


@dataclass(frozen=True)
class SeriesFits:
    """What `fit` found.

    Attributes
    ----------
    tables : dict of str to DataFrame
        ``effects`` (a row per series and estimand; where `estimable` is false a bound or rounding decides and
        the p-value means nothing), ``fits`` (a row per series), ``series`` (a row per series and period),
        ``not_estimated``; series are in the order of the data.
    title : str
        Estimator, design and start in words.
    """

    tables: dict[str, pd.DataFrame]
    title: str

    def tidy(self, table: str = "effects") -> pd.DataFrame:
        """Return one table."""
        return self.tables[table]

    def summary(self) -> str:
        """Return jump and change of slope of every series as text, with interval and p-value."""
        lines = [self.title]
        for row in self.tables["effects"].to_dict("records"):
            if row["estimand"] in _SHOWN and row["scale"] != "ratio":
                lines.append(f"{row['series']}: {effect_words(row, estimable=row['estimable'])}")
        lines += [
            f"{row['series']}: not estimated: {row['message']}"
            for row in self.tables["not_estimated"].to_dict("records")
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as lists of rows, ready for JSON."""
        return {"title": self.title, "tables": jsonable_tables(self.tables)}


def fit(
    data: pd.Series[Any] | pd.DataFrame,
    start: str | pd.Period | pd.Timestamp,
    *,
    shape: Shape = "step_and_slope",
    estimator: Estimator | str = "reml_ar",
    seasonality: Seasonality | str = "auto",
    log: bool = False,
    frequency: Frequency = "month",
    phase_in: int = 0,
    at: Sequence[int] = (12, 24),
    confidence: float = 0.95,
) -> SeriesFits:
    """Return a segmented regression of each series, as ``its-eval run`` fits one without peers.

    Parameters
    ----------
    data : Series or DataFrame
        Values by period; a DataFrame has a series in each column. The index holds periods: texts such as
        ``2015-07``, dates, or pandas periods. Periods that are absent or blank keep their place in time.
    start : str, Period or Timestamp
        T0, the first affected period, written as those of the index. A pandas period is read by the dates
        that it covers, and ``2011Q1`` beside an index of ``Q-MAR`` is the period that has this name there.
    shape : {"step", "slope", "step_and_slope"}
        What may change at the start.
    estimator : str or Estimator
        As in a config; families of counts need numerators and denominators and so a config.
    seasonality : str or Seasonality
        ``none``, ``auto`` (by the length of the series), or the word of the frequency, e.g. ``months``.
    log : bool
        Fit logarithms; effects then are also given as ratios.
    frequency : {"month", "quarter", "year", "week"}
        How far apart periods are.
    phase_in : int
        So many periods from the start are left out.
    at : sequence of int
        k of ``effect_at_k``, periods after the start; one beyond the data is left out.
    confidence : float
        Level of the intervals.

    Raises
    ------
    DataError
        When an index is no calendar, the start lies outside, or a value is no number.
    UsageError
        When an option is not known.

    Notes
    -----
    A difference from peers is a series like any other: subtract the mean of the peers first. Placebos,
    weights by denominators and adjusted p-values need a config and `evaluate`.

    Examples
    --------
    >>> periods = [f"{2013 + month // 12}-{month % 12 + 1:02d}" for month in range(48)]
    >>> values = [50 + (7 * month) % 5 + 6 * (month >= 24) for month in range(48)]
    >>> found = fit(pd.Series(values, periods, dtype=float, name="A"), "2015-01", seasonality="none")
    >>> print(found.summary())  # doctest: +ELLIPSIS
    reml_ar, step_and_slope, from January 2015
    A: level_change ... (95 % interval ... to ...; p < 0.001)
    A: slope_change ... (95 % interval ... to ...; p = ...)
    """
    chosen = known_estimator(estimator)
    season = season_of(known_season(seasonality, frequency), frequency)
    if not 0.5 <= confidence < 1.0:
        raise UsageError(f"confidence {confidence:g}: expected a number from 0.5 to below 1")
    calendar = Calendar(frequency)
    frame, first = on_calendar(data, calendar)
    place = period_ordinal(start, calendar, "start", data.index) - first
    if not 0 < place < len(frame):
        span = f"{frame.index[0]} to {frame.index[-1]}"
        raise DataError([f"start {start!r}: expected a period after the first of the data ({span})"])
    study = _Study(
        frame,
        Interruption("Intervention", place, shape, phase_in),
        [calendar.season_position(first + step) for step in range(len(frame))],
        season,
        frequency,
        Question(tuple(at), confidence),
        "log" if log else "none",
    )
    rows: dict[str, list[Row]] = {name: [] for name in FIT_COLUMNS}
    for pattern in missing_patterns(study.values):
        for name, row in _pattern_rows(study, chosen, pattern):
            rows[name].append(row)
    order = {name: rank for rank, name in enumerate(map(str, frame.columns))}
    tables = {
        name: pd.DataFrame(own, columns=list(FIT_COLUMNS[name]))
        .sort_values("series", key=lambda names: names.map(order), kind="stable")
        .reset_index(drop=True)
        for name, own in rows.items()
    }
    title = f"{chosen.label or chosen.name}, {shape}, from {calendar.describe(first + place)}"
    return SeriesFits(tables, title)


@dataclass(frozen=True)
class _Study:
    """Series on one calendar, and what is asked of them."""

    frame: pd.DataFrame
    interruption: Interruption
    positions: Sequence[int]
    season: Season
    frequency: str
    question: Question
    link: str

    @property
    def values(self) -> NDArray[np.float64]:
        """Values on the scale of the fit, NaN where the phase-in or a gap leaves none."""
        values = to_link(self.frame.to_numpy(dtype=np.float64), self.link).copy()
        values[unused_periods(len(values), self.interruption)] = np.nan
        return values


def _pattern_rows(study: _Study, estimator: Estimator, pattern: MissingPattern) -> Iterator[tuple[str, Row]]:
    """Yield table and row of all series that miss the same periods."""
    names = [str(study.frame.columns[column]) for column in pattern.series]
    per_year = PERIODS_PER_YEAR[study.frequency]
    n = len(study.frame)
    try:
        design = build_design(
            study.positions, per_year, study.frequency, [study.interruption],
            study.season.resolve(pattern.n_used, per_year), np.zeros(n, dtype=np.bool_),
        )  # fmt: skip
        require_segments(design.interruptions, pattern.observed)
        context = FitContext(pattern.n_used, np.arange(n) >= study.interruption.start, per_year)
        found = fit_estimator(estimator, design.matrix, study.values[:, pattern.series], context)
    except tuple(REASONS) as error:
        reason = next(word for kind, word in REASONS.items() if isinstance(error, kind))
        yield from (
            ("not_estimated", {"series": name, "reason": reason, "message": str(error)}) for name in names
        )
        return
    weights = np.ones(n) if study.link == "none" else None
    setting = Setting(pattern.observed, study.link, weights=weights)
    for position, name in enumerate(names):
        stuck = any(found.flags[flag][position] for flag in NO_INFERENCE & set(found.flags))
        for effect in effects(design, found, position, setting, study.question):
            row = {"series": name, "conf_level": study.question.confidence} | vars(effect)
            row["estimable"] = not (stuck or effect.df_floor)
            yield "effects", {column: row[column] for column in FIT_COLUMNS["effects"]}
        yield "fits", {"series": name} | _fit_row(design, found, position, pattern.observed)
        column = int(pattern.series[position])
        yield from (
            ("series", {"series": name} | row) for row in _periods(study, design, found, position, column)
        )


def _fit_row(design: Design, found: Fit, position: int, observed: NDArray[np.bool_]) -> Row:
    before, after = design.segments()
    partial = found.partial_autocorrelations[position]
    return {
        "n": int(found.n_used[position]),
        "n_pre": int((before & observed).sum()),
        "n_post": int((after & observed).sum()),
        "n_missing": int((design.usable & ~observed).sum()),
        "n_terms": len(design.terms),
        "ar_order": len(partial),
        **{f"rho{lag}": partial[lag - 1] if lag <= len(partial) else np.nan for lag in (1, 2)},
        "sigma": found.sigma[position],
        "log_likelihood": found.log_likelihood[position],
        "flags": "; ".join(sorted(name for name, raised in found.flags.items() if raised[position])),
        "season": design.season.label,
    }


def _periods(study: _Study, design: Design, found: Fit, position: int, column: int) -> Iterator[Row]:
    """Yield data, fit and counterfactual of one series, in its own unit."""
    shown = bands(design, found, position, study.question.confidence)
    after = np.arange(design.n_periods) >= study.interruption.start
    columns = {
        "observed": study.frame.iloc[:, column].to_numpy(dtype=np.float64),
        "fitted": from_link(shown.fitted, study.link),
        "counterfactual": from_link(np.where(after, shown.counterfactual, np.nan), study.link),
        "counterfactual_low": from_link(shown.confidence[0], study.link),
        "counterfactual_high": from_link(shown.confidence[1], study.link),
    }
    for index, period in enumerate(study.frame.index):
        yield {"period": period} | {name: values[index] for name, values in columns.items()}
