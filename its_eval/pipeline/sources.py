"""Everything a run reads, loaded once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from msgspec import Struct, field
from msgspec.structs import replace

from its_eval.config.data import NHS
from its_eval.config.outcomes import control_outcomes, evaluated_outcomes
from its_eval.data.attributes import Units, load_characteristics, load_units
from its_eval.data.disclosure import Protection
from its_eval.data.faults import NO_PERIOD, Faults
from its_eval.data.load import IndicatorRows, by_stratum, load_indicators
from its_eval.data.successions import combine_changes, last_heirs, load_changes
from its_eval.data.successors import COVARIATE, Lifetimes, combine_successors, lifetimes_of
from its_eval.data.tables import read_table
from its_eval.errors import DataError
from its_eval.peers.recipes import PRESETS, recipe_for
from its_eval.peers.scaling import scale_characteristics
from its_eval.provenance import PROGRAM, program_version

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.data.frames import Read
    from its_eval.data.successions import Change
    from its_eval.peers.distance import Scaled
    from its_eval.pipeline.workshops import Workshops


#: Whose values from the start on are left out: nobody's, those of treated units, or everybody's.
Cut = Literal["nobody", "treated", "everyone"]


class Disclosed(Struct, frozen=True):
    """Rows that stand behind protected ones.

    Attributes
    ----------
    true : IndicatorRows or None
        Unprotected, where estimates are made of them.
    missing : IndicatorRows
        Protected, and without a value where a count is not shown.
    taken : mapping of str to IndicatorRows
        Protected, by what the counts that are not shown are taken as; empty when there are none.
    """

    true: IndicatorRows | None
    missing: IndicatorRows
    taken: Mapping[str, IndicatorRows]


class Sources(Struct, frozen=True):
    """Loaded inputs.

    Attributes
    ----------
    rows : IndicatorRows
        All indicator tables; their counts protected where the config asks for it.
    scaled : Scaled or None
        Characteristics made comparable; None without their table, and where peers are matched on the outcome.
    units : Units
        Names and types; empty without a units table.
    lifetimes : Lifetimes
        When units opened and closed, and who went on as whom.
    workshops : Workshops or None
        Projects measured before and after, where the config has such a section.
    disclosed : Disclosed or None
        What stands behind protected rows. Nothing that is written comes from it but the numbers of
        `its_eval.pipeline.disclosed`.
    cut : {"nobody", "treated", "everyone"}
        Whose rows end before the start.
    """

    rows: IndicatorRows
    scaled: Scaled | None
    units: Units
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    workshops: Workshops | None = None
    disclosed: Disclosed | None = None
    cut: Cut = "nobody"


def input_files(config: Config) -> list[Path]:
    """Return every file that the config reads, in a fixed order; a folder stands for the files in it."""
    paths = [table.path for table in config.data.indicators]
    if config.data.characteristics is not None:
        paths.append(config.data.characteristics.path)
    if config.data.units is not None:
        paths.append(config.data.units.path)
    paths += [path for path in config.data.successions if path != NHS]
    if config.before_after is not None:
        paths.append(config.before_after.path)
    report = config.output.report
    paths += [path for path in (report.style, report.answers) if path is not None]
    files: list[Path] = []
    for path in paths:
        # unlike the method of a path this is false for a name that the system does not take
        folder = os.path.isdir(path)  # noqa: PTH112
        files += sorted(part for part in path.rglob("*") if part.is_file()) if folder else [path]
    return list(dict.fromkeys(files))


def origin_of(config: Config, in_memory: Container[Path] = ()) -> dict[str, Any]:
    """Return where a result comes from: files by name, program, and what the report says of itself.

    Parameters
    ----------
    config : Config
        The settings.
    in_memory : container of Path
        Names in the place of paths, of tables that are no files.
    """
    files = {path.name for path in input_files(config) if path not in in_memory}
    report = config.output.report
    program = f"{PROGRAM} {program_version()}"
    return {"files": sorted(files), "program": program, "status": report.status, "contact": report.contact}


def load_sources(config: Config, read: Read = read_table, cut: Cut = "nobody") -> Sources:
    """Read every input, and report the faults of all files together.

    Parameters
    ----------
    config : Config
        What is read.
    read : callable
        Gives the table of a path: indicators and characteristics may be in memory.
    cut : {"nobody", "treated", "everyone"}
        Whose rows from the start on are dropped, before anything else sees them.

    Raises
    ------
    DataError
        With every problem of every file.
    """
    faults = Faults()
    stratified = {outcome.indicator for outcome in config.outcomes if outcome.strata is not None}
    rows = faults.of(lambda: by_stratum(load_indicators(config.data, _only_unit(config), read), stratified))
    units, lifetimes = faults.of(lambda: _units(config)) or (Units(), Lifetimes())
    changes = faults.of(lambda: load_changes(config.data.successions, config.data.calendar)) or ()
    workshops = faults.of(lambda: _workshops(config))
    scaled = faults.of(lambda: _scaled_characteristics(config, read))
    if rows is not None and not faults.problems:
        loaded = rows
        rows = faults.of(lambda: _with_mergers(config, loaded, units, lifetimes))
    faults.refuse()
    assert rows is not None  # noqa: S101  (else its problems are noted)
    if changes:
        rows, heirs = _with_changes(config, rows, changes)
        lifetimes = replace(lifetimes, successors=heirs)
    rows = before_start(rows, starts_of(config), cut)
    return _protected(config, Sources(rows, scaled, units, lifetimes, workshops, cut=cut))


def _workshops(config: Config) -> Workshops | None:
    """Read projects measured before and after, where the config has such a section."""
    if config.before_after is None:
        return None
    from its_eval.pipeline.workshops import load_workshops  # noqa: PLC0415  (start-up time)

    return load_workshops(config.before_after)


class Starts(Struct, frozen=True):
    """When treated units start, as ordinals.

    Attributes
    ----------
    own : mapping of str to int
        By treated unit; empty where every unit is treated in turn.
    last : int
        The latest of them.
    each : bool
        Whether every unit is treated, at `last`.
    """

    own: Mapping[str, int]
    last: int
    each: bool = False

    def of(self, units: pd.Series[str]) -> pd.Series[int]:
        """Return the start of each of some units: of one that is not treated the latest."""
        return units.map(self.own).fillna(self.last).astype("int64")

    def treats(self, units: pd.Series[str]) -> pd.Series[bool]:
        """Return which of some units are treated."""
        return units.isin(list(self.own)) | self.each


def starts_of(config: Config) -> Starts:
    """Return when the treated units of a config start."""
    parse = config.data.calendar.parse
    common = config.intervention.date or ""
    own = {unit: parse(config.treated_dates.get(unit, common)) for unit in config.treated_units}
    return Starts(own, max(own.values()) if own else parse(common), config.each)


def before_start(rows: IndicatorRows, starts: Starts, cut: Cut) -> IndicatorRows:
    """Return the rows without those of treated units, or of everyone, from the start on.

    What was found wrong in them goes with them; so does a row whose period cannot be read.
    """
    if cut == "nobody":
        return rows
    frame = rows.frame
    concerned = starts.treats(frame["unit"]) | (cut == "everyone")
    kept = ~concerned | (frame["period"].lt(starts.of(frame["unit"])) & frame["period"].ne(NO_PERIOD))
    findings = []
    for item in rows.findings:
        whose = pd.Series([item.unit])
        if cut == "treated" and not starts.treats(whose).iloc[0]:
            findings.append(item)
            continue
        try:
            early = bool(item.period) and rows.calendar.parse(item.period) < int(starts.of(whose).iloc[0])
        except ValueError:
            # a period that nobody can read
            early = False
        findings += [item] if early else []
    return replace(rows, frame=frame[kept].reset_index(drop=True), findings=tuple(findings))


def _protected(config: Config, sources: Sources) -> Sources:
    """Return the sources with protected counts, where the config asks for it."""
    settings = config.data.disclosure
    if settings is None:
        return sources
    protection, outcomes = Protection.of(settings), evaluated_outcomes(config.outcomes)

    def rows(stand_in: float) -> IndicatorRows:
        return protection.rows(sources.rows, outcomes, config.data.min_denominator, stand_in)

    missing = rows(float("nan"))
    if settings.at == "output":
        # what is known of a count that is not shown is where it lies
        shown = rows(sum(settings.suppress) / 2.0)
        return replace(sources, rows=shown, disclosed=Disclosed(sources.rows, missing, {}))
    taken = {str(count): rows(float(count)) for count in settings.suppress}
    if all(item.frame.equals(missing.frame) for item in taken.values()):
        taken = {}
    return replace(sources, rows=missing, disclosed=Disclosed(None, missing, taken))


def _units(config: Config) -> tuple[Units, Lifetimes]:
    table = config.data.units
    if table is None:
        return Units(), Lifetimes()
    units = load_units(table.path, table.columns)
    return units, lifetimes_of(units, config.data.calendar, str(table.path))


def _only_unit(config: Config) -> str | None:
    """Return the unit of tables that have no column of units: the treated one, where there is one alone."""
    return config.treated_units[0] if len(config.treated_units) == 1 and config.peers is None else None


def _with_mergers(config: Config, rows: IndicatorRows, units: Units, lifetimes: Lifetimes) -> IndicatorRows:
    """Return the rows with those of old codes counted as their successors', where the config asks for it."""
    table = config.data.units
    if table is None or table.mergers != "combine":
        return rows
    if units.column("successor") is None:
        raise DataError(
            [f"{table.path}: `data.units.mergers: combine` needs a column successor"],
            "name it under data.units.columns.successor",
        )
    return combine_successors(rows, lifetimes.successors, _kinds(config))


