"""The effects of many series as columns: every estimand with its interval and p-value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec import Struct

from its_eval.effects.estimands import Segment, asked, linear_contrasts, year_effect
from its_eval.effects.means import mean_difference
from its_eval.effects.nonlinear import above_zero, fieller_sets, relative_effects, standardised_effects
from its_eval.estimators.fit import DF_FLOOR, ContrastEstimates, Fit
from its_eval.scales import NONE, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Design

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


ShownScale = Literal["response", "link", "ratio"]
InferenceScale = Literal["identity", "log", "fieller", "means"]


class Question(Struct, frozen=True):
    """What is asked of a fit.

    Attributes
    ----------
    at : tuple of int
        k of ``effect_at_k``: periods after the first full post period.
    confidence : float
        Coverage of the intervals.
    year : int
        Periods in a year: the effect one year after the start is always read, in a shorter series the effect
        in its last period. 0: only those of `at`.
    """

    at: tuple[int, ...]
    confidence: float
    year: int = 0

    def at_of(self, design: Design, number: int = 0) -> tuple[int, ...]:
        """Return k of every ``effect_at_k`` of an interruption, the year's among them."""
        if self.year == 0:
            return self.at
        year = int(year_effect(design, number, self.year).rpartition("_")[2])
        return tuple(sorted({*self.at, year}))


class Setting(Struct, frozen=True):
    """How the series of a fit were made.

    Attributes
    ----------
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    scale : Scale
        Scale of the fit.
    is_family : bool
        A generalised linear model: its mean, not its median, is on the response scale.
    offset : ndarray, shape (S, n), or None
        Known part of the counterfactual level, on the scale of the fit: the peer mean of a difference.
    weights : ndarray, shape (S, n), or None
        Multiplies the effect of each period in the cumulative effect (denominators of a percentage, as
        hundreds). A series that is NaN throughout has no cumulative effect; None: none has.
    by_weight : bool
        The weights are what counts arose from: periods count by them in the relative effect too, which then
        is the cumulative effect in per cent of the events expected without the intervention.
    counts, sizes : ndarray, shape (S, n), or None
        Of a family: its counts, with their exposure or trials.
    values : ndarray, shape (S, n), or None
        What was fitted; what a period was expected to be is its value without the effect, where each period
        has an effect of its own.
    """

    observed: BoolArray
    scale: Scale = NONE
    is_family: bool = False
    offset: FloatArray | None = None
    weights: FloatArray | None = None
    by_weight: bool = False
    counts: FloatArray | None = None
    sizes: FloatArray | None = None
    values: FloatArray | None = None

    def own_levels(self) -> FloatArray | None:
        """Return values on the unit's own level, shape (S, n): with the peers' mean of a difference."""
        if self.values is None or self.offset is None:
            return self.values
        return np.asarray(self.values + self.offset)


class Kind(Struct, frozen=True):
    """One kind of row that the series of a fit have.

    Attributes
    ----------
    estimand : str
        A name of the contract, e.g. ``slope_change``; slopes are per period.
    scale : {"response", "link", "ratio"}
        Outcome units, log units, or a ratio.
    inference_scale : {"identity", "log", "fieller", "means"}
        Where ``estimate ± t(df) std_error`` is the interval: on the row's own scale, on its logarithm (for
        a per cent change: of 1 + estimate/100), or nowhere (Fieller's theorem; a difference of mean rates
        where one of them is 0, `mean_difference`).
    interruption : int
        Which one of the design's; 0 is the intervention.
    """

    estimand: str
    scale: ShownScale
    inference_scale: InferenceScale
    interruption: int = 0

    @property
    def null(self) -> float:
        """The value that means no change."""
        return 1.0 if self.scale == "ratio" else 0.0

    def as_shown(self, change: FloatArray) -> FloatArray:
        """Return changes on the scale of the standard error as the row shows them."""
        if self.inference_scale != "log":
            return change
        return np.exp(change) if self.scale == "ratio" else 100.0 * np.expm1(change)


