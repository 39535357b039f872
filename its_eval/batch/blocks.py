"""How a batch run is divided into blocks of outcomes, and what a worker does with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from msgspec import Struct

from its_eval.data.attributes import Units, load_units
from its_eval.data.dataset import Survey, survey, unknown_indicator
from its_eval.data.faults import shorten
from its_eval.data.load import IndicatorRows
from its_eval.data.successors import Lifetimes, lifetimes_of
from its_eval.data.tables import nearest
from its_eval.errors import DataError
from its_eval.pipeline.plan import Treatment
from its_eval.pipeline.sources import Sources, _scaled_characteristics

if TYPE_CHECKING:
    from its_eval.config import Config


#: Rows of data that a block holds: enough series for the tables of a design to be worth while, few enough for
#: a worker's memory and for many workers to have an equal share.
BLOCK_ROWS = 800_000


class Block(Struct, frozen=True):
    """Outcomes that one worker reads, estimates and writes down.

    Attributes
    ----------
    number : int
        Place among the blocks; names the files that come of it.
    config : Config
        The config with the outcomes of this block alone.
    treatment : Treatment
        Treated units of the whole run.
    sources : Sources
        Characteristics and units; without rows, which the worker reads.
    """

    number: int
    config: Config
    treatment: Treatment
    sources: Sources

    @property
    def n_outcomes(self) -> int:
        """Outcomes of the block."""
        return len(self.config.outcomes)


class BatchPlan(Struct, frozen=True):
    """A batch run before anything is estimated.

    Attributes
    ----------
    blocks : tuple of Block
        In the order of the outcomes' names.
    n_units, n_series : int
        Treated units, and series to be estimated at most: units × outcomes × designs.
    notes : tuple of str
        What a reader has to know.
    """

    blocks: tuple[Block, ...]
    n_units: int
    n_series: int
    notes: tuple[str, ...] = ()


def plan_batch(config: Config, block_rows: int = BLOCK_ROWS) -> BatchPlan:
    """Find out which units the dataset holds and divide the outcomes into blocks.

    The division depends on config and data alone, never on the number of workers, so that neither do results.

    Raises
    ------
    DataError
        When a table cannot be read, an outcome or a treated unit is nowhere in the data, or a column of
        ``peers.within`` is not in the units table.
    """
    sources = _side_tables(config)
    outcomes = sorted(config.outcomes, key=lambda outcome: outcome.name)
    found = survey(config.data, [outcome.indicator for outcome in outcomes])
    units = found.wanted_units if config.each else config.treated_units
    problems = [*_unknown(config, found, sources)]
    if not units:
        problems.append("no unit has a row of any outcome")
    if problems:
        raise DataError(shorten(problems), "its-eval validate shows all faults of config and data")
    common = config.intervention.date or ""
    dates = {unit: config.treated_dates.get(unit, common) for unit in units}
    treatment = Treatment(units, dates, config.each)
    rows = max(1, found.rows // max(len(found.indicators), 1))
    size = max(1, block_rows // rows)
    chosen = [tuple(outcomes[start : start + size]) for start in range(0, len(outcomes), size)]
    blocks = tuple(
        Block(number, config.model_copy(update={"outcomes": part}), treatment, sources)
        for number, part in enumerate(chosen)
    )
    n_series = len(units) * len(outcomes) * len(config.designs)
    return BatchPlan(blocks, len(units), n_series)


def _side_tables(config: Config) -> Sources:
    """Return characteristics and units, with no rows."""
    units, lifetimes = Units(), Lifetimes()
    if config.data.units is not None:
        units = load_units(config.data.units.path, config.data.units.columns)
        lifetimes = lifetimes_of(units, config.data.calendar, str(config.data.units.path))
    nothing = IndicatorRows(pd.DataFrame(), (), config.data.calendar)
    return Sources(nothing, _scaled_characteristics(config), units, lifetimes)


def _unknown(config: Config, found: Survey, sources: Sources) -> list[str]:
    """Return a problem for each name of the config that no table knows."""
    problems = [
        unknown_indicator(outcome.indicator, found)
        for outcome in config.outcomes
        if outcome.indicator not in found.indicators
    ]
    known = set(found.units)
    problems += [
        f"treated unit {unit!r} is not in the indicator data; {nearest(unit, found.units)}"
        for unit in config.treated_units
        if unit not in known
    ]
    if config.peers is not None:
        lists = (config.peers.given, *config.peers.given_by_outcome.values())
        listed = {peer for given in lists for peers in given.values() for peer in peers}
        problems += [
            f"peers.given names {peer!r}, which is not in the indicator data; {nearest(peer, found.units)}"
            for peer in sorted(listed - known)
        ]
        problems += [
            f"peers.within: the units table has no column {name!r}; "
            f"{nearest(name.removeprefix('units.'), sources.units.columns)}"
            for name in config.peers.within
            if sources.units.column(name) is None
        ]
    return problems
