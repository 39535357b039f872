"""Series that are in memory, fitted without a config: one design, many series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
import pandas as pd

from its_eval.calendar import EXAMPLES, Calendar
from its_eval.columns import TableColumns, column_frame
from its_eval.comparisons.base import comparison_of
from its_eval.config.estimators import Estimator, is_family
from its_eval.config.faults import did_you_mean, one_of, show
from its_eval.config.outcomes import MOST_HARMONICS, SEASON_WORDS, Outcome, Seasonality, season_choices
from its_eval.data.panel import Panel
from its_eval.data.series import on_calendar, period_ordinal
from its_eval.data.tables import nearest
from its_eval.design.matrix import Interruption
from its_eval.design.shapes import SHAPES
from its_eval.effects.columns import Question
from its_eval.effects.estimands import CHANGE
from its_eval.errors import DataError, UsageError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.evaluation import effect_words
from its_eval.pipeline.plan import OutcomePlan, season_of
from its_eval.pipeline.primary import Analysis
from its_eval.pipeline.tables import add_effects, add_fits, add_not_estimated, add_series, answers
from its_eval.result import Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.calendar import Frequency
    from its_eval.evaluation import Evaluation


def known_estimator(wanted: Estimator | str) -> Estimator:
    """Return an estimator by its name, or as it is; families need more than one series of numbers."""
    name = wanted.name if isinstance(wanted, Estimator) else wanted
    # the others are not loaded for it
    if not isinstance(name, str) or name not in ESTIMATORS or is_family(name):
        known = [name for name in ESTIMATORS if not is_family(name)]
        near = did_you_mean(name, known) if isinstance(name, str) else ""
        raise UsageError(f"estimator {show(name)}{near}: expected {one_of(known)}")
    return wanted if isinstance(wanted, Estimator) else Estimator(name=name)


def known_season(wanted: Seasonality | str, frequency: str) -> Seasonality:
    """Return a season that series of this frequency can have."""
    if not isinstance(frequency, str) or frequency not in EXAMPLES:
        near = did_you_mean(str(frequency), EXAMPLES)
        raise UsageError(f"frequency {show(frequency)}{near}: expected {one_of(EXAMPLES)}")
    words = SEASON_WORDS[frequency]
    chosen = wanted.kind if isinstance(wanted, Seasonality) else str(wanted)
    too_many = isinstance(wanted, Seasonality) and (wanted.harmonics or 0) > MOST_HARMONICS[frequency]
    if too_many or chosen not in (*words, *(["harmonics"] if isinstance(wanted, Seasonality) else [])):
        what = f"seasonality {show(chosen)}{did_you_mean(chosen, words)}"
        raise UsageError(f"{what}: expected {season_choices(frequency)}")
    return wanted if isinstance(wanted, Seasonality) else Seasonality(kind=cast("Any", chosen))


#: What an intervention is called that has no name.
INTERVENTION = "Intervention"

#: Columns of the tables of a fit; the same words as in the tables of a run, for series instead of units.
FIT_COLUMNS: dict[str, tuple[str, ...]] = {
    "effects": (
        *("series", "estimand", "scale", "inference_scale", "estimate", "std_error", "df", "statistic"),
        *("p_value", "conf_low", "conf_high", "conf_level", "estimable", "inference"),
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
#: Lines on a screen.
_SCREEN = 48


@dataclass(frozen=True, repr=False)
class SeriesFits(Result):
    """What `fit` found.

    Attributes
    ----------
    tables : dict of str to DataFrame
        ``effects`` (a row per series and estimand; where `estimable` is false the series is fitted exactly
        and has no p-value; `inference` says by which procedure), ``fits`` (a row per series), ``series`` (a
        row per series and period), ``not_estimated``; series are in the order of the data.
    title : str
        Estimator, design and start in words.
    names : tuple of str
        The series.
    alone : callable
        Evaluates some of them, each by itself, with the checks of a run: for verdicts, figures and reports.

    Examples
    --------
    >>> months = pd.period_range("2013-01", periods=48, freq="M")
    >>> beds = {"A": [50.0 + 7 * m % 5 + 6 * (m >= 24) for m in range(48)], "B": [m % 7.0 for m in range(48)]}
    >>> found = fit(pd.DataFrame(beds, months), "2015-01", seasonality="none")
    >>> found.names
    ('A', 'B')
    >>> found.verdicts.query("label != ''")[["unit", "label"]].to_numpy().tolist()
    [['set', 'changed'], ['A', 'changed'], ['B', 'no clear change']]
    """

    tables: dict[str, pd.DataFrame]
    title: str
    names: tuple[str, ...]
    alone: Callable[[tuple[str, ...]], Evaluation]
    _known: dict[tuple[str, ...], Evaluation] = field(default_factory=dict, repr=False)

    def evaluated(self, unit: str | None = None) -> Evaluation:
        """Return the evaluation of the series, or of one, each by itself; it is made when first asked."""
        units = self.names if unit is None else (unit,)
        if unit is not None and unit not in self.names:
            raise UsageError(f"unit {unit!r}: there is no such series; {nearest(unit, self.names)}")
        if units not in self._known:
            self._known[units] = self.alone(units)
        return self._known[units]

    def first_unit(self) -> str | None:
        """Return the first series."""
        return self.names[0]

    def summary(self) -> str:
        """Return what changed in every series as text, with interval and p-value.

        Jump and change of slope; of single periods the average effect.
        """
        lines, effects = [self.title], self.tables["effects"]
        shown = _SHOWN if effects["estimand"].isin(_SHOWN).any() else ("average_effect",)
        for row in effects.to_dict("records"):
            if row["estimand"] in shown and row["scale"] != "ratio":
                lines.append(f"{row['series']}: {effect_words(row, estimable=row['estimable'])}")
        lines += [
            f"{row['series']}: not estimated: {row['message']}"
            for row in self.tables["not_estimated"].to_dict("records")
        ]
        return "\n".join(lines)

    def _told(self, *, broken: bool) -> str:  # noqa: ARG002  (a line is an effect, and short)
        lines = self.summary().splitlines()
        more = len(lines) - _SCREEN
        return "\n".join(lines if more <= 0 else [*lines[:_SCREEN], f"… {more} more: summary() has all"])


@overload
def fit(
    data: pd.Series[Any] | pd.DataFrame,
    start: str | pd.Period | pd.Timestamp,
    *,
    shape: str = ...,
    estimator: Estimator | str = ...,
    seasonality: Seasonality | str = ...,
    log: bool = ...,
    frequency: Frequency = ...,
    phase_in: int = ...,
    at: Sequence[int] | None = ...,
    confidence: float = ...,
    treated: None = ...,
) -> SeriesFits: ...


@overload
def fit(
    data: pd.DataFrame,
    start: str | pd.Period | pd.Timestamp,
    *,
    treated: str | Sequence[str],
    peers: str | Sequence[str] | None = ...,
    characteristics: pd.DataFrame | None = ...,
    k: int | Literal["all"] = ...,
    shape: str = ...,
    estimator: Estimator | str = ...,
    seasonality: Seasonality | str = ...,
    log: bool = ...,
    frequency: Frequency = ...,
    phase_in: int = ...,
    at: Sequence[int] | None = ...,
    confidence: float = ...,
) -> Evaluation: ...


def fit(
    data: pd.Series[Any] | pd.DataFrame,
    start: str | pd.Period | pd.Timestamp,
    *,
    shape: str = "step_and_slope",
    estimator: Estimator | str = "reml_ar",
    seasonality: Seasonality | str = "auto",
    log: bool = False,
    frequency: Frequency = "month",
    phase_in: int = 0,
    at: Sequence[int] | None = None,
    confidence: float = 0.95,
    treated: str | Sequence[str] | None = None,
    peers: str | Sequence[str] | None = None,
    characteristics: pd.DataFrame | None = None,
    k: int | Literal["all"] = 10,
) -> SeriesFits | Evaluation:
    """Return a segmented regression of each series, or of some compared with the others.

    Without `treated` every series is fitted by itself, as ``its-eval run`` fits one without peers. With it,
    the treated ones are evaluated beside their peers, and the other columns are the placebos.

    Parameters
    ----------
    data : Series or DataFrame
        Values by period; a DataFrame has a series in each column. The index holds periods: texts such as
        ``2015-07``, dates, or pandas periods. Periods that are absent or blank keep their place in time.
    start : str, Period or Timestamp
        T0, the first affected period, written as those of the index. A pandas period is read by the dates
        that it covers, and ``2011Q1`` beside an index of ``Q-MAR`` is the period that has this name there.
    shape : {"step", "slope", "step_and_slope", "pulse", "free"}
        What may change at the start; free: each period from then on has an effect of its own, held against
        what the periods before predict.
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
        k of ``effect_at_k``, periods after the start; one beyond the data is left out. A year and two years
        when left out.
    confidence : float
        Level of the intervals.
    treated : str or sequence of str, optional
        Columns that are evaluated against the others.
    peers : sequence of str or "nearest", optional
        Whom they are compared with: columns; or the `k` nearest; all others when left out.
    characteristics : DataFrame, optional
        For the nearest: a row per unit, see `peers_of`. Without it, those whose level and trend before the
        start were most alike.
    k : int or "all"
        How many are nearest.

    Returns
    -------
    SeriesFits or Evaluation
        An `Evaluation` with `treated`: that of a run with the same settings and `peers` in its config.

    Raises
    ------
    DataError
        When an index is no calendar, the start lies outside, or a value is no number.
    UsageError
        When an option is not known.

    Notes
    -----
    Weights by denominators need a config and `evaluate`.

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
    if treated is None and (peers is not None or characteristics is not None):
        raise UsageError("peers are those of a treated column", "write which: fit(..., treated=...)")
    chosen = known_estimator(estimator)
    season = season_of(known_season(seasonality, frequency), frequency)
    _require_options(shape, confidence, phase_in, () if at is None else at, log)
    calendar = Calendar(frequency)
    frame, first = on_calendar(data, calendar)
    place = period_ordinal(start, calendar, "start", data.index) - first
    if not 0 < place < len(frame):
        span = f"{frame.index[0]} to {frame.index[-1]}"
        raise DataError([f"start {start!r}: expected a period after the first of the data ({span})"])
    settings = {
        "data": {"frequency": frequency},
        "intervention": {
            "name": INTERVENTION,
            "date": calendar.format(first + place),
            "shape": shape,
            "phase_in": {"periods": phase_in},
        },
        "outcomes": [
            {
                "indicator": "series",
                "label": str(frame.columns.name or (frame.columns[0] if frame.shape[1] == 1 else "Value")),
                "kind": "number",
                "transform": "log" if log else "none",
                "seasonality": known_season(seasonality, frequency),
            }
        ],
        "estimators": [chosen],
        "estimands": {} if at is None else {"at": list(at)},
        "confidence": confidence,
    }
    if treated is not None:
        from its_eval.pipeline.against_peers import against_peers  # noqa: PLC0415  (start-up time)

        return against_peers(frame, settings, treated, peers, characteristics, k)
    panel = _panel(frame, first, calendar)
    interruption = Interruption(INTERVENTION, place, shape, phase_in)
    plan = OutcomePlan(
        Outcome(indicator="series", kind="number", transform="log" if log else "none"),
        panel.units,
        panel,
        dict.fromkeys(panel.units, (interruption,)),
        season,
        np.zeros(len(frame), dtype=np.bool_),
        ("",) * len(frame),
        {},
        {},
        {},
        (),
    )
    year = calendar.per_year
    question = Question((year, 2 * year) if at is None else tuple(at), confidence, year)
    analysis = Analysis(CHANGE, question, 0)
    estimates, failed = comparison_of("single").estimates(plan, analysis.ask, entries=[chosen])
    tables = {name: TableColumns(name) for name in ("effects", "fits", "series", "not_estimated")}
    estimable: list[NDArray[np.bool_]] = []
    for item in estimates:
        answer = answers(item, analysis, is_first=True)
        nothing = np.full(answer.effects.p_value.shape, np.nan)
        add_effects(answer, nothing, confidence, tables["effects"])
        estimable.append(answer.certain[answer.effects.present])
        add_fits(answer, {}, tables["fits"])
        add_series(answer, confidence, tables["series"])
    add_not_estimated(failed, tables["not_estimated"])
    names = [str(name) for name in frame.columns.tolist()]
    shown = {name: _in_order(table, names, estimable) for name, table in tables.items()}
    title = f"{chosen.label or chosen.name}, {shape}, from {calendar.describe(first + place)}"
    return SeriesFits(shown, title, tuple(names), partial(_alone, frame, {"title": title, **settings}))