class EffectColumns(Struct, frozen=True):
    """Every estimand of S series: K kinds of rows.

    Attributes
    ----------
    kinds : tuple of Kind
        What each column holds.
    estimate, std_error, df, statistic, p_value, conf_low, conf_high : ndarray, shape (S, K)
        `std_error` is on the inference scale. Under Fieller's theorem there may be no limits.
    df_floor : ndarray of bool, shape (S, K)
        Unclipped degrees of freedom below 3: very wide, little information.
    present : ndarray of bool, shape (S, K)
        Which rows there are: not every series has every estimand.
    """

    kinds: tuple[Kind, ...]
    estimate: FloatArray
    std_error: FloatArray
    df: FloatArray
    statistic: FloatArray
    p_value: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    df_floor: BoolArray
    present: BoolArray

    def counts(self, stuck: BoolArray) -> BoolArray:
        """Return which rows have a p-value that counts, shape (S, K).

        Parameters
        ----------
        stuck : ndarray of bool, shape (S,)
            Series whose fit reproduces the data: rounding would decide.
        """
        return self.present & ~(stuck[:, None] | np.isnan(self.p_value))

    def places(self, estimand: str, interruption: int = 0) -> list[int]:
        """Return the columns of an estimand, on whatever scales."""
        return [
            place
            for place, kind in enumerate(self.kinds)
            if kind.estimand == estimand and kind.interruption == interruption
        ]


class Reading(Struct, frozen=True):
    """The contrasts that are read of a design, of every interruption.

    Attributes
    ----------
    names : tuple of (int, str)
        Interruption and estimand of each.
    rows : ndarray, shape (m, k) or (S, m, k)
        The second form where the weights of a cumulative effect differ.
    """

    names: tuple[tuple[int, str], ...]
    rows: FloatArray


def reading_of(design: Design, setting: Setting, question: Question) -> Reading:
    """Return every estimand that is linear in the parameters, cumulative effects where they are."""
    names: list[tuple[int, str]] = []
    rows: list[FloatArray] = []
    weights = setting.weights if setting.scale.is_plain else None
    if weights is not None and (weights == 1.0).all():
        # a plain sum is the same contrast for all series
        weights = np.ones(design.n_periods)
    for number in range(len(design.interruptions)):
        linear = linear_contrasts(design, setting.observed, question.at_of(design, number), number)
        names += [(number, name) for name in linear]
        rows += linear.values()
        if weights is not None:
            sums = Segment(design, setting.observed, number).sums(weights)
            if sums is not None:
                names.append((number, "cumulative_effect"))
                rows.append(sums)
    if any(row.ndim == 2 for row in rows):
        n_series = max(len(row) for row in rows if row.ndim == 2)
        whole = np.stack([np.broadcast_to(row, (n_series, row.shape[-1])) for row in rows], axis=1)
        return Reading(tuple(names), whole)
    return Reading(tuple(names), np.array(rows))


def effect_columns(
    design: Design,
    reading: Reading,
    read: ContrastEstimates,
    fit: Fit | None,
    setting: Setting,
    question: Question,
) -> EffectColumns:
    """Return every estimand of every series (methods §4 and §11.2).

    Parameters
    ----------
    design : Design
        What was fitted.
    reading, read : Reading, ContrastEstimates
        The linear estimands, as they were read.
    fit : Fit or None
        The fit of all series; None where only contrasts were estimated, and then estimands that are not
        linear are left out.
    setting, question : Setting, Question
        How it was fitted, and what is asked.
    """
    builder = _Builder(question.confidence)
    n_series = read.estimate.shape[0]
    every = np.ones(n_series, dtype=np.bool_)
    low, high = read.interval(question.confidence)
    statistic, p_value = read.statistic, read.p_value
    every_at = {k for number in range(len(design.interruptions)) for k in question.at_of(design, number)}
    ratios = {item.name for item in asked(sorted(every_at)) if item.has_ratio}
    plain = setting.scale.is_plain
    summed = every if setting.weights is None else np.asarray(~np.isnan(setting.weights).all(axis=1))
    for place, (number, name) in enumerate(reading.names):
        own = (read.estimate, read.std_error, read.df, statistic, p_value, low, high)
        columns = tuple(array[:, place] for array in own)
        floor = np.asarray(read.df_unclipped[:, place] < DF_FLOOR)
        present = summed if name == "cumulative_effect" else every
        builder.add(Kind(name, "response" if plain else "link", "identity", number), columns, floor, present)
        if not plain and name in ratios:
            builder.exponentiated(Kind(name, "ratio", "log", number), columns, floor, present)
        if setting.scale.name == "log" and not setting.is_family and name == "average_effect":
            shown = Kind("relative_average_effect", "response", "log", number)
            builder.exponentiated(shown, columns, floor, present)
    if fit is not None:
        for number in range(len(design.interruptions)):
            if (number, "average_effect") in reading.names:
                _add_nonlinear(builder, design, number, fit, setting, question)
    return builder.columns()


