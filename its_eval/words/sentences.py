"""Sentences about one unit or one run: its peers, its warnings, its data, projects before and after."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from its_eval.columns import BEFORE_AFTER, BEFORE_AFTER_SIZES, EVERYBODY, OF_CONFIG, START_OUTSIDE, THE_SET
from its_eval.evaluation import in_order_of_designs, records
from its_eval.words.labels import FLAG_WORDS, compared_with, flag_words, listed_flags, message_words
from its_eval.words.numbers import p_words, range_words, rounded, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from its_eval.evaluation import Evaluation, Row


#: So many sentences of one kind are shown.
_SHOWN = 5


def peers_sentence(evaluation: Evaluation, outcome: str, unit: str) -> str:
    """Return one sentence about the peers of a unit, blank when it has none."""
    peers = evaluation.rows_of("peers", outcome, unit)
    if peers.empty:
        return ""
    listed = ", ".join(peers["peer"])
    ranks = peers["pool_rank"]
    if ranks.isna().any() or not ranks.is_monotonic_increasing:
        return f"Peers as given: {listed}."
    nearest = int((ranks <= len(peers)).sum())
    passed_over = int(ranks.max()) - len(peers)
    if passed_over > len(evaluation.rows_of("peer_exclusions", outcome, unit)):
        # a search lists everyone whom it passes over
        return f"Peers as given: {listed}."
    if nearest == len(peers):
        return f"Peers, nearest first: {listed}."
    return (
        f"Peers, nearest first: {listed}. {nearest} of the {len(peers)} nearest are eligible; "
        f"the farthest peer is number {int(ranks.max())} by distance."
    )


def control_sentences(evaluation: Evaluation, outcome: str, design: str) -> list[str]:
    """Return a sentence for each control outcome: of all units together, else of each.

    Each gives the control's own change and that of the outcome without what it shares with the control.
    """
    rows = evaluation.rows_of("controls", outcome)
    rows = rows[rows["design"] == design]
    sentences = []
    for control, own in rows.groupby("control", sort=False):
        together = own[own["unit"] == THE_SET]
        for unit, both in (together if len(together) else own).groupby("unit", sort=False):
            about = evaluation.outcomes.get(str(control), {})
            whose = "" if unit == THE_SET or len(set(own["unit"])) == 1 else f", {unit}"
            told = {str(row["series"]): _changed(row) for _, row in records(both)}
            rest = told.get("difference")
            without = f"; the outcome minus the control {rest}" if rest else ""
            name = about.get("label", control)
            sentences.append(f"Control outcome {name}{whose}: {told.get('control', 'not fitted')}{without}.")
    return sentences


def _changed(row: Row) -> str:
    unit = " %" if row["scale"] == "ratio" else ""
    words = f"changed by {signed(row['estimate'], row)}{unit} ({range_words(row)}"
    p = p_words(row["p_value"])
    return f"{words}; {p})" if p else f"{words})"


def primary_fits(evaluation: Evaluation, outcome: str, unit: str | None = None) -> pd.DataFrame:
    """Return the rows of ``fits`` by the estimator that answers, which may differ by design."""
    effects = evaluation.rows_of("effects", outcome, unit)
    answering = effects[effects["role"] == "primary"]
    fits = evaluation.rows_of("fits", outcome, unit)
    return fits[
        (fits["design"] + "\0" + fits["estimator"]).isin(answering["design"] + "\0" + answering["estimator"])
    ]


def attention(evaluation: Evaluation, outcome: str, unit: str) -> list[str]:
    """Return what a reader has to know about the primary fits of a unit, in words."""
    found: list[str] = []
    for row in primary_fits(evaluation, outcome, unit).itertuples():
        found += [f"{row.design}: {phrase}" for phrase in flag_words(str(row.flags))]
    failed = evaluation.rows_of("not_estimated", outcome, unit)
    found += [f"{row.design}: not estimated: {row.message}" for row in failed.itertuples()]
    return list(dict.fromkeys(found))


def data_sentences(evaluation: Evaluation) -> list[str]:
    """Return sentences about findings in rows that the run did not use, and warnings."""
    quality = evaluation.tables["data_quality"]
    # what is no fault of a row is said where the answer is
    of_rows = ~quality["check"].isin(OF_CONFIG)
    counted = quality[(quality["severity"] != "info") & of_rows]
    if counted.empty:
        return []
    kinds = counted.groupby("check", sort=True).size()
    listed = ", ".join(f"{check} ({count})" for check, count in kinds.items())
    return [f"Faults in rows that this run does not use: {listed}; the table data_quality lists them."]


def config_sentences(evaluation: Evaluation) -> list[str]:
    """Return sentences about what the config asks for and the data do not have."""
    quality = evaluation.tables["data_quality"]
    # a start outside the data is said where nothing is estimated
    chosen = quality["check"].isin(OF_CONFIG) & quality["check"].ne(START_OUTSIDE)
    said = list(dict.fromkeys(quality.loc[chosen, "message"].astype(str)))
    more = len(said) - _SHOWN
    rest = [f"{more} more of this kind; the table data_quality lists them."] if more > 0 else []
    return [*map(message_words, said[:_SHOWN]), *rest]


def warning_sentences(evaluation: Evaluation, outcome: str, label: str) -> list[str]:
    """Return what fits warn of, each warning once with the units that it is about, and what failed.

    Parameters
    ----------
    evaluation : Evaluation
        The result of a run.
    outcome, label : str
        An outcome, and what it is called.
    """
    units: dict[tuple[str, str], list[str]] = {}
    for _, row in records(in_order_of_designs(primary_fits(evaluation, outcome), "unit")):
        for flag in listed_flags(str(row["flags"])):
            units.setdefault((flag, str(row["design"])), []).append(str(row["unit"]))
    found = [
        f"{label}, {', '.join(named)} compared with {compared_with(design, several=len(named) > 1)}: "
        f"{FLAG_WORDS.get(flag, flag)}."
        for (flag, design), named in units.items()
    ]
    found += [
        f"{label}, {row['unit']} compared with {compared_with(str(row['design']))}: {not_estimated(row)}."
        for _, row in records(evaluation.rows_of("not_estimated", outcome))
    ]
    return list(dict.fromkeys(found))


def not_estimated(row: Mapping[str, Any]) -> str:
    """Return why there is no estimate, from a row of ``not_estimated``."""
    return f"not estimated: {message_words(str(row['message']))}"


def selection_sentences(evaluation: Evaluation) -> list[str]:
    """Return how the units were chosen, or that it is not stated, and what was delivered where that is."""
    about = next(iter(evaluation.outcomes.values()), {})
    chosen, delivered = (str(about.get(name) or "").strip().rstrip(".") for name in ("chosen", "delivered"))
    recover = "is not stated; units chosen for poor results recover by themselves"
    said = [f"How the units were chosen{f': {chosen}' if chosen else f' {recover}'}."]
    return [*said, *([f"What was delivered: {delivered}."] if delivered else [])]


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
    for name, sentence in ((BEFORE_AFTER, change_sentence), (BEFORE_AFTER_SIZES, size_sentence)):
        table = evaluation.tables.get(name)
        if table is None:
            continue
        rows = table[table["unit"] == EVERYBODY] if name == BEFORE_AFTER else table
        found += [(sentence(row), f"{name}:{place}") for place, row in records(rows)]
    return found
