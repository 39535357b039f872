"""Making the plan: windows, covariates, strata and peers of every outcome, and all faults that stop a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from its_eval.columns import EVENT_OUTSIDE, START_OUTSIDE
from its_eval.config.outcomes import (
    control_outcomes,
    evaluated_outcomes,
    least_denominator,
    source_names,
    strata_of_gap,
)
from its_eval.data.faults import Finding, shorten
from its_eval.data.load import strata_hint
from its_eval.data.panel import Panel, build_panel, outcome_values, require_filled, window
from its_eval.data.successions import size_changes
from its_eval.data.tables import nearest
from its_eval.data.validate import ALL_PERIODS, concerns_run, missing_findings, row_findings
from its_eval.design.matrix import usable_periods
from its_eval.errors import ConfigError, DataError
from its_eval.pipeline.covariates import covariate_findings, covariate_values
from its_eval.pipeline.notes import config_findings, plan_notes, unknown_names
from its_eval.pipeline.peer_choice import PeerChoice, choose_peers, donor_pool
from its_eval.pipeline.plan import (
    OutcomePlan,
    Plan,
    Treatment,
    interruptions_of,
    masked_periods,
    season_of,
    starts_outside,
    treatment_of,
    unit_masked_periods,
)
from its_eval.scales import SCALES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from its_eval.config import Config, Outcome
    from its_eval.data.load import IndicatorRows
    from its_eval.design.matrix import Interruption
    from its_eval.pipeline.sources import Sources


def outcome_window(
    rows: IndicatorRows, outcome: Outcome, treated: tuple[str, ...], bounds: tuple[int | None, int | None]
) -> tuple[int, int]:
    """Return first and last ordinal of an outcome; of a gap where both of its strata have data.

    Raises
    ------
    ValueError
        As `window` and `require_filled` of its_eval.data.panel, and when the strata have no period in common.
    """
    spans = [window(rows, part, treated, bounds) for part in strata_of_gap(outcome) or (outcome,)]
    first, last = max(span[0] for span in spans), min(span[1] for span in spans)
    if first > last:
        shown = [" to ".join(rows.calendar.format(end) for end in span) for span in spans]
        raise ValueError(f"its strata have no period in common: {' and '.join(shown)}")
    for part in strata_of_gap(outcome) or (outcome,):
        frame = rows.frame[rows.frame["indicator"].eq(part.indicator).to_numpy()]
        known = ~np.isnan(outcome_values(replace(rows, frame=frame), part))
        require_filled(frame.loc[known, "period"].to_numpy(dtype=np.int64), (first, last), rows.calendar)
    return first, last


def outcome_panel(
    rows: IndicatorRows, outcome: Outcome, span: tuple[int, int], min_denominator: float | None
) -> Panel:
    """Return the panel of an outcome; `min_denominator` is that of all data, and strata have one besides."""
    parts = [
        build_panel(rows, part, span, least_denominator(part, min_denominator))
        for part in strata_of_gap(outcome)
    ]
    if parts:
        return gap_panel(outcome, parts[0], parts[1])
    return build_panel(rows, outcome, span, least_denominator(outcome, min_denominator))


def on_rows(config: Config, rows: IndicatorRows, plan: OutcomePlan) -> OutcomePlan:
    """Return a plan with the same units and peers on other rows of the same series."""
    span = (plan.panel.start, plan.panel.start + plan.panel.n_periods - 1)
    panel = outcome_panel(rows, plan.outcome, span, config.data.min_denominator)
    # another outcome may lack a unit
    masks = {unit: list(periods) for unit, periods in plan.unit_masks.items() if unit in panel.places}
    return replace(plan, panel=panel.without(masks))


def gap_panel(outcome: Outcome, first: Panel, second: Panel) -> Panel:
    """Return the gap between two strata, the first minus the second on the scale of the fit.

    Parameters
    ----------
    outcome : Outcome
        The gap.
    first, second : Panel
        Panels of its strata on one window.

    Returns
    -------
    Panel
        For the units that have both strata. A difference where the strata are modelled as they are, in their
        unit; a ratio where they are modelled by logarithms (of values, or of odds), so that its logarithm is
        the difference on that scale. It has no denominators: its sampling variance is the sum of those of its
        `parts`. A value is suppressed where either stratum's is.
    """
    units = tuple(unit for unit in first.units if unit in second.places)
    columns = [[panel.column(unit) for unit in units] for panel in (first, second)]
    one, other = (_only(panel, units, own) for panel, own in zip((first, second), columns, strict=True))
    transform = strata_of_gap(outcome)[0].transform
    linked = [SCALES[transform].to(panel.values, panel.denominators) for panel in (one, other)]
    difference = linked[0] - linked[1]
    nothing = np.full(difference.shape, np.nan)
    return Panel(
        outcome.name,
        first.calendar,
        first.start,
        units,
        difference if transform == "none" else np.exp(difference),
        nothing,
        nothing,
        one.small_denominator | other.small_denominator,
        (one, other),
    )


def _only(panel: Panel, units: tuple[str, ...], columns: list[int]) -> Panel:
    return replace(
        panel,
        units=units,
        values=panel.values[:, columns],
        denominators=panel.denominators[:, columns],
        counts=panel.counts[:, columns],
        small_denominator=panel.small_denominator[:, columns],
    )


def make_plan(config: Config, sources: Sources) -> Plan:
    """Plan every outcome, collecting the faults of all of them.

    Raises
    ------
    DataError
        When rows that the run uses are faulty, a treated unit is nowhere in the data, or the interruption
        lies outside the window.
    """
    treatment = treatment_of(config, sources.rows)
    problems = [*_unknown_units(config, sources, treatment), *_unknown_columns(config, sources)]
    outcomes: list[OutcomePlan] = []
    absent: list[Outcome] = []
    findings: list[Finding] = list(sources.rows.findings)
    indicators = set(sources.rows.frame["indicator"].unique())
    for outcome in evaluated_outcomes(config.outcomes):
        if not indicators.issuperset(source_names(outcome)):
            # what a gap lacks has been said of its strata
            if not strata_of_gap(outcome):
                hint = strata_hint(sources.rows, outcome.indicator)
                hint = hint or nearest(outcome.indicator, sorted(indicators))
                problems.append(f"outcome {outcome.indicator!r}: the data have no such indicator; {hint}")
            continue
        if not _has_treated(sources, outcome, treatment):
            absent.append(outcome)
            continue
        try:
            plan = _plan_outcome(config, sources, outcome, treatment)
        except DataError as error:
            problems += error.problems
            continue
        outcomes.append(plan)
        findings += plan.findings
    if not outcomes:
        problems += [f"outcome {item.indicator!r}: no treated unit has data for it" for item in absent]
    if problems:
        raise DataError(
            shorten(list(dict.fromkeys(problems))), "its-eval validate shows all faults of config and data"
        )
    of_config = list(config_findings(config, sources, outcomes))
    nowhere = {item.value for item in of_config if item.check == EVENT_OUTSIDE}
    findings = [item for item in findings if item.check != EVENT_OUTSIDE or item.value not in nowhere]
    findings += of_config
    notes = [*unknown_names(config, sources), *(item.message for item in of_config)]
    notes += plan_notes(config, outcomes, sources.units, findings)
    notes += [f"{item.label}: no treated unit has data for it, so nothing is estimated." for item in absent]
    names = tuple(item.name for item in absent)
    return Plan(tuple(outcomes), names, tuple(findings), tuple(notes), treatment.units)


#: Treated units beyond which a config has to say how much it wants of each.
MOST_WITHOUT_DETAIL = 500


def require_detail(config: Config, plan: Plan) -> None:
    """Refuse very many treated units where nobody has said how much is wanted of each.

    Raises
    ------
    ConfigError
        With the two lines to write.
    """
    count = len(plan.treated)
    if count <= MOST_WITHOUT_DETAIL or "detail" in config.output.model_fields_set:
        return
    what = (
        f"output.detail: not named, with {count:,} treated units; expected it named for more than "
        f"{MOST_WITHOUT_DETAIL}: every unit in full takes hours and gigabytes"
    )
    hint = "write these two lines (or `detail: full`, for checks, figures and report of every unit):"
    raise ConfigError([what], f"{hint}\noutput:\n  detail: estimates")


def _has_treated(sources: Sources, outcome: Outcome, treatment: Treatment) -> bool:
    """Return whether any treated unit has a row of the outcome; for a gap, of both strata."""
    frame = sources.rows.frame
    there = set(frame.loc[frame["unit"].isin(treatment.units), "indicator"].unique())
    return there.issuperset(source_names(outcome))


def _unknown_units(config: Config, sources: Sources, treatment: Treatment) -> list[str]:
    known = set(sources.rows.frame["unit"].unique())

    def instead(unit: str) -> str:
        heir = sources.lifetimes.successors.get(unit) if config.data.successions else None
        return nearest(unit, sorted(known)) if heir is None else f"data.successions counts it as {heir}"

    problems = [
        f"treated unit {unit!r} is not in the indicator data; {instead(unit)}"
        for unit in treatment.units
        if unit not in known
    ]
    if config.peers is not None:
        listed = {peer for peers in config.peers.given.values() for peer in peers}
        problems += [
            f"peers.given names {peer!r}, which is not in the indicator data; {instead(peer)}"
            for peer in sorted(listed - known)
        ]
    return problems


def _unknown_columns(config: Config, sources: Sources) -> list[str]:
    """Return a problem for each column of ``peers.within`` that the units table does not have."""
    wanted = config.peers.within if config.peers is not None else ()
    return [
        f"peers.within: the units table has no column {name!r}; "
        f"{nearest(name.removeprefix('units.'), sources.units.columns)}"
        for name in wanted
        if sources.units.column(name) is None
    ]


def _plan_outcome(config: Config, sources: Sources, outcome: Outcome, treatment: Treatment) -> OutcomePlan:
    rows = sources.rows
    treated = set(treatment.units)
    own = row_findings(rows, outcome)
    series = source_names(outcome)
    # the rows of a gap are those of its strata, and their faults are listed there
    of_strata = [item for part in strata_of_gap(outcome) for item in row_findings(rows, part)]
    found = [item for item in (*rows.findings, *own, *of_strata) if item.indicator in series]
    bounds = outcome.bounds(config.data.calendar)
    try:
        span = outcome_window(rows, outcome, treatment.units, _seen(sources, outcome, bounds))
    except ValueError as error:
        concerned = [item for item in found if concerns_run(item, treated, ALL_PERIODS, item.indicator)]
        messages = [item.message for item in concerned if item.severity == "error"]
        raise DataError([*messages, f"outcome {outcome.indicator!r}: {error}"]) from None
    panel = outcome_panel(rows, outcome, span, config.data.min_denominator)
    span_text = (panel.calendar.format(span[0]), panel.calendar.format(span[1]))
    problems: list[str] = []
    outside: dict[str, str] = {}
    try:
        outside = starts_outside(outcome, panel, treatment, before_alone=sources.cut != "nobody")
    except DataError as error:
        problems += error.problems
    treatment = treatment.without(outside)
    treated = set(treatment.units)
    interruptions, unfitted = interruptions_of(config, outcome, panel, treatment)
    masked, reasons = masked_periods(config, outcome, panel)
    unit_masks = unit_masked_periods(config, outcome, panel)
    usable = _usable(panel, interruptions, masked, before_alone=sources.cut != "nobody")
    unused_of = {id(periods): set(np.flatnonzero(~periods).tolist()) for periods in usable.values()}
    gaps = missing_findings(
        panel,
        outcome,
        donor_pool(config, sources, treatment) | treated,
        gaps_are_errors=config.missing_of(outcome) == "error",
        treated=treatment.units,
        unused={unit: unused_of[id(usable[unit])].union(unit_masks.get(unit, ())) for unit in panel.units},
    )
    if config.data.successions:
        eligible = donor_pool(config, sources, treatment) | treated
        own += [item for part in panel.parts or (panel,) for item in size_changes(part, eligible)]
    problems += _control_faults(config, rows, outcome, treated)
    covariates: dict[str, NDArray[np.float64]] = {}
    try:
        covariates = covariate_values(rows, outcome, panel)
    except DataError as error:
        problems += error.problems
    own += covariate_findings(panel, outcome, covariates, treatment.units)
    panel = panel.without({unit: list(periods) for unit, periods in unit_masks.items()})
    used_units = treated
    chosen = PeerChoice()
    if not problems:
        starts = {unit: found[0] for unit, found in interruptions.items()}
        chosen = choose_peers(config, sources, outcome, panel, treatment, starts, masked)
        used_units = treated | {peer for peers in chosen.peer_sets.values() for peer in peers.peers}
    faults = [
        item.message
        for item in found
        if item.severity == "error"
        and concerns_run(item, used_units, span_text, item.indicator)
        and not _is_masked(item, panel, usable, unit_masks)
    ]
    faults += [item.message for item in gaps if item.severity == "error"]
    if faults or problems:
        raise DataError([*faults, *problems])
    return OutcomePlan(
        outcome,
        treatment.units,
        panel,
        interruptions,
        season_of(outcome.seasonality, config.data.frequency),
        masked,
        reasons,
        unit_masks,
        chosen.peer_sets,
        chosen.missing,
        (*own, *gaps, *_unfitted_events(outcome, unfitted), *_outside(outcome, outside)),
        covariates,
        chosen.donors,
        complete_only=config.missing_of(outcome) == "drop_unit",
        trend=outcome.trend,
        min_segment=config.min_segment,
        outside=outside,
    )


def _usable(
    panel: Panel,
    interruptions: Mapping[str, tuple[Interruption, ...]],
    masked: NDArray[np.bool_],
    *,
    before_alone: bool,
) -> dict[str, NDArray[np.bool_]]:
    """Return the periods of each unit that may enter a fit; alike ones share an array."""
    made: dict[tuple[Interruption, ...], NDArray[np.bool_]] = {}
    for found in {interruptions.get(unit, ()) for unit in panel.units}:
        made[found] = usable_periods(panel.n_periods, found, masked)
        if before_alone and found:
            made[found] = made[found] & (np.arange(panel.n_periods) < found[0].start)
    return {unit: made[interruptions.get(unit, ())] for unit in panel.units}


def _seen(
    sources: Sources, outcome: Outcome, bounds: tuple[int | None, int | None]
) -> tuple[int | None, int | None]:
    """Return the bounds of a window, of rows that are cut at the start no later than there are any."""
    if sources.cut == "nobody":
        return bounds
    frame = sources.rows.frame
    last = int(frame.loc[frame["indicator"].isin(source_names(outcome)), "period"].max())
    return bounds[0], last if bounds[1] is None else min(last, bounds[1])


def _control_faults(
    config: Config, rows: IndicatorRows, outcome: Outcome, treated: Collection[str]
) -> Iterator[str]:
    """Yield what is wrong with the control outcomes of an outcome."""
    known = sorted(rows.frame["indicator"].unique())
    for control in control_outcomes(outcome, config.outcomes):
        if control.indicator not in known:
            what = f"outcome {outcome.indicator!r}: the data have no control outcome {control.indicator!r}"
            yield f"{what}; {nearest(control.indicator, known)}"
            continue
        for item in row_findings(rows, control):
            if item.severity == "error" and concerns_run(item, treated, ALL_PERIODS, item.indicator):
                yield item.message


def _unfitted_events(outcome: Outcome, names: tuple[str, ...]) -> list[Finding]:
    return [
        Finding(
            outcome.indicator,
            "",
            EVENT_OUTSIDE,
            "",
            name,
            "info",
            f"{outcome.indicator}: the event {name!r} lies outside the window and is not fitted",
        )
        for name in names
    ]


def _outside(outcome: Outcome, units: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(
            outcome.indicator, unit, START_OUTSIDE, "", "", "warning", f"{outcome.indicator}, {unit}: {said}"
        )
        for unit, said in units.items()
    ]


def _is_masked(
    item: Finding,
    panel: Panel,
    usable: Mapping[str, NDArray[np.bool_]],
    unit_masks: Mapping[str, Mapping[int, str]],
) -> bool:
    """Return whether a finding stands in a period of the window that is not used."""
    if not item.period:
        return False
    if item.unit not in usable:
        # one stratum only: no part of the gap
        return True
    index = panel.index_of(panel.calendar.parse(item.period))
    return not usable[item.unit][index] or index in unit_masks.get(item.unit, {})