def _require_options(shape: Any, confidence: Any, phase_in: Any, at: Any, log: Any) -> None:
    """Refuse what an option cannot be, all of them at once."""
    faults = []
    if not isinstance(log, bool | np.bool_):
        faults.append(f"log {show(log)}: expected True or False")
    if not isinstance(at, Iterable) or isinstance(at, str):
        faults.append(f"at {show(at)}: expected several whole numbers, e.g. [6, 12]")
        at = ()
    # those with a length need a config
    shapes = [name for name, form in SHAPES.items() if not form.length]
    if str(shape) not in shapes:
        faults.append(
            f"shape {show(str(shape))}{did_you_mean(str(shape), shapes)}: expected {one_of(shapes)}"
        )
    if not isinstance(confidence, int | float) or not 0.5 <= confidence < 1.0:
        faults.append(f"confidence {confidence!r}: expected a number from 0.5 to below 1")
    faults += [
        f"{name} {value!r}: expected a whole number of at least 0"
        for name, value in (("phase_in", phase_in), *(("at", one) for one in at))
        if not isinstance(value, int | np.integer) or value < 0
    ]
    if faults:
        raise UsageError("\n".join(faults))


def _alone(frame: pd.DataFrame, settings: dict[str, Any], units: tuple[str, ...]) -> Evaluation:
    """Evaluate some columns of a frame, each by itself."""
    from its_eval.pipeline.run import evaluate  # noqa: PLC0415  (start-up time)

    some = frame[[name for name in frame.columns if str(name) in units]]
    return evaluate({"version": 1, "treated": list(units), **settings}, indicators=some)