def _add_nonlinear(
    builder: _Builder, design: Design, number: int, fit: Fit, setting: Setting, question: Question
) -> None:
    """Add the effects in per cent of the counterfactual, and those of other scales in outcome units."""
    segment = Segment(design, setting.observed, number)
    chosen = segment.periods
    projected = setting.own_levels() if segment.interruption.form.by_period else None
    if (
        projected is None
        and fit.no_estimate is not None
        and segment.switched_off[chosen][:, fit.no_estimate].any()
    ):
        return  # the level of a differenced series has no estimate
    if setting.scale.is_plain:
        share, of_whom = np.full(int(chosen.sum()), 1.0 / chosen.sum()), "average_effect"
        if (
            setting.by_weight
            and setting.weights is not None
            and not np.isnan(setting.weights[:, chosen]).any()
        ):
            own, of_whom = setting.weights[:, chosen], "cumulative_effect"
            share = own / own.sum(axis=1, keepdims=True)
        if projected is not None:
            weight = own if of_whom == "cumulative_effect" else share
            effect = builder.column(Kind(of_whom, "response", "identity", number))
            _add_projected_share(builder, number, effect, (weight * projected[:, chosen]).sum(axis=1))
            return
        known = np.zeros((1, share.shape[-1])) if setting.offset is None else setting.offset[:, chosen]
        level = np.broadcast_to((share * known).sum(axis=1), len(fit.params))
        effect_row = share @ segment.difference[chosen]
        base_row = share @ segment.switched_off[chosen]
        estimates, there, uncertain = relative_effects(fit, effect_row, base_row, level)
        there &= above_zero(fit.params @ segment.switched_off[chosen].T + known)
        name = "relative_average_effect"
        builder.read(Kind(name, "response", "identity", number), estimates, there & ~uncertain)
        if (there & uncertain).any():
            average = builder.column(Kind(of_whom, "response", "identity", number))
            _add_fieller(
                builder, number, fit, (effect_row, base_row), level, estimates, there & uncertain, average
            )
        return
    if setting.scale.name == "log" and not setting.is_family:
        return
    at = {k: segment.interruption.full + k for k in question.at_of(design, number)}
    by_means = _add_mean_differences(builder, design, segment, setting)
    for name, there, estimates in standardised_effects(
        fit,
        (design.matrix, segment.switched_off),
        chosen,
        scale=setting.scale,
        offset=setting.offset,
        weights=setting.weights,
        at=at,
        by_weight=setting.by_weight,
        projected=projected,
    ):
        modelled = there & ~by_means if name in BY_MEANS else there
        builder.read(Kind(name, "response", "identity", number), estimates, modelled)


#: What a difference of mean rates stands for where a model has no estimate.
BY_MEANS = ("average_effect", "cumulative_effect")


def _add_mean_differences(
    builder: _Builder, design: Design, segment: Segment, setting: Setting
) -> NDArray[np.bool_]:
    """Add average and cumulative effects of series without events before or after; return which have them."""
    if setting.counts is None or setting.sizes is None or len(design.interruptions) > 1:
        return np.zeros(1, dtype=np.bool_)
    binomial = setting.scale.name == "logit"
    used = segment.periods | (design.segments()[0] & setting.observed)
    found = [
        mean_difference(
            counts[used], sizes[used], segment.periods[used], builder.confidence, binomial=binomial
        )
        for counts, sizes in zip(setting.counts, setting.sizes, strict=True)
    ]
    there = np.array([item is not None for item in found])
    if there.any():
        rows = [
            (item.estimate, item.low, item.high, item.p_value, item.size) if item else (np.nan,) * 5
            for item in found
        ]
        estimate, low, high, p_value, size = np.array(rows).T
        nothing, no_floor = np.full(there.size, np.nan), np.zeros(there.size, dtype=np.bool_)
        for name, factor in zip(BY_MEANS, (100.0 if binomial else 1.0, size), strict=True):
            columns = (factor * estimate, nothing, nothing, nothing, p_value, factor * low, factor * high)
            builder.add(Kind(name, "response", "means", segment.number), columns, no_floor, there)
    return there