def _with_changes(
    config: Config, rows: IndicatorRows, changes: Sequence[Change]
) -> tuple[IndicatorRows, dict[str, str]]:
    """Return the rows with organisations that became one counted as one, and who is counted as whom."""
    calendar = config.data.calendar
    frame = rows.frame[rows.frame["period"].ne(NO_PERIOD)]
    spans = frame.groupby("indicator")["period"].agg(["min", "max"])
    windows: dict[str, tuple[int, int]] = {}
    for outcome in evaluated_outcomes(config.outcomes):
        covariates = (covariate.indicator for covariate in outcome.covariates)
        names = (outcome.indicator, *covariates, *outcome.controls)
        first, last = outcome.bounds(calendar)
        for name in spans.index.intersection(list(names)):
            span = spans.loc[name]
            window = (
                int(span["min"]) if first is None else first,
                int(span["max"]) if last is None else last,
            )
            known = windows.get(name, window)
            windows[name] = (min(window[0], known[0]), max(window[1], known[1]))
    if not windows:
        # that there is no such indicator is told with the other faults of the plan
        return rows, {}
    kinds = {name: kind for name, kind in _kinds(config).items() if name in windows}
    widest = (min(start for start, _ in windows.values()), max(end for _, end in windows.values()))
    heirs = last_heirs([item for item in changes if widest[0] < item.period <= widest[1]])
    return combine_changes(rows, changes, kinds, windows), heirs


