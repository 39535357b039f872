"""Estimation: the one loop over designs, missing periods and weights by which every series is fitted."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.effects.columns import EffectColumns, Question, Reading, Setting, effect_columns, reading_of
from its_eval.errors import NotEstimableError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.fit import ContrastEstimates, Fit, MissingPattern, missing_patterns
from its_eval.estimators.kind import EstimatorKind, Statistics, at_bound
from its_eval.pipeline.pieces import Piece, fit_context, not_estimated, pieces
from its_eval.pipeline.sheet import NotEstimated, Sheet
from its_eval.scales import Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.design.matrix import Design

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

#: Flags of a fit whose p-value would be decided by rounding, not by the data.
NO_INFERENCE = frozenset({"degenerate"})


class Ask(Struct, frozen=True):
    """What is wanted of a fit.

    Attributes
    ----------
    question : Question
        Which estimands, with which intervals.
    whole_fits : bool
        Keep the fits: for bands, checks, and estimands that are not linear. Without them only contrasts are
        estimated, as fast as the estimator can, and series of several sheets are fitted together; count and
        binomial families keep theirs, for what they say on the response scale.
    joined : bool
        Series that miss different periods stay in one `Estimates` where they were fitted together.
    doubtful_only : bool
        Fit only what an estimator may refuse, to see whether it does; all else comes back without numbers.
    """

    question: Question
    whole_fits: bool = True
    joined: bool = False
    doubtful_only: bool = False


class Estimates(Struct, frozen=True, dict=True):
    """What one estimator says of series that share a design, missing periods and kind of weighting.

    Attributes
    ----------
    sheet : Sheet
        Where the series come from.
    columns : ndarray of int, shape (S,)
        Which of its columns, in the order of the fit.
    observed : ndarray of bool, shape (n,) or (S, n)
        Periods that entered the fit; the second form under `Ask.joined` alone.
    design : Design
        Design matrix: the rows of the unit itself, for models of several series at once.
    estimator : str
        Label of the estimator.
    entry : Estimator or None
        Its entry in the config; None for a comparison that has a way of its own.
    kind : EstimatorKind or None
        The estimator itself.
    scale : Scale
        Scale of the fit.
    reading : Reading
        The contrasts that were read.
    statistics : Statistics
        Their estimates and what is known of the errors.
    fit : Fit or None
        The whole fit, where it was asked for.
    relative_variance : ndarray, shape (n, S), or None
        Error variance of each period over its geometric mean; None: the same in every period.
    params : ndarray, shape (S, k), or None
        Coefficients, where they are known.
    placebo_only : bool
        Standard errors have no meaning; only placebos tell how unusual the effect is.
    whitenable : bool
        The errors are autoregressive with the fit's partial autocorrelations, or independent.
    """

    sheet: Sheet
    columns: NDArray[np.intp]
    observed: BoolArray
    design: Design
    estimator: str
    entry: Estimator | None
    kind: EstimatorKind | None
    scale: Scale
    reading: Reading
    statistics: Statistics
    fit: Fit | None = None
    relative_variance: FloatArray | None = None
    params: FloatArray | None = None
    placebo_only: bool = False
    whitenable: bool = False

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The unit of each series."""
        return tuple(self.sheet.targets[column].unit for column in self.columns)

    @property
    def is_family(self) -> bool:
        """Whether the fit is a generalised linear model."""
        return self.kind is not None and self.kind.is_family

    @property
    def whole(self) -> Fit:
        """The fit.

        Raises
        ------
        ValueError
            When only contrasts were asked for.
        """
        if self.fit is None:
            raise ValueError("only contrasts were estimated; ask for whole fits")
        return self.fit

    @property
    def inference(self) -> str:
        """By which procedure standard errors are made; ``placebo`` where only placebos tell."""
        if self.placebo_only:
            return "placebo"
        kind = self.kind
        if kind is None and self.entry is not None:
            kind = ESTIMATORS[self.entry.name]
        return "" if kind is None else kind.inference

    @cached_property
    def stuck(self) -> BoolArray:
        """Series whose p-value rounding would decide, shape (S,): the only ones whose p does not count."""
        raised = np.zeros(len(self.columns), dtype=np.bool_)
        for name in NO_INFERENCE & set(self.statistics.flags):
            raised |= self.statistics.flags[name]
        return raised

    def setting(self) -> Setting:
        """Return how the series were made, for their effects."""
        offset = None if self.sheet.own_level else self.sheet.peer_means[:, self.columns].T
        counts, sizes = (None, None)
        if self.is_family:
            counts, sizes = self.sheet.family_counts(self.columns, self.observed)
        return Setting(
            self.observed,
            self.scale,
            self.is_family,
            offset,
            self.sheet.weights(self.columns, self.observed),
            by_weight=self.sheet.plan.outcome.kind == "count",
            counts=counts,
            sizes=sizes,
            values=self.sheet.values[:, self.columns].T,
        )

    def effects(self, question: Question) -> EffectColumns:
        """Return every estimand of every series."""
        return effect_columns(
            self.design, self.reading, self.statistics.estimates, self.fit, self.setting(), question
        )

    @cached_property
    def period_variance(self) -> FloatArray:
        """The error variance of each period over the fit's sigma squared, shape (S, n)."""
        spread = np.ones((len(self.columns), self.design.n_periods))
        if self.relative_variance is not None:
            spread = self.relative_variance.T.copy()
        ratio = self.whole.variance_ratio
        if ratio is not None and self.kind is not None and self.kind.models_sampling:
            sampling = spread / spread[:, self.observed].mean(axis=1, keepdims=True)
            return np.asarray(1.0 + (sampling - 1.0) / (1.0 + ratio[:, None]))
        if ratio is not None and self.entry is not None and self.entry.variance == "by_segment":
            spread[:, self.design.interruption.start :] *= ratio[:, None]
        return spread

    def take(self, pick: NDArray[np.intp]) -> Estimates:
        """Return the estimates of some of the series."""
        rows = self.reading.rows
        return replace(
            self,
            columns=self.columns[pick],
            observed=self.observed if self.observed.ndim == 1 else self.observed[pick],
            reading=self.reading if rows.ndim == 2 else replace(self.reading, rows=rows[pick]),
            statistics=self.statistics.take(pick),
            fit=None if self.fit is None else self.fit.take(pick),
            relative_variance=None if self.relative_variance is None else self.relative_variance[:, pick],
            params=None if self.params is None else self.params[pick],
        )

    def refit(self, values: FloatArray, position: int) -> Fit:
        """Fit other values, shape (n, R), with design, weights and estimator of one of the series."""
        if self.kind is None or self.entry is None:
            raise ValueError(f"{self.estimator} has no estimator that could fit other values")
        context = fit_context(self.sheet, self.design, ~np.isnan(values[:, 0]))
        if self.relative_variance is None:
            return self.kind.fit(self.design.matrix, values, self.entry, context)
        own = self.relative_variance[:, [position]]
        if values.shape[1] == 1 or not self.whitenable:
            context = replace(context, relative_variance=np.broadcast_to(own, values.shape))
            return self.kind.fit(self.design.matrix, values, self.entry, context)
        # all share the weights of one series, and so a design; the few at a bound keep their own answer
        root = np.sqrt(own)
        plain = replace(self.kind, at_bound=None)
        return plain.fit(self.design.matrix / root, values / root, self.entry, context)


