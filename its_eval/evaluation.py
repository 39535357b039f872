"""The result of a run: tidy tables with fixed columns and order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from msgspec import Struct

from its_eval.columns import DEVIATION, DEVIATIONS, THE_SET, make_table
from its_eval.result import Result

#: What can be concluded: names to compare with; the words for a reader are those of `its_eval.words.labels`.
CHANGED_MORE = "changed, more than other units do"
NOT_CLEARLY_MORE = "changed, but not clearly more than other units do"
#: Where there are no others, or too few, to say whether it is more than they change.
CHANGED = "changed"
NO_CLEAR_CHANGE = "no clear change"
NOT_ANSWERED = "not answered"
#: Where an interval lies: beyond the least gain, within the accepted loss, beyond that, or across.
BETTER_BY, NO_WORSE = "better by at least the margin", "no worse than the margin"
WORSE_BY, UNDECIDED = "worse by at least the margin", "undecided"
#: Of the set in a result that is older than the table ``verdicts``.
NOT_RECORDED = "not recorded"
#: Labels after which nothing is said about a change.
OPEN_LABELS = frozenset({NO_CLEAR_CHANGE, NOT_ANSWERED, NOT_RECORDED})


class Verdict(Struct, frozen=True):
    """What is concluded of one question: by outcome, unit or set, design and interruption.

    A row without a label belongs to the one with it: another quantity of the same question, such as level and
    trend of a change, or the effect one year after the start.

    Attributes
    ----------
    outcome, unit, design, interruption : str
        Of what; `unit` is ``set`` for all treated units together.
    question, estimand : str
        What was asked, and of which quantity the estimate is.
    estimate, conf_low, conf_high, p_value, p_adjusted : float
        By the primary estimator. The p-value is that of the question (of ``change`` the joint test), in a row
        without label that of its own quantity.
    attribution_low, attribution_high, p_attribution, p_attribution_adjusted : float
        With how much other units change by themselves; of the set its place among sets of others.
    p_rank, n_donors : float, int
        The rank among so many other units, as a p-value.
    tau : float
        How much such units change by themselves, between units.
    set_p, set_p_placebo : float
        Of all treated units as a set: of their mean effect, and among sets of other units.
    minimum_detectable, minimum_detectable_label : float
        The smallest change that the interval, and that the label, finds with 80 % power.
    breakdown_bend : float
        How much the untreated trend would have to bend for the interval to reach no change.
    coincident_change : float
        The smallest other change at the start that would take the interval to no change.
    level_used : float
        Level of the test.
    look : int or None
        Which of several declared looks.
    direction : {"better", "worse", "mixed", "unclear"}
    label : str
        One of the labels above; blank for a quantity beside an answer.
    inference : str
        By which procedure: ``kr1``, ``random_walk``, ``ols``, …
    flags : str
        Warnings of the fit and of the verdict.
    scale : {"response", "ratio", "link"}
        Of the estimate.
    n_as_large : int or None
        So many other units changed as much.
    own_change, own_change_high : float
        How much such units change by themselves around the time of the start, with its upper 95 % limit, on
        the scale of the fit.
    margin, decision : float, str
        The margin that decides, and one of the decisions below; blank without a margin.
    """

    outcome: str
    unit: str
    design: str
    interruption: str = ""
    question: str = ""
    estimand: str = ""
    estimate: float = math.nan
    conf_low: float = math.nan
    conf_high: float = math.nan
    p_value: float = math.nan
    p_adjusted: float = math.nan
    attribution_low: float = math.nan
    attribution_high: float = math.nan
    p_attribution: float = math.nan
    p_attribution_adjusted: float = math.nan
    p_rank: float = math.nan
    n_donors: int | None = None
    tau: float = math.nan
    set_p: float = math.nan
    set_p_placebo: float = math.nan
    minimum_detectable: float = math.nan
    minimum_detectable_label: float = math.nan
    breakdown_bend: float = math.nan
    coincident_change: float = math.nan
    level_used: float = math.nan
    look: int | None = None
    direction: str = "unclear"
    label: str = ""
    inference: str = ""
    flags: str = ""
    scale: str = "response"
    n_as_large: int | None = None
    own_change: float = math.nan
    own_change_high: float = math.nan
    margin: float = math.nan
    decision: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether it answers a question, and is not a quantity beside one."""
        return bool(self.label)

    @property
    def compared(self) -> bool:
        """Whether other units say how unusual the change is."""
        return not math.isnan(self.p_attribution)

    @property
    def listed_flags(self) -> list[str]:
        """Its flags."""
        return self.flags.split("; ") if self.flags else []