def _kinds(config: Config) -> dict[str, tuple[str, float]]:
    """Return what each indicator is that the run uses, and what its ratio is multiplied by."""
    factors = {"percentage": 100.0}
    kinds = {
        covariate.indicator: (COVARIATE, 1.0) for item in config.outcomes for covariate in item.covariates
    }
    controls = (one for item in config.outcomes for one in control_outcomes(item, config.outcomes))
    kinds |= {
        item.indicator: (item.kind, factors.get(item.kind, item.per or 1.0))
        for item in (*controls, *evaluated_outcomes(config.outcomes))
    }
    return kinds


def _scaled_characteristics(config: Config, read: Read = read_table) -> Scaled | None:
    table, peers = config.data.characteristics, config.peers
    if table is None or peers is None or peers.match == "pre_period":
        return None
    preset = PRESETS[peers.preset] if peers.preset is not None else None
    # of characteristics there is no correlation: the config refuses it
    metric = "euclidean" if peers.metric == "correlation" else peers.metric
    recipe = recipe_for(
        peers.preset, peers.variables, peers.weights, peers.missing, peers.scale, metric, peers.log
    )
    unit_column = table.columns.get("unit", preset.unit_column if preset else "unit")
    wanted = None if recipe.weights is None else list(recipe.weights)
    characteristics = load_characteristics(table.path, unit_column, wanted, read)
    return scale_characteristics(characteristics, recipe, str(table.path))