def estimate(
    sheets: Sequence[tuple[Sheet, Sequence[Estimator]]], ask: Ask
) -> tuple[list[Estimates], list[NotEstimated]]:
    """Fit every series of every sheet by the estimators beside it.

    Series that share a design and miss the same periods are columns of one matrix, weighted ones apart. What
    cannot be fitted becomes a row with its reason, and the rest goes on.

    Parameters
    ----------
    sheets : sequence of (Sheet, sequence of Estimator)
        Series, and entries of the config.
    ask : Ask
        What is wanted.

    Returns
    -------
    estimates : list of Estimates
        Sheet by sheet, in the order of the series within each; with contrasts alone the order is another.
    failed : list of NotEstimated
    """
    found: list[Estimates] = []
    failed: list[NotEstimated] = []
    waiting: list[Piece] = []
    for sheet, entries in sheets:
        for piece in pieces(sheet, entries, failed):
            if not ask.whole_fits and not piece.kind.is_family and piece.relative is None:
                waiting.append(piece)
            else:
                found += _one_by_one(piece, ask, failed)
    found += _together(waiting, ask, failed)
    return found, failed


def _one_by_one(piece: Piece, ask: Ask, failed: list[NotEstimated]) -> list[Estimates]:
    """Fit one piece; where it cannot be fitted, what of it misses the same periods."""
    if ask.doubtful_only and not piece.may_be_refused:
        return [_nothing_yet(piece)]
    try:
        return _estimated(piece, ask)
    except NotEstimableError as error:
        if piece.observed.ndim == 1:
            failed += not_estimated(piece.sheet, piece.columns, piece.entry.label, error, piece.design)
            return []
        return [item for part in piece.by_pattern() for item in _one_by_one(part, ask, failed)]


