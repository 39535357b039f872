"""Series that are fitted in one call: of one design and one kind of weighting, with their used periods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.design.matrix import informing
from its_eval.design.segments import require_segments, short_segments
from its_eval.errors import NotEstimableError
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.estimators.fit import (
    MissingPattern,
    SingularDesignError,
    missing_patterns,
    require_estimable,
)
from its_eval.estimators.kind import DESCRIPTIVE_BELOW, EstimatorKind, FitContext, autoregressive_order
from its_eval.estimators.patterns import rare_patterns
from its_eval.estimators.weights import relative_variance
from its_eval.pipeline.sheet import NotEstimated, Sheet
from its_eval.scales import SCALES, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.config import Estimator
    from its_eval.design.matrix import Design, Season

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


#: More degrees of freedom than any estimator asks for that has no refusals of its own.
AMPLE_DF = 8


class Piece(Struct, frozen=True, dict=True):
    """Series of one sheet that are to be fitted together by one estimator.

    Attributes
    ----------
    sheet : Sheet
        Where they come from.
    columns : ndarray of int, shape (S,)
        Which of its columns.
    observed : ndarray of bool, shape (n,) or (S, n)
        Periods that enter the fit; the second form where they differ.
    design, entry, kind : Design, Estimator, EstimatorKind
        What is fitted how.
    relative : ndarray, shape (n, S), or None
        Error variance of each period over its geometric mean, for weighted series.
    """

    sheet: Sheet
    columns: NDArray[np.intp]
    observed: BoolArray
    design: Design
    entry: Estimator
    kind: EstimatorKind
    relative: FloatArray | None

    @property
    def scale(self) -> Scale:
        """Scale of the fit."""
        return SCALES[self.kind.link] if self.kind.is_family else self.sheet.scale

    @cached_property
    def values(self) -> FloatArray:
        """What is fitted, shape (n, S)."""
        return np.where(_by_series(self.observed), self.sheet.values[:, self.columns], np.nan)

    @property
    def may_be_refused(self) -> bool:
        """Whether an estimator may refuse to fit it; no has to be right, yes costs a fit."""
        if self.kind.has_own_refusals or self.entry.variance == "by_segment":
            return True
        patterns = missing_patterns(self.values)
        if min(pattern.n_used for pattern in patterns) < DESCRIPTIVE_BELOW:
            return True
        try:
            for pattern in patterns:
                require_estimable(self.design.matrix, pattern.observed, AMPLE_DF)
        except SingularDesignError:
            return True
        return False

    def context(self) -> FitContext:
        """Return what the estimator needs beside design and series."""
        context = fit_context(self.sheet, self.design, self.observed)
        if not self.kind.is_family:
            return replace(context, relative_variance=self.relative)
        sizes = self.sheet.denominators[:, self.columns]
        if self.kind.link == "log" and self.sheet.plan.outcome.per is not None:
            sizes = sizes / self.sheet.plan.outcome.per
        known = not np.isnan(sizes[self.observed]).any()
        counts = self.sheet.counts[:, self.columns]
        return replace(context, counts=counts, sizes=sizes if known else None)

    def by_pattern(self) -> Iterator[Piece]:
        """Yield the series that miss the same periods as pieces of their own."""
        for pattern in missing_patterns(self.values):
            relative = None if self.relative is None else self.relative[:, pattern.series]
            columns = self.columns[pattern.series]
            yield replace(self, columns=columns, observed=pattern.observed, relative=relative)


def fit_context(sheet: Sheet, design: Design, observed: BoolArray) -> FitContext:
    """Return what estimators need beside a design and series with these used periods, (n,) or (S, n)."""
    after = np.arange(design.n_periods) >= design.interruption.start
    told = informing(design.interruptions, np.ones(design.n_periods, dtype=np.bool_))
    n_used = int((observed & told).sum(axis=-1).min())
    first = min(interruption.start for interruption in design.interruptions)
    return FitContext(n_used, after, sheet.plan.per_year, first_start=first)


def _by_series(observed: BoolArray) -> BoolArray:
    """Return used periods so that they stand beside columns (n, S)."""
    return observed[:, None] if observed.ndim == 1 else observed.T


def pieces(sheet: Sheet, entries: Sequence[Estimator], failed: list[NotEstimated]) -> Iterator[Piece]:
    """Yield the series of a sheet that are fitted together; those with too short a segment are written down.

    Series that miss periods which few others miss are one piece for estimators that can fit them so, and a
    piece for each pattern for others.
    """
    least = sheet.plan.min_segment
    bold = [entry for entry in entries if least and ESTIMATORS[entry.name].fits_short_segments]
    parts = [([entry for entry in entries if entry not in bold], None), (bold, least)]
    for group, (some, enough) in product(sheet.groups(), [part for part in parts if part[0]]):
        values = sheet.known_values(group)
        for series, observed, design in _batches(sheet, group, values, some, failed, enough):
            columns = group[series]
            for entry in some:
                kind = ESTIMATORS[entry.name]
                if observed.ndim == 1 or kind.joins_patterns:
                    yield from _by_weight(sheet, columns, observed, design, entry)
                    continue
                for pattern in missing_patterns(values[:, series]):
                    own = columns[pattern.series]
                    yield from _by_weight(sheet, own, pattern.observed, design, entry)


def _batches(
    sheet: Sheet,
    group: NDArray[np.intp],
    values: FloatArray,
    entries: Sequence[Estimator],
    failed: list[NotEstimated],
    least: int | None,
) -> Iterator[tuple[NDArray[np.intp], BoolArray, Design]]:
    """Yield series of a group with their used periods and their design, rare patterns last."""
    designs: dict[Season, Design] = {}
    of_patterns: list[tuple[MissingPattern, Design]] = []
    by_period = any(item.form.by_period for item in sheet.targets[group[0]].interruptions)
    n_used = (~np.isnan(values)).sum(axis=0)
    seasons = {n: sheet.plan.season.resolve(n, sheet.plan.per_year) for n in np.unique(n_used).tolist()}
    for pattern in missing_patterns(values):
        season = seasons[int(n_used[pattern.series[0]])]
        if by_period or season not in designs:
            designs[season] = sheet.design(int(group[pattern.series[0]]), pattern.observed)
        of_patterns.append((pattern, designs[season]))
    kept: list[MissingPattern] = []
    for (pattern, design), short in zip(of_patterns, _short(of_patterns, least), strict=True):
        if short:
            try:
                require_segments(design.interruptions, pattern.observed & design.usable, least)
            except NotEstimableError as error:
                for entry in entries:
                    failed += not_estimated(sheet, group[pattern.series], entry.label, error, design)
        elif by_period:
            # each has terms for the periods that it has
            yield pattern.series, pattern.observed, design
        else:
            kept.append(pattern)
    common, rare = rare_patterns(kept)
    for pattern in common:
        yield pattern.series, pattern.observed, designs[seasons[pattern.n_used]]
    yield from _joined(values, rare, seasons, designs)


def _joined(
    values: FloatArray, rare: NDArray[np.intp], seasons: dict[int, Season], designs: dict[Season, Design]
) -> Iterator[tuple[NDArray[np.intp], BoolArray, Design]]:
    """Yield series with rare patterns that have season and order in common; alone who lacks for contrasts."""
    joined: dict[tuple[Season, int, int], list[int]] = {}
    observed = ~np.isnan(values[:, rare]).T
    with_effects = {season: _has_effects(design, observed) for season, design in designs.items()}
    for place, (series, n) in enumerate(zip(rare.tolist(), observed.sum(axis=1).tolist(), strict=True)):
        season = seasons[n]
        alone = -1 if with_effects[season][place] and n >= DESCRIPTIVE_BELOW else series
        joined.setdefault((season, autoregressive_order("auto", n), alone), []).append(series)
    for (season, _, alone), together in joined.items():
        columns = np.array(together, dtype=np.intp)
        used = ~np.isnan(values[:, columns]).T
        yield columns, used if alone < 0 else used[0], designs[season]


def _short(patterns: Sequence[tuple[MissingPattern, Design]], least: int | None) -> BoolArray:
    """Return which patterns have too short a segment of their design, shape (patterns,)."""
    short = np.zeros(len(patterns), dtype=np.bool_)
    by_design: dict[int, list[int]] = {}
    for place, (_, design) in enumerate(patterns):
        by_design.setdefault(id(design), []).append(place)
    for places in by_design.values():
        design = patterns[places[0]][1]
        used = np.array([patterns[place][0].observed for place in places]) & design.usable
        short[places] = short_segments(design.interruptions, used, least)
    return short


def _has_effects(design: Design, used: BoolArray) -> BoolArray:
    """Return of which series (S, n) every interruption has a period over which its effect is averaged."""
    numbers = range(len(design.interruptions))
    return np.asarray(
        np.stack([used[:, design.effect_periods(number)].any(axis=1) for number in numbers]).all(axis=0)
    )


def _by_weight(
    sheet: Sheet, columns: NDArray[np.intp], observed: BoolArray, design: Design, entry: Estimator
) -> Iterator[Piece]:
    """Yield weighted series apart from those without sampling variances."""
    kind = ESTIMATORS[entry.name]
    weighted = np.zeros(len(columns), dtype=np.bool_)
    if kind.weighs:
        unknown = np.isnan(sheet.sampling[:, columns]) & _by_series(observed)
        weighted = np.asarray(~unknown.any(axis=0))
    plain = ~weighted
    if plain.any():
        used = observed if observed.ndim == 1 else observed[plain]
        yield Piece(sheet, columns[plain], used, design, entry, kind, None)
    if weighted.any():
        own = columns[weighted]
        used = observed if observed.ndim == 1 else observed[weighted]
        relative = sheet.sampling[:, own]
        if not kind.models_sampling:
            values = sheet.values[:, own]
            relative = relative_variance(
                design.matrix, values, relative, _by_series(used) & ~np.isnan(values)
            )
        yield Piece(sheet, own, used, design, entry, kind, relative)


def not_estimated(
    sheet: Sheet,
    columns: Iterable[int],
    label: str,
    error: NotEstimableError,
    design: Design | None = None,
) -> list[NotEstimated]:
    """Return a row for each series that an expected error stopped, in terms that a reader knows."""
    message = str(error)
    if isinstance(error, SingularDesignError) and error.terms and design is not None:
        names = ", ".join(design.terms[column] for column in error.terms)
        message = f"{names} cannot be told apart from the other terms over the {error.n_used} usable periods"
    outcome = sheet.plan.outcome.name
    return [
        NotEstimated(outcome, sheet.units[column], sheet.comparison, label, error.reason, message)
        for column in columns
    ]
