"""Workshops measured before and after, beside an evaluation: the section `before_after` of a config."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from msgspec import Struct

from its_eval.columns import BEFORE_AFTER, BEFORE_AFTER_SIZES
from its_eval.errors import DataError
from its_eval.improvement.paired_load import Projects, is_statistics, load_projects, load_statistics
from its_eval.improvement.paired_tables import (
    ABOUT_R,
    ALWAYS,
    before_after_notes,
    before_after_tables,
    effect_size_tables,
)

if TYPE_CHECKING:
    from its_eval.config import BeforeAfter, Config
    from its_eval.evaluation import Evaluation

#: Names of the tables in a result, by their names in a comparison.
NAMES = {
    "changes": BEFORE_AFTER,
    "pairs": f"{BEFORE_AFTER}_pairs",
    "left_out": f"{BEFORE_AFTER}_left_out",
    "effect_sizes": BEFORE_AFTER_SIZES,
}


#: Where a config says what a column is for.
_HINT = "before_after.columns and before_after.follow_ups say which columns hold them"


class Workshops(Struct, frozen=True):
    """What the table of a section held: projects, or else published statistics."""

    projects: Projects | None = None
    statistics: pd.DataFrame | None = None


def load_workshops(settings: BeforeAfter) -> Workshops:
    """Read the table of the section.

    Raises
    ------
    DataError
        With every fault of the table, or when no project was measured both times.
    """
    path, columns = settings.path, {str(role): name for role, name in settings.columns.items()}
    if is_statistics(path, columns):
        if settings.follow_ups:
            raise DataError([f"{path}: it holds t and df, so before_after.follow_ups does not go with it"])
        return Workshops(statistics=load_statistics(path, columns))
    try:
        projects = load_projects(path, columns, settings.follow_ups)
    except DataError as error:
        # the hint of the command names its options
        raise DataError(error.problems, _HINT if error.hint else None) from None
    if (projects.frame["baseline"].isna() | projects.frame["value"].isna()).all():
        raise DataError([f"{path}: no project has both a baseline and a follow-up"], _HINT)
    return Workshops(projects)


def with_workshops(config: Config, workshops: Workshops, evaluation: Evaluation) -> Evaluation:
    """Return an evaluation with the tables and notes of the section."""
    if workshops.statistics is not None:
        found = effect_size_tables(workshops.statistics, config.confidence)
        notes = [*ALWAYS, ABOUT_R]
    else:
        assert workshops.projects is not None  # noqa: S101  (one of the two)
        found = before_after_tables(workshops.projects.frame, config.confidence)
        notes = before_after_notes(found)
    tables = {NAMES[name]: table for name, table in found.items()}
    said = tuple(f"Before and after: {note}" for note in notes)
    return replace(evaluation, tables={**evaluation.tables, **tables}, notes=(*evaluation.notes, *said))