def _add_projected_share(
    builder: _Builder, number: int, effect: tuple[FloatArray, ...], observed: FloatArray
) -> None:
    """Add effects in per cent of what was expected, the observed values without the effect.

    What was observed is known, so that 100 d/(y - d) rises with the effect d: its limits are those of the
    effect, and so is the p-value. Where an effect as large as its limit leaves nothing expected, the limit is
    infinite.
    """
    estimate, std_error, df, statistic, p_value, low, high, floor = effect

    def share(change: FloatArray) -> FloatArray:
        expected = observed - change
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(expected <= 0.0, np.inf, 100.0 * change / expected)

    with np.errstate(divide="ignore", invalid="ignore"):
        spread = 100.0 * observed / np.square(observed - estimate) * std_error
    there = np.asarray((observed > 0.0) & (observed > estimate))
    columns = (share(estimate), spread, df, statistic, p_value, share(low), share(high))
    kind = Kind("relative_average_effect", "response", "fieller", number)
    builder.add(kind, columns, floor.astype(np.bool_), there)


def _add_fieller(
    builder: _Builder,
    number: int,
    fit: Fit,
    rows: tuple[FloatArray, FloatArray],
    level: FloatArray,
    estimates: ContrastEstimates,
    where: BoolArray,
    average: tuple[FloatArray, ...],
) -> None:
    """Add relative effects whose counterfactual may be zero: the p-value is that of the average."""
    estimate, std_error, _, statistic, p_value, _, high, floor = average
    with np.errstate(divide="ignore", invalid="ignore"):
        quantile = (high - estimate) / std_error
    low, upper = fieller_sets(fit, rows, level, quantile)
    columns = (
        estimates.estimate[:, 0],
        estimates.std_error[:, 0],
        estimates.df[:, 0],
        statistic,
        p_value,
        low,
        upper,
    )
    kind = Kind("relative_average_effect", "response", "fieller", number)
    builder.add(kind, columns, floor.astype(np.bool_), where)


class _Builder:
    """Columns in the making."""

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence
        self._kinds: list[Kind] = []
        self._columns: list[tuple[FloatArray, ...]] = []
        self._floors: list[BoolArray] = []
        self._present: list[BoolArray] = []

    def add(self, kind: Kind, columns: tuple[FloatArray, ...], floor: BoolArray, present: BoolArray) -> None:
        """Add estimate, standard error, df, statistic, p-value and limits, each of shape (S,)."""
        self._kinds.append(kind)
        self._columns.append(columns)
        self._floors.append(floor)
        self._present.append(present)

    def exponentiated(
        self, kind: Kind, columns: tuple[FloatArray, ...], floor: BoolArray, present: BoolArray
    ) -> None:
        """Add a log effect as a ratio, or as the per cent change that the ratio means."""
        estimate, std_error, df, statistic, p_value, low, high = columns
        points = [np.exp(values) for values in (estimate, low, high)]
        if kind.scale == "response":
            points = [100.0 * (values - 1.0) for values in points]
        shown = (points[0], std_error, df, statistic, p_value, points[1], points[2])
        self.add(kind, shown, floor, present)

    def read(self, kind: Kind, estimates: ContrastEstimates, present: BoolArray) -> None:
        """Add one contrast of each series."""
        low, high = estimates.interval(self.confidence)
        own = (estimates.estimate, estimates.std_error, estimates.df, estimates.statistic, estimates.p_value)
        columns = tuple(array[:, 0] for array in (*own, low, high))
        self.add(kind, columns, estimates.df_unclipped[:, 0] < DF_FLOOR, present)

    def column(self, kind: Kind) -> tuple[FloatArray, ...]:
        """Return what was added of a kind, the floor of the degrees of freedom last."""
        place = self._kinds.index(kind)
        return (*self._columns[place], self._floors[place].astype(np.float64))

    def columns(self) -> EffectColumns:
        """Return everything that was added."""
        names = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
        parts = zip(names, zip(*self._columns, strict=True), strict=True)
        return EffectColumns(
            kinds=tuple(self._kinds),
            df_floor=np.column_stack(self._floors),
            present=np.column_stack(self._present),
            **{name: np.column_stack(part) for name, part in parts},
        )
