"""Sentences about projects measured before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.evaluation import BEFORE_AFTER, BEFORE_AFTER_SIZES
from its_eval.report.narrative import p_words, rounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from its_eval.evaluation import Evaluation

#: In place of a unit, in the rows about all units together.
EVERYBODY = "all"


def change_sentence(row: Mapping[str, Any]) -> str:
    """Return what happened to a measure, from a row of ``before_after``: sums, test, effect size."""
    when = "" if row["follow_up"] == "follow-up" else f", {row['follow_up']}"
    projects = f"{int(row['n_projects']):,} project{'' if row['n_projects'] == 1 else 's'}"
    per_cent = row["percent_change"]
    shown = "" if math.isnan(per_cent) else f" ({'+' if per_cent > 0 else ''}{rounded(per_cent, 0)} %)"
    for_the = f", for the {row['direction']}" if row["direction"] in ("better", "worse") else ""
    text = (
        f"{row['measure']}{when}: {rounded(row['sum_baseline'])} before and "
        f"{rounded(row['sum_follow_up'])} after{shown}{for_the}, the sum of {projects}"
    )
    if not math.isnan(row["t"]):
        size = f"d_z {rounded(row['cohens_dz'])}"
        text += f"; paired t({row['df']:g}) = {rounded(row['t'], 3)}, {p_words(row['p_value'])}, {size}"
    return f"{text}."


def size_sentence(row: Mapping[str, Any]) -> str:
    """Return a published test with its effect sizes, from a row of ``before_after_effect_sizes``."""
    return (
        f"{row['measure']}: t({row['df']:g}) = {rounded(row['t'], 3)}, {p_words(row['p_value'])}; "
        f"r {rounded(row['r'], 3)}, d_z {rounded(row['cohens_dz'])} "
        f"({rounded(row['dz_low'])} to {rounded(row['dz_high'])})."
    )


def overall_sentences(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return a sentence per measure with the ``table:row`` that it was read from; none without a section."""
    found = []
    changes = evaluation.tables.get(BEFORE_AFTER)
    if changes is not None:
        rows = changes[changes["unit"] == EVERYBODY]
        places = zip(rows.index, rows.to_dict("records"), strict=True)
        found += [(change_sentence(_named(row)), f"{BEFORE_AFTER}:{place}") for place, row in places]
    sizes = evaluation.tables.get(BEFORE_AFTER_SIZES)
    if sizes is not None:
        places = zip(sizes.index, sizes.to_dict("records"), strict=True)
        found += [(size_sentence(_named(row)), f"{BEFORE_AFTER_SIZES}:{place}") for place, row in places]
    return found


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}