def _estimated(piece: Piece, ask: Ask) -> list[Estimates]:
    """Fit one piece and read its contrasts."""
    blank = _nothing_yet(piece)
    reading = reading_of(piece.design, blank.setting(), ask.question)
    if ask.whole_fits or piece.kind.is_family:
        fit = piece.kind.fit(piece.design.matrix, piece.values, piece.entry, piece.context())
        read = Statistics.of(fit, reading.rows)
        whole = replace(blank, reading=reading, statistics=read, fit=fit, params=fit.params)
        return _apart(whole, ask)
    rows = _with_coefficients(piece, reading)
    read = piece.kind.read(piece.design.matrix, piece.values, rows, piece.entry, piece.context())
    if piece.observed.ndim == 2:
        # as where contrasts alone are read
        read = replace(read, sigma=None, log_likelihood=None)
    return _apart(_read_off(blank, reading, read), ask)


def _apart(item: Estimates, ask: Ask) -> list[Estimates]:
    """Return series that answer for themselves, and those at a bound with the kind that answers for them.

    Those that miss different periods are taken apart too, unless they may stay together; and those of which
    different coefficients have no estimate.
    """
    if item.observed.ndim == 2 and not ask.joined:
        patterns = missing_patterns(np.where(item.observed.T, 0.0, np.nan))
        return [part for pattern in patterns for part in _apart(_of_pattern(item, pattern), ask)]
    lacking = None if item.fit is None else item.fit.no_estimate
    if item.fit is not None and lacking is not None and lacking.ndim == 2:
        kinds, of_kind = np.unique(lacking, axis=0, return_inverse=True)
        found = [(kind, item.take(np.flatnonzero(of_kind == place))) for place, kind in enumerate(kinds)]
        return [replace(part, fit=part.fit and replace(part.fit, no_estimate=kind)) for kind, part in found]
    instead = None if item.kind is None else item.kind.at_bound
    bound = at_bound(item.statistics.flags)
    if instead is None or not bound.size:
        return [item]
    own = item.take(np.setdiff1d(np.arange(len(item.columns)), bound))
    own = replace(own, fit=own.fit and replace(own.fit, walk_variances=None))
    return [*([own] if len(own.columns) else []), replace(item.take(bound), kind=instead)]


def _of_pattern(item: Estimates, pattern: MissingPattern) -> Estimates:
    """Return the series of one pattern out of several."""
    part = replace(item.take(pattern.series), observed=pattern.observed)
    rows = part.reading.rows
    if not (rows == rows[:1]).all():
        return part
    return replace(part, reading=replace(part.reading, rows=rows[0]))


def _nothing_yet(piece: Piece) -> Estimates:
    """Return a piece before it is fitted."""
    return Estimates(
        piece.sheet,
        piece.columns,
        piece.observed,
        piece.design,
        piece.entry.label,
        piece.entry,
        piece.kind,
        piece.scale,
        Reading((), np.empty((0, 0))),
        Statistics(ContrastEstimates(*np.empty((4, 0, 0))), np.empty((0, 0)), {}),
        relative_variance=piece.relative,
        whitenable=piece.kind.whitenable,
    )