Row = Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Evaluation(Result):
    """Everything a run found.

    Attributes
    ----------
    title : str
        Title of the config.
    tables : mapping of str to DataFrame
        The tables of the contract by name.
    notes : tuple of str
        Sentences about the whole run that a reader has to know.
    outcomes : mapping of str to mapping
        By outcome: label, unit, kind, confidence and so on: what tables cannot say about themselves.
    unit_names, origin : mapping
        Names of units, where known; files read by name, program, and status and contact of the report.
    made_of : tuple of Config and Frames, or None
        The settings and the tables in memory that it was made of; None of a result that was read.
    conduct : mapping
        How it was carried out, where not as usual: `protocol` (to which it was held), `blind`, `unblinded`.
    kept : dict
        What was worked out from it: a report asks a thousand times for a hundred parts of tables.

    Examples
    --------
    >>> from its_eval import fit
    >>> months = pd.period_range("2013-01", periods=48, freq="M")
    >>> beds = {"A": [50.0 + 7 * m % 5 + 6 * (m >= 24) for m in range(48)], "B": [m % 7.0 for m in range(48)]}
    >>> found = fit(pd.DataFrame(beds, months), "2015-01", treated="A", peers=["B"], seasonality="none")
    >>> found.tidy("summary")[["design", "label"]].to_numpy().tolist()
    [['difference', 'changed'], ['single', 'changed']]
    """

    title: str
    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...]
    outcomes: Mapping[str, Mapping[str, Any]]
    unit_names: Mapping[str, str] = field(default_factory=dict)
    origin: Mapping[str, Any] = field(default_factory=dict)
    made_of: Any = None
    conduct: Mapping[str, Any] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows_of(self, table: str, outcome: str, *of: str | None) -> pd.DataFrame:
        """Return the rows of a table about an outcome, and of a unit and a design; none without a table."""
        frame = self.tables.get(table)
        if frame is None:
            return make_table(table, [])
        key = (table, outcome, *of)
        if key not in self.kept or self.kept[key][0] is not frame:
            # from few rows the next few: a report asks for every unit and design of an outcome
            named = zip(("outcome", "unit", "design"), (outcome, *of), strict=False)
            *before, (column, value) = ((name, value) for name, value in named if value is not None)
            within = self.rows_of(table, *(value for _, value in before)) if before else frame
            self.kept[key] = frame, within[within[column] == value]
        rows: pd.DataFrame = self.kept[key][1]
        return rows.copy(deep=False)

    def primary_estimators(self, outcome: str) -> set[str]:
        """Return the labels of the estimators that answer the question of an outcome."""
        effects = self.rows_of("effects", outcome)
        return set(effects.loc[effects["role"] == "primary", "estimator"])

    @cached_property
    def peer_values(self) -> dict[str, pd.DataFrame]:
        """Values of the peers on the response scale, by outcome: periods × units."""
        rows = self.tables.get("peer_series")
        if rows is None:
            return {}
        return {
            str(outcome): some.set_index(["period", "unit"])["value"].unstack()  # noqa: PD010  (no sums)
            for outcome, some in rows.groupby("outcome")
        }

    @cached_property
    def concluded(self) -> tuple[Verdict, ...]:
        """What is concluded of every unit and of the set; none in a result older than their table."""
        table = self.tables.get("verdicts")
        rows: Iterable[tuple[int, Mapping[str, Any]]] = () if table is None else records(table)
        made: Iterable[dict[str, Any]] = (
            {name: None if value is pd.NA else value for name, value in row.items()} for _, row in rows
        )
        return tuple(Verdict(**cells) for cells in made)

    def verdict_of_the_set(self, outcome: str, design: str, interruption: str) -> Verdict | None:
        """Return what is concluded of all treated units together; None where that was not asked."""
        chosen = (outcome, THE_SET, design, interruption)
        for one in self.concluded:
            if one.is_answer and (one.outcome, one.unit, one.design, one.interruption) == chosen:
                return one
        return None

    @property
    def faults(self) -> dict[str, int]:
        """What a watchful caller asks about: faulty rows of data, series without an estimate, and so on."""
        found = {
            "faulty_rows": int(self.tables["data_quality"]["severity"].ne("info").sum()),
            "not_estimated": len(self.tables["not_estimated"]),
            "flagged_fits": int(self.tables["fits"]["flags"].ne("").sum()),
            "alarming_checks": int(self.tables["checks"]["status"].eq("attention").sum()),
        }
        deviations = self.tables.get(DEVIATIONS)
        return found if deviations is None else found | {DEVIATIONS: held_against(deviations)}

    def evaluated(self, unit: str | None = None) -> Evaluation:  # noqa: ARG002  (the whole has every unit)
        """Return itself."""
        return self

    def summary(self) -> str:
        """Return the answers as text: a line per outcome, unit and design, with interval, p and label."""
        lines = [self.title]
        for row in self.tables["summary"].to_dict("records"):
            about = self.outcomes.get(str(row["outcome"]), {})
            known = {"conf_level": about.get("answer_confidence", about.get("confidence", 0.95)), **row}
            words = effect_words(known, estimable=row["label"] != NOT_ANSWERED)
            key = f"{about.get('label', row['outcome'])}, {row['unit']}, {row['design']}"
            lines.append(f"{key}: {words}: {row['label']}")
        failed = self.tables["not_estimated"]
        for row in failed[failed["estimator"].eq("")].to_dict("records"):
            lines.append(f"{row['outcome']}, {row['unit']}, {row['design']}: not estimated: {row['message']}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return title, notes and tables, ready for JSON."""
        return {**super().to_dict(), "notes": list(self.notes)}


def interval_level(confidence: float) -> str:
    """Return what an interval of some level (between 0 and 1) is called: ``95 % interval``."""
    return f"{100.0 * confidence:.6g} % interval"


def effect_words(row: Mapping[Any, Any], *, estimable: bool = True) -> str:
    """Return an estimand with its interval and p-values as text, in four digits.

    Parameters
    ----------
    row : mapping
        With estimand, estimate, conf_low, conf_high, conf_level, p_value; perhaps p_adjusted, p_placebo.
    estimable : bool
        Whether the interval means anything; without it there is no p-value either.
    """
    level = interval_level(row["conf_level"])
    parts = [f"{level} {row['conf_low']:.4g} to {row['conf_high']:.4g}" if estimable else "not estimable"]
    for words, name in (("p", "p_value"), ("adjusted p", "p_adjusted"), ("placebo p", "p_placebo")):
        value = row.get(name, math.nan)
        if (estimable or name == "p_placebo") and math.isfinite(value):
            parts.append(f"{words} < 0.001" if value < 0.001 else f"{words} = {value:.3f}")
    return f"{row['estimand']} {row['estimate']:.4g} ({'; '.join(parts)})".replace("-", "\N{MINUS SIGN}")


def records(rows: pd.DataFrame) -> Iterable[tuple[int, Row]]:
    """Yield the rows of a table with their places in it."""
    # column by column: many small tables are read, and `to_dict` takes its time over each
    names = [str(name) for name in rows.columns.tolist()]
    values = zip(*(rows[name].tolist() for name in rows.columns), strict=True)
    for place, row in zip(rows.index.tolist(), values, strict=True):
        yield int(place), dict(zip(names, row, strict=True))


def held_against(deviations: pd.DataFrame) -> int:
    """Return how many rows of the table are deviations, and not what the protocol itself says to do."""
    return int(deviations["severity"].eq(DEVIATION).sum())


def in_order_of_designs(table: pd.DataFrame, *before: str) -> pd.DataFrame:
    """Return rows sorted by the columns named, the single design before the controlled ones."""
    return table.sort_values([*before, "design"], key=_single_first, kind="stable")


def _single_first(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(lambda design: (design != "single", design)) if column.name == "design" else column
