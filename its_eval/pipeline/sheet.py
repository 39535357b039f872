"""Series of one outcome and comparison, ready to be fitted: differences, covariates, sampling variances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from its_eval.config.outcomes import strata_of_gap
from its_eval.design.matrix import Design, informing
from its_eval.design.peer_mean import gap_to, peer_mean, peer_means
from its_eval.estimators.fit import BoolArray, FloatArray
from its_eval.estimators.weights import binomial_variance
from its_eval.pipeline.plan import Others
from its_eval.scales import SCALES, Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.plan import OutcomePlan, Target


#: A covariate whose difference from the peers is no larger than this share of itself is the same for all: the
#: mean of equal numbers is theirs up to rounding only.
ROUNDING = 1e-10


class NotEstimated(Struct, frozen=True):
    """A series without an estimate.

    Attributes
    ----------
    outcome, unit, design, estimator : str
        Which; `estimator` is blank when no estimator was reached.
    reason : str
        A fixed word.
    message : str
        One sentence.
    """

    outcome: str
    unit: str
    design: str
    estimator: str
    reason: str
    message: str


class Sheet(Struct, frozen=True, dict=True):
    """Series of one outcome and comparison, on the scale that is fitted: S columns.

    Attributes
    ----------
    plan : OutcomePlan
        The outcome: its calendar, season and masks.
    comparison : str
        Name of the comparison that made the series.
    targets : tuple of Target
        Unit, interruptions and peers of each series.
    values : ndarray, shape (n, S)
        What is fitted; NaN where missing or not used.
    observed : ndarray, shape (n, S)
        The same before unused periods were taken out.
    unit_values, peer_means, denominators : ndarray, shape (n, S)
        What it was made of, on the fitted scale (denominators as they are); peer means NaN without peers.
    sampling : ndarray, shape (n, S)
        Sampling variance of percentages with denominators; NaN where it is not known.
    counts : ndarray, shape (n, S)
        Numerators, for count and binomial families.
    own_level : bool
        The series are units' own levels; otherwise differences from the mean of their peers.
    covariates : tuple of ndarray, shape (n, q), or None
        Of each series; empty without covariates.
    covariate_names : tuple of tuple of str
        Of each series; empty without covariates.
    mixtures : tuple of dict of str to float
        Of each series the weights of its donors; empty where none are estimated.
    period_weights, prediction_errors : ndarray, shape (n, S), or None
        What each period before the start counts in the level of a gap, and how far each was from what a
        mixture predicts; NaN elsewhere. None where all count alike, and where the errors are the gaps.
    """

    plan: OutcomePlan
    comparison: str
    targets: tuple[Target, ...]
    values: FloatArray
    observed: FloatArray
    unit_values: FloatArray
    peer_means: FloatArray
    denominators: FloatArray
    sampling: FloatArray
    counts: FloatArray
    own_level: bool = True
    covariates: tuple[FloatArray | None, ...] = ()
    covariate_names: tuple[tuple[str, ...], ...] = ()
    mixtures: tuple[dict[str, float], ...] = ()
    period_weights: FloatArray | None = None
    prediction_errors: FloatArray | None = None

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The unit of each series."""
        return tuple(target.unit for target in self.targets)

    @property
    def scale(self) -> Scale:
        """Scale of the values."""
        return SCALES[self.plan.outcome.transform]

    def groups(self) -> list[NDArray[np.intp]]:
        """Return the series that share a design: the same interruptions and no covariates of their own."""
        if any(item is not None for item in self.covariates):
            places: dict[object, list[int]] = {}
            for column, target in enumerate(self.targets):
                own = column if self.covariates[column] is not None else -1
                places.setdefault((target.interruptions, own), []).append(column)
            return [np.array(columns, dtype=np.intp) for columns in places.values()]
        # series to which the same happened mostly share one object: few are compared part by part
        by_object: dict[int, list[int]] = {}
        for column, target in enumerate(self.targets):
            by_object.setdefault(id(target.interruptions), []).append(column)
        alike: dict[tuple[Interruption, ...], list[int]] = {}
        for columns in by_object.values():
            alike.setdefault(self.targets[columns[0]].interruptions, []).extend(columns)
        return [np.array(sorted(columns), dtype=np.intp) for columns in alike.values()]

    def known_values(self, columns: NDArray[np.intp]) -> FloatArray:
        """Return the values of series that share a design, missing also where a covariate is."""
        values = self.values[:, columns]
        covariates = self.covariates[columns[0]] if self.covariates else None
        if covariates is None:
            return values
        unknown = np.asarray(np.isnan(covariates).any(axis=1))
        return np.where(unknown[:, None], np.nan, values)

    def design(self, column: int, observed: BoolArray) -> Design:
        """Build the design of a series with a value in some periods.

        Only ``auto`` seasonality depends on how many they are, and a shape of single periods on which.
        """
        plan, interruptions = self.plan, self.targets[column].interruptions
        return plan.design(
            interruptions,
            plan.season.resolve(int(informing(interruptions, observed).sum()), plan.per_year),
            self.covariates[column] if self.covariates else None,
            self.covariate_names[column] if self.covariates else (),
            observed,
        )

    def weights(self, columns: NDArray[np.intp], observed: BoolArray) -> FloatArray | None:
        """Return what the effect of each period counts in a cumulative effect, shape (S, n).

        A percentage without all its denominators has none, nor has a rate that is per nobody knows how many:
        NaN throughout; None where no series has any.
        """
        outcome = self.plan.outcome
        sizes = self.denominators[:, columns].T
        known = np.asarray(~(np.isnan(sizes) & observed).any(axis=1))[:, None]
        if outcome.kind == "percentage":
            return np.where(known, sizes / 100.0, np.nan) if known.any() else None
        if outcome.kind == "count":
            return np.where(known, sizes / (outcome.per or 1.0), 1.0)
        if outcome.kind == "rate":
            # a sum of rates is of nothing: events are
            if outcome.per is None or not known.any():
                return None
            return np.where(known, sizes / outcome.per, np.nan)
        return np.ones_like(sizes)

    def family_counts(self, columns: NDArray[np.intp], observed: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return counts, and exposure or trials (1 for all where one is missing), each of shape (S, n)."""
        per = self.plan.outcome.per if self.plan.outcome.kind == "count" else None
        sizes = self.denominators[:, columns].T / (per or 1.0)
        known = not np.isnan(sizes[:, observed]).any()
        return self.counts[:, columns].T, sizes if known else np.ones_like(sizes)

    def take(self, columns: NDArray[np.intp], targets: Sequence[Target]) -> Sheet:
        """Return some series with other targets, each column as often as it is named."""
        arrays = ("values", "observed", "unit_values", "peer_means", "denominators", "sampling", "counts")
        own = self.covariates
        return replace(
            self,
            targets=tuple(targets),
            **{name: getattr(self, name)[:, columns] for name in arrays},
            covariates=tuple(own[column] for column in columns) if own else (),
            covariate_names=tuple(self.covariate_names[column] for column in columns) if own else (),
        )

    def until(self, end: int) -> Sheet:
        """Return the periods before one, with the interruptions as they are."""
        arrays = ("values", "observed", "unit_values", "peer_means", "denominators", "sampling", "counts")
        return replace(
            self,
            plan=self.plan.windowed(0, end),
            **{name: getattr(self, name)[:end] for name in arrays},
            covariates=tuple(None if item is None else item[:end] for item in self.covariates),
        )

    def mean(self, target: Target, values: FloatArray, sampling: FloatArray) -> Sheet:
        """Return one series in the place of several, such as their mean.

        Parameters
        ----------
        target : Target
            What it is called, and what interrupts it.
        values, sampling : ndarray, shape (n,)
            The series with its sampling variance.
        """
        column = values[:, None]
        blank = np.full_like(column, np.nan)
        return replace(
            self,
            targets=(target,),
            values=column,
            observed=column,
            unit_values=column,
            peer_means=blank,
            denominators=blank,
            sampling=sampling[:, None],
            counts=blank,
            covariates=(),
            covariate_names=(),
        )


def make_sheet(
    plan: OutcomePlan, targets: Sequence[Target], comparison: str, *, subtract: bool = False
) -> Sheet:
    """Make the series of targets that have what they need.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    targets : sequence of Target
        Units with their peers; units without peers are taken alone.
    comparison : str
        What the series are called.
    subtract : bool
        Whether the mean of the peers is taken off.
    """
    panel = plan.panel
    scaled = plan.scaled
    columns = panel.columns([target.unit for target in targets])
    usable = _usable(plan, targets)
    own = scaled[:, columns]
    means = _peer_means(plan, targets, scaled, usable)
    observed = gap_to(own, means, usable, logarithms=plan.outcome.transform != "none") if subtract else own
    sheet = Sheet(
        plan,
        comparison,
        tuple(targets),
        np.where(usable, observed, np.nan),
        observed,
        own,
        means,
        panel.denominators[:, columns],
        sampling_variances(plan, targets),
        panel.counts[:, columns],
        own_level=not subtract,
    )
    if not plan.covariates:
        return sheet
    found = [comparative_covariates(plan, target, usable[:, place]) for place, target in enumerate(targets)]
    return replace(
        sheet,
        covariates=tuple(values for values, _ in found),
        covariate_names=tuple(names for _, names in found),
    )


def _usable(plan: OutcomePlan, targets: Sequence[Target]) -> BoolArray:
    """Return the periods that may enter the fit of each target, shape (n, S)."""
    by_object: dict[int, BoolArray] = {}
    for target in targets:
        if id(target.interruptions) not in by_object:
            by_object[id(target.interruptions)] = plan.usable(target.interruptions)
    if not targets:
        return np.empty((plan.panel.n_periods, 0), dtype=np.bool_)
    if len(by_object) == 1:
        (usable,) = by_object.values()
        return np.broadcast_to(usable[:, None], (len(usable), len(targets)))
    return np.column_stack([by_object[id(target.interruptions)] for target in targets])


#: Values of peers with gaps that are worked on at once.
PEER_NUMBERS = 2_000_000


def _peer_means(
    plan: OutcomePlan, targets: Sequence[Target], scaled: FloatArray, usable: BoolArray
) -> FloatArray:
    """Return the mean of each target's peers, shape (n, S): at once where no peer misses anything."""
    panel, means = plan.panel, np.full((scaled.shape[0], len(targets)), np.nan)
    complete = np.asarray(~np.isnan(scaled).any(axis=0))
    by_count: dict[tuple[int, bool], list[int]] = {}
    for pool, positions in _by_pool(targets):
        columns = panel.columns(pool)
        if not complete[columns].all():
            by_count.setdefault((len(pool) - 1, False), []).extend(positions)
            continue
        own = scaled[:, panel.columns([targets[position].unit for position in positions])]
        means[:, positions] = (scaled[:, columns].sum(axis=1)[:, None] - own) / (len(pool) - 1)
    for position, target in enumerate(targets):
        if target.peers and not isinstance(target.peers, Others):
            whole = bool(complete[panel.columns(target.peers)].all())
            by_count.setdefault((len(target.peers), whole), []).append(position)
    for (count, whole), positions in by_count.items():
        step = max(1, PEER_NUMBERS // (count * len(scaled)))
        for start in range(0, len(positions), step):
            some = positions[start : start + step]
            every = scaled[:, np.array([panel.columns(targets[position].peers) for position in some])]
            if whole:
                means[:, some] = every.mean(axis=2)
            else:
                means[:, some] = peer_means(np.moveaxis(every, 1, 0), usable[:, some].T).T
    return means


def _by_pool(targets: Sequence[Target]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Yield pools with the places of the targets that are compared with everybody else in them."""
    pools: dict[int, tuple[tuple[str, ...], list[int]]] = {}
    for position, target in enumerate(targets):
        if target.peers and isinstance(target.peers, Others):
            pools.setdefault(id(target.peers.pool), (target.peers.pool, []))[1].append(position)
    yield from pools.values()


def comparative_covariates(
    plan: OutcomePlan, target: Target, usable: BoolArray, mixture: FloatArray | None = None
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Return the covariates of a target, those of a difference minus the mean of its peers'.

    One that all units share cancels in a difference and is left out.

    Parameters
    ----------
    plan, target : OutcomePlan, Target
        The outcome, and the unit with its peers.
    usable : ndarray of bool, shape (n,)
        Periods that may enter a fit.
    mixture : ndarray, shape (peers,), optional
        Weights of the peers instead of their mean.

    Returns
    -------
    covariates : ndarray, shape (n, q), or None
    names : tuple of str
    """
    panel = plan.panel
    columns, names = [], []
    for name, values in plan.covariates.items():
        own = values[:, panel.column(target.unit)]
        if target.peers:
            size = np.nanmax(np.abs(own), initial=0.0)
            others = values[:, panel.columns(target.peers)]
            own = own - (peer_mean(others, usable) if mixture is None else others @ mixture)
            if np.nanmax(np.abs(own), initial=0.0) <= ROUNDING * size:
                continue
        columns.append(own)
        names.append(name)
    return (np.column_stack(columns) if columns else None), tuple(names)


def sampling_variances(plan: OutcomePlan, targets: Sequence[Target]) -> FloatArray:
    """Return the sampling variance of units, or of their differences from the mean of their peers.

    ``b_T + k_t^-2 sum_j b_j`` over the k_t peers observed at t (methods §11.4), on the logit scale by the
    delta method. That of a gap is the sum of those of its two strata, which are of different people.

    Parameters
    ----------
    plan : OutcomePlan
        The outcome.
    targets : sequence of Target
        Units and their peers.

    Returns
    -------
    ndarray, shape (n, S)
        NaN where a value or a denominator is missing, and throughout for anything but a percentage on its
        own or the logit scale.
    """
    panel = plan.panel
    parts = zip(strata_of_gap(plan.outcome), panel.parts, strict=True)
    of_strata = [
        sampling_variances(replace(plan, outcome=stratum, panel=part), targets) for stratum, part in parts
    ]
    if of_strata:
        return np.asarray(np.sum(of_strata, axis=0))
    variances = np.full((panel.n_periods, len(targets)), np.nan)
    if not plan.weighted or plan.outcome.kind != "percentage" or np.isnan(panel.denominators).all():
        return variances
    groups: dict[tuple[Interruption, ...], list[int]] = {}
    for place, target in enumerate(targets):
        groups.setdefault(target.interruptions, []).append(place)
    for places in groups.values():
        some = [targets[place] for place in places]
        variances[:, places] = _variances_of_alike(plan, some)
    return variances


def has_sampling_variances(plan: OutcomePlan) -> bool:
    """Return whether any value of an outcome has a sampling variance by which it is weighted."""
    outcome = plan.outcome
    if not plan.weighted or outcome.kind != "percentage":
        return False
    panels = plan.panel.parts or (plan.panel,)
    known = any(not np.isnan(panel.denominators).all() for panel in panels)
    return known and SCALES[outcome.transform].sampling(np.ones(1), np.ones(1)) is not None


def _variances_of_alike(plan: OutcomePlan, targets: Sequence[Target]) -> FloatArray:
    """Return the sampling variances of targets with the same interruptions, shape (n, S)."""
    panel = plan.panel
    interruptions = targets[0].interruptions
    usable = plan.usable(interruptions)
    season = plan.season.resolve(int(usable.sum()), plan.per_year)
    # a shape of single periods would make each later one its own mean, which is low by chance
    interruptions = tuple(replace(item, shape=item.form.as_line) for item in interruptions)
    design = plan.design(interruptions, season)
    # each unit once, however many others have it as a peer
    pools = list(_by_pool(targets))
    listed = [() if isinstance(target.peers, Others) else target.peers for target in targets]
    codes = (code for target, peers in zip(targets, listed, strict=True) for code in (target.unit, *peers))
    units = list(dict.fromkeys([*codes, *(code for pool, _ in pools for code in pool)]))
    place = {code: number for number, code in enumerate(units)}
    columns = panel.columns(units)
    values, sizes = panel.values[:, columns], panel.denominators[:, columns]
    variance = binomial_variance(design.matrix, np.where(usable[:, None], values, np.nan), sizes)
    on_scale = SCALES[plan.outcome.transform].sampling(variance, sizes)
    if on_scale is None:
        return np.full((panel.n_periods, len(targets)), np.nan)
    own = on_scale[:, [place[target.unit] for target in targets]]
    if not any(target.peers for target in targets):
        return own
    from scipy import sparse  # noqa: PLC0415  (start-up time)

    pairs = [(place[peer], number) for number, peers in enumerate(listed) for peer in peers]
    peer, whose = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    belongs = sparse.csr_array((np.ones(len(pairs)), (peer, whose)), (len(units), len(targets)))
    every_own = np.array([place[target.unit] for target in targets])

    def over_peers(numbers: FloatArray) -> FloatArray:
        """Return sums over the peers of each target, shape (n, S), of numbers of units."""
        sums = np.asarray(numbers @ belongs)
        for pool, positions in pools:
            whole = numbers[:, [place[peer] for peer in pool]].sum(axis=1)
            sums[:, positions] = whole[:, None] - numbers[:, every_own[positions]]
        return sums

    unknown = np.isnan(on_scale)
    count = over_peers((~unknown).astype(np.float64))
    lacking = over_peers((unknown & ~np.isnan(values)).astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_peers = over_peers(np.nan_to_num(on_scale)) / count**2
    together = np.where((lacking == 0) & (count > 0), own + of_peers, np.nan)
    alone = np.array([not target.peers for target in targets])
    return np.where(alone, own, together)