def _with_coefficients(piece: Piece, reading: Reading) -> FloatArray:
    """Return contrasts, and behind them the coefficients where a level has to be held against its range."""
    if not needs_level(piece.sheet, piece.scale):
        return reading.rows
    unit = np.eye(len(piece.design.terms))
    if reading.rows.ndim == 3:
        unit = np.broadcast_to(unit, (len(reading.rows), *unit.shape))
    return np.concatenate([reading.rows, unit], axis=-2)


def _read_off(blank: Estimates, reading: Reading, read: Statistics) -> Estimates:
    """Take the estimands apart from the coefficients behind them."""
    count = len(reading.names)
    every = read.estimates
    kept = every.take(np.s_[:, :count])
    params = every.estimate[:, count:] if every.estimate.shape[1] > count else None
    return replace(blank, reading=reading, statistics=replace(read, estimates=kept), params=params)


def needs_level(sheet: Sheet, scale: Scale) -> bool:
    """Return whether the level expected without the intervention could lie outside the range."""
    return sheet.plan.outcome.kind == "percentage" and scale.is_plain


def _together(waiting: Sequence[Piece], ask: Ask, failed: list[NotEstimated]) -> Iterator[Estimates]:
    """Yield the contrasts of pieces that share matrix, contrasts and pattern, of whatever outcome."""
    groups: dict[Hashable, list[tuple[Piece, Estimates, Reading, FloatArray]]] = {}
    for piece in waiting:
        if piece.observed.ndim == 2:
            yield from _one_by_one(piece, ask, failed)
            continue
        blank = _nothing_yet(piece)
        reading = reading_of(piece.design, blank.setting(), ask.question)
        rows = _with_coefficients(piece, reading)
        key: Hashable = len(groups)
        if rows.ndim == 2:
            matrix = piece.design.matrix
            key = (piece.entry, matrix.shape, matrix.tobytes(), rows.tobytes(), piece.observed.tobytes())
        groups.setdefault(key, []).append((piece, blank, reading, rows))
    for members in groups.values():
        first, _, _, rows = members[0]
        values = np.hstack([piece.values for piece, *_ in members])
        try:
            read = first.kind.read(first.design.matrix, values, rows, first.entry, first.context())
        except NotEstimableError as error:
            for piece, *_ in members:
                failed += not_estimated(piece.sheet, piece.columns, piece.entry.label, error, piece.design)
            continue
        edges = np.cumsum([0, *(len(piece.columns) for piece, *_ in members)])
        for place, (_, blank, reading, _) in enumerate(members):
            part = read.take(slice(edges[place], edges[place + 1]))
            yield from _apart(_read_off(blank, reading, part), ask)


def whole_estimates(
    sheet: Sheet,
    column: int,
    observed: BoolArray,
    design: Design,
    label: str,
    fit: Fit,
    ask: Ask,
    entry: Estimator | None = None,
) -> Estimates:
    """Return what a comparison with a model of its own found of one series.

    Parameters
    ----------
    sheet, column : Sheet, int
        The series.
    observed : ndarray of bool, shape (n,)
        Periods that entered the fit.
    design : Design
        The rows of the unit itself.
    label : str
        What its rows are called.
    fit : Fit
        Of one series.
    ask : Ask
        What is wanted.
    entry : Estimator, optional
        Of the config.
    """
    nothing = Statistics(ContrastEstimates(*np.empty((4, 1, 0))), np.empty((1, 0)), {})
    places = np.array([column], dtype=np.intp)
    blank = Estimates(
        sheet,
        places,
        observed,
        design,
        label,
        entry,
        None,
        sheet.scale,
        Reading((), np.empty((0, 0))),
        nothing,
    )
    reading = reading_of(design, blank.setting(), ask.question)
    return replace(
        blank, reading=reading, statistics=Statistics.of(fit, reading.rows), fit=fit, params=fit.params
    )