def _panel(frame: pd.DataFrame, first: int, calendar: Calendar) -> Panel:
    """Return series without numerators and denominators as a panel."""
    values = frame.to_numpy(dtype=np.float64)
    nothing = np.full_like(values, np.nan)
    units = tuple(str(name) for name in frame.columns.tolist())
    small = np.zeros(values.shape, dtype=np.bool_)
    return Panel("series", calendar, first, units, values, nothing, nothing, small)


def _in_order(
    table: TableColumns, names: Sequence[str], estimable: Sequence[NDArray[np.bool_]]
) -> pd.DataFrame:
    """Return a table of a run as one of a fit: series in the order of the data, under their own name."""
    names_here = FIT_COLUMNS[table.name]
    columns = table.raw({*names_here, "unit"})
    if table.name == "effects" and columns:
        columns["estimable"] = np.concatenate(estimable)
    if "unit" in columns:
        units = columns["series"] = columns.pop("unit")
        rank = {name: place for place, name in enumerate(names)}
        places = np.array([rank[word] for word in units.words], dtype=np.intp)[units.codes]
        if (np.diff(places) < 0).any():
            order = np.argsort(places, kind="stable")
            columns = {key: column.take(order) for key, column in columns.items()}
    return column_frame(columns, names_here, table.count)
