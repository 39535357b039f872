"""The tables of the contract: their columns, order and types, and how they grow, texts as codes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from msgspec import Struct, field

if TYPE_CHECKING:
    from numpy.typing import NDArray


#: In place of a unit, in the verdict on all treated units as a set; of an interruption, in that on all.
THE_SET, ALL_INTERRUPTIONS = "set", "all interruptions"

#: What is read of a contrast.
_READ = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
#: Of which fit a row is.
_FIT = ("outcome", "unit", "design", "estimator")
#: Columns of every table, in order (the contract; columns after a blank line are additions to it).
COLUMNS: dict[str, tuple[str, ...]] = {
    "summary": (
        *("outcome", "unit", "design", "estimand", "estimate", "conf_low", "conf_high", "p_value"),
        *("p_adjusted", "p_placebo", "p_crawford_howell", "minimum_detectable", "direction", "label"),
        "scale",
    ),
    "effects": (
        *("outcome", "unit", "design", "estimator", "role", "interruption", "interruption_period"),
        *("estimand", "scale", "inference_scale", "estimate", "std_error", "df", "statistic", "p_value"),
        *("conf_low", "conf_high", "conf_level", "p_adjusted", "inference"),
    ),
    "coefficients": (*_FIT, "term", *_READ),
    "error_model": (*_FIT, "process", "chosen_by", "term", "estimate", "std_error"),
    "fits": (
        *(*_FIT, "n", "n_pre", "n_post", "n_missing", "n_terms"),
        *("ar_order", "rho1", "rho2", "variance_ratio", "sigma", "log_likelihood", "dispersion", "flags"),
        *("season", "weights"),
    ),
    "not_estimated": (*_FIT, "reason", "message"),
    "peers": ("outcome", "unit", "rank", "peer", "distance", "pool_rank"),
    "peer_exclusions": ("outcome", "unit", "candidate", "distance", "reason", "count"),
    "peer_contributions": (
        *("unit", "peer", "variable", "weight", "unit_value", "peer_value", "scaled_difference", "share"),
    ),
    "balance": ("outcome", "unit", "variable", "unit_value", "peer_mean", "pool_mean", "smd"),
    "donor_weights": ("outcome", "unit", "design", "donor", "weight", "role"),
    "peer_series": ("outcome", "unit", "period", "value", "denominator"),
    "series": (
        *("outcome", "unit", "design", "period", "observed", "unit_value", "peer_mean", "denominator"),
        *("used", "used_reason", "fitted", "counterfactual", "counterfactual_low", "counterfactual_high"),
        *("prediction_low", "prediction_high", "deseasonalised"),
        *("event_time", "counterfactual_without_any"),
    ),
    "checks": ("outcome", "unit", "design", "check", "statistic", "p_value", "status", "message"),
    "placebo_units": ("outcome", "unit", "estimand", "placebo", "estimate", "statistic", "design"),
    "placebo_dates": ("outcome", "unit", "estimand", "placebo", "estimate", "statistic", "design"),
    "trend_bounds": (
        *("outcome", "unit", "design", "estimand", "bend", "estimate", "conf_low", "conf_high"),
        *("breakdown_bend", "bend_before", "bend_before_low", "bend_before_high", "donor_bend_median"),
        *("donor_bend_p90", "n_donors", "n_before"),
    ),
    "sensitivity": (
        *("outcome", "unit", "design", "dimension", "choice", "estimand", "estimate", "std_error", "df"),
        *("p_value", "conf_low", "conf_high"),
    ),
    "pooled": (
        *("outcome", "design", "estimand", "method", "estimate", "std_error", "df", "p_value", "conf_low"),
        *("conf_high", "tau2", "i2", "prediction_low", "prediction_high", "n_units", "minimum_detectable"),
    ),
    "power": ("outcome", "unit", "design", "estimand", "minimum_detectable", "power", "alpha"),
    "controls": (
        *("outcome", "unit", "design", "control", "series", "question", "estimand", "scale", "estimate"),
        *("conf_low", "conf_high", "p_value", "factor"),
    ),
    "leads": ("outcome", "unit", "design", "period", "event_time", "scale", *_READ),
    "residuals": ("outcome", "unit", "design", "period", "innovation"),
    "data_quality": ("indicator", "unit", "check", "period", "value", "severity", "message"),
    "verdicts": (
        *("outcome", "unit", "design", "interruption", "question", "estimand", "estimate"),
        *("conf_low", "conf_high", "p_value", "p_adjusted", "attribution_low"),
        *("attribution_high", "p_attribution", "p_attribution_adjusted", "p_rank", "n_donors"),
        *("tau", "set_p", "set_p_placebo", "minimum_detectable", "minimum_detectable_label"),
        *("breakdown_bend", "coincident_change", "level_used", "look", "direction", "label"),
        *("inference", "flags", "scale", "n_as_large", "own_change", "own_change_high"),
        *("margin", "decision"),
    ),
}

#: In place of a unit, in the rows about all units together.
EVERYBODY = "all"
#: Checks of the data about what a config asks for; the first is a reason for no estimate, too.
OF_CONFIG = (
    *("start_outside", "event_outside_window", "given_peer_left_out", "unused_denominators"),
    "constant_variable",
)
START_OUTSIDE, EVENT_OUTSIDE = OF_CONFIG[:2]
BEFORE_AFTER = "before_after"
BEFORE_AFTER_PAIRS = f"{BEFORE_AFTER}_pairs"
BEFORE_AFTER_LEFT_OUT = f"{BEFORE_AFTER}_left_out"
BEFORE_AFTER_SIZES = f"{BEFORE_AFTER}_effect_sizes"
#: In which ways a run departed from its protocol; only a run that was held to one has this table.
DEVIATIONS = "deviations"
#: How grave a row of it is: somebody chose it or data changed; or the protocol itself says what to do.
DEVIATION, BY_RULE = "deviation", "by rule"
#: In place of a reason for a deviation; and what was said at each declared look at growing data.
NO_REASON, LOOKS = "no reason given", "looks"
#: Of those that may have no rows, the columns.
BESIDE: dict[str, tuple[str, ...]] = {
    BEFORE_AFTER: (),
    BEFORE_AFTER_PAIRS: (
        *("measure", "unit", "project", "follow_up", "baseline", "value", "change", "percent_change"),
        *("projects", "used"),
    ),
    BEFORE_AFTER_LEFT_OUT: ("measure", "unit", "project", "follow_up", "reason", "baseline", "value"),
    BEFORE_AFTER_SIZES: (),
    DEVIATIONS: ("item", "planned", "actual", "reason", "severity"),
    LOOKS: (
        *("outcome", "unit", "design", "interruption", "run", "look", "end", "estimate", "conf_low"),
        *("conf_high", "p_value", "level", "p_adjusted", "estimand", "scale", "label"),
    ),
}

#: How rows are sorted; the order of configs (outcomes, units, designs, estimators) never matters.
SORT_KEYS: dict[str, tuple[str, ...]] = {
    "summary": ("outcome", "unit", "design"),
    "effects": (*_FIT, "interruption_period", "interruption", "estimand", "scale"),
    "coefficients": _FIT,
    "error_model": _FIT,
    "fits": _FIT,
    "not_estimated": (*_FIT, "reason"),
    "peers": ("outcome", "unit", "rank"),
    "peer_exclusions": ("outcome", "unit", "distance", "candidate", "reason"),
    "peer_contributions": ("unit", "peer", "variable"),
    "balance": ("outcome", "unit", "variable"),
    "donor_weights": ("outcome", "unit", "design", "donor"),
    "peer_series": ("outcome", "unit", "period"),
    "series": ("outcome", "unit", "design", "period"),
    "checks": ("outcome", "unit", "design", "check"),
    "placebo_units": ("outcome", "unit", "design", "estimand", "placebo"),
    "placebo_dates": ("outcome", "unit", "design", "estimand", "placebo"),
    "trend_bounds": ("outcome", "unit", "design", "estimand", "bend"),
    "sensitivity": ("outcome", "unit", "design", "dimension", "choice", "estimand"),
    "pooled": ("outcome", "design", "estimand", "method"),
    "power": ("outcome", "unit", "design", "estimand"),
    "controls": ("outcome", "unit", "design", "control", "series"),
    "leads": ("outcome", "unit", "design", "event_time"),
    "residuals": ("outcome", "unit", "design", "period"),
    "data_quality": ("indicator", "unit", "check", "period", "value", "message"),
    "verdicts": ("outcome", "unit", "design", "interruption", "estimand"),
}

TEXT_COLUMNS = frozenset(
    {
        *("outcome", "unit", "design", "estimator", "role", "interruption", "interruption_period"),
        *("estimand", "scale", "inference_scale", "term", "reason", "message", "peer", "candidate"),
        *("variable", "period", "direction", "label", "flags", "season", "weights", "used_reason"),
        *("indicator", "check", "severity", "status", "placebo", "dimension", "choice", "method"),
        *("question", "inference", "donor", "control", "series", "decision"),
        *("process", "chosen_by"),
    }
)
WHOLE_COLUMNS = frozenset(
    {
        *("n", "n_pre", "n_post", "n_missing", "n_terms", "rank", "pool_rank", "n_units", "event_time"),
        *("ar_order", "n_donors", "n_before", "look", "n_as_large", "count"),
    }
)
#: A column of texts in one table only.
TEXT_BESIDE = ("data_quality", "value")


class Texts(Struct, frozen=True):
    """A column of texts that repeat.

    Attributes
    ----------
    codes : ndarray of int, shape (rows,)
        Places in `words`.
    words : sequence of str
        The distinct texts.
    """

    codes: NDArray[np.intp]
    words: Sequence[str]

    @classmethod
    def of(cls, values: Iterable[str]) -> Texts:
        """Return texts as a column."""
        listed = list(values)
        places = {word: code for code, word in enumerate(dict.fromkeys(listed))}
        return cls(np.array([places[word] for word in listed], dtype=np.intp), list(places))

    def take(self, rows: NDArray[Any]) -> Texts:
        """Return some rows, by place or by mask."""
        return Texts(self.codes[rows], self.words)


#: A column: texts, numbers, or one value for all rows.
Column = Texts | np.ndarray[Any, Any] | str | float | None


class TableColumns(Struct):
    """Rows of one table that grow by columns.

    Attributes
    ----------
    name : str
        The table.
    words : dict of str to dict of str to int
        By text column: the code of every word so far.
    parts : dict of str to list of ndarray
        By column: codes of texts, or numbers.
    count : int
        Rows so far.
    """

    name: str
    words: dict[str, dict[str, int]] = field(default_factory=dict)
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    count: int = 0

    def add(self, rows: int, columns: Mapping[str, Column]) -> None:
        """Append rows; a column is an array, or one value for all. All calls have the same columns."""
        for name, values in columns.items():
            if isinstance(values, str):
                values = Texts(np.zeros(1, dtype=np.intp), [values])  # noqa: PLW2901
            if isinstance(values, Texts):
                known = self.words.setdefault(name, {})
                places = np.array(
                    [known.setdefault(word, len(known)) for word in values.words], dtype=np.intp
                )
                array = places[values.codes] if len(places) else np.zeros(0, dtype=np.intp)
            else:
                array = np.atleast_1d(np.asarray(values))
            whole = np.broadcast_to(array, (rows,)) if array.size == 1 else array
            self.parts.setdefault(name, []).append(whole)
        self.count += rows

    def extend(self, others: TableColumns) -> None:
        """Append the rows of the same table that grew elsewhere."""
        if others.count:
            self.add(others.count, others.raw())

    @property
    def flagged(self) -> int:
        """Rows of ``fits`` with a warning."""
        calm = self.words.get("flags", {}).get("", -1)
        return sum(int((part != calm).sum()) for part in self.parts.get("flags", ()))

    def raw(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """Return all columns, or some, in the order in which the rows came."""
        whole: dict[str, Any] = {}
        for name, parts in self.parts.items():
            if names is not None and name not in names:
                continue
            array = parts[0] if len(parts) == 1 else np.concatenate(parts)
            whole[name] = Texts(array, list(self.words[name])) if name in self.words else array
        return whole

    def columns(self) -> dict[str, Any]:
        """Return the columns, sorted as the contract says; one that was left out is absent."""
        return in_order(self.name, self.raw()) if self.count else {}

    def frame(self) -> pd.DataFrame:
        """Return the rows as a table of the contract."""
        return column_frame(self.columns(), COLUMNS[self.name], self.count)


def column_frame(
    columns: Mapping[str, Texts | NDArray[Any]], names: Sequence[str], count: int
) -> pd.DataFrame:
    """Return columns as a data frame with the types of the contract; what is left out is missing."""
    shown: dict[str, Any] = {}
    for name in names:
        column = columns.get(name)
        if isinstance(column, Texts):
            # an index of the words, so that texts are made once and not for every row
            words = pd.array(list(column.words), dtype="str")
            shown[name] = words.take(column.codes) if count else pd.array([], dtype="str")
        elif name in TEXT_COLUMNS:
            shown[name] = pd.array([""] * count, dtype="str")
        elif name in WHOLE_COLUMNS:
            values = np.full(count, np.nan) if column is None else column
            shown[name] = pd.array(values, dtype="Int64")
        elif name == "used" or (column is not None and column.dtype == np.bool_):
            shown[name] = np.zeros(count, dtype=np.bool_) if column is None else column.astype(np.bool_)
        else:
            shown[name] = np.full(count, np.nan) if column is None else column.astype(np.float64)
    return pd.DataFrame(shown, columns=list(names))


def sort_key(column: Texts | NDArray[Any]) -> NDArray[Any]:
    """Return numbers that sort as a column does: the rank of each text."""
    if not isinstance(column, Texts):
        return np.asarray(column)
    words = np.array(list(column.words), dtype=object)
    rank = np.empty(len(words), dtype=np.intp)
    rank[np.argsort(words)] = np.arange(len(words))
    return rank[column.codes]


def make_table(name: str, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a table of the contract: its columns, its types, sorted.

    Parameters
    ----------
    name : str
        Name of the table.
    rows : iterable of mapping
        Keys are columns; a column that is left out is missing.
    """
    listed = list(rows)
    columns: dict[str, Any] = {}
    for column in COLUMNS[name]:
        values = [row.get(column) for row in listed]
        if column in TEXT_COLUMNS or (name, column) == TEXT_BESIDE:
            # what is missing, NaN too, is blank
            columns[column] = Texts.of("" if pd.isna(value) else str(value) for value in values)
        elif column == "used":
            columns[column] = np.array([bool(value) for value in values], dtype=np.bool_)
        else:
            numbers = [math.nan if value is pd.NA else value for value in values]
            columns[column] = np.array(numbers, dtype=np.float64)
    if name == "verdicts":
        frame = _answers_first(column_frame(columns, COLUMNS[name], len(listed)))
        return frame.sort_values(["outcome"], kind="stable").reset_index(drop=True)
    return column_frame(in_order(name, columns), COLUMNS[name], len(listed))


def in_order(name: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of a table sorted as the contract says; missing numbers come last."""
    keys = [sort_key(columns[key]) for key in SORT_KEYS[name] if key in columns]
    order = np.lexsort(keys[::-1])
    return {key: column.take(order) for key, column in columns.items()}


def _answers_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts sorted: the set first, then joint tests of interruptions, answers before the rest."""
    keys = pd.DataFrame(
        {
            "later": frame["unit"].ne(THE_SET),
            "unit": frame["unit"],
            "design": frame["design"],
            "single_interruption": frame["interruption"].ne(ALL_INTERRUPTIONS),
            "interruption": frame["interruption"],
            "beside": frame["label"].eq(""),
            "estimand": frame["estimand"],
        }
    )
    return frame.loc[keys.sort_values(list(keys.columns), kind="stable").index]
