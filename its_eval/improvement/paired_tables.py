"""The tables of a before-and-after comparison, and what a reader of one has to know."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from msgspec.structs import asdict

from its_eval.columns import BEFORE_AFTER_LEFT_OUT, BEFORE_AFTER_PAIRS, BESIDE
from its_eval.effects.several_units import adjust
from its_eval.improvement.paired import PairedChange, effect_size, paired_change
from its_eval.improvement.paired_load import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


CHANGE_COLUMNS = [
    *("measure", "unit", "follow_up", "better", "direction", "n_projects", "n_left_out"),
    *PairedChange.__struct_fields__,
    *("p_adjusted", "conf_level"),
]
EFFECT_SIZE_COLUMNS = [
    *("measure", "n", "t", "df", "p_value", "r", "cohens_dz", "dz_low", "dz_high", "conf_level"),
]
#: What only a test of projects can say, and not of rows that are totals.
_NEEDS_PROJECTS = tuple(
    name
    for name in PairedChange.__struct_fields__
    if not name.startswith(("sum_", "percent_change", "n_pairs"))
)


def before_after_tables(frame: pd.DataFrame, confidence: float = 0.95) -> dict[str, pd.DataFrame]:
    """Return changes, pairs and what was left out.

    Parameters
    ----------
    frame : DataFrame
        As ``load_projects`` returns it: a row per project, measure and follow-up.
    confidence : float
        Level of the intervals.

    Returns
    -------
    dict of str to DataFrame
        ``changes``: a row per measure, follow-up and unit, and one for all units together (unit ``all``),
        with the fields of :class:`~its_eval.improvement.paired.PairedChange`; ``pairs``: every project;
        ``left_out``: projects that lack a measurement, with the reason.

    Notes
    -----
    A row that stands for several projects (a total) enters sums and per cent; tests need the projects
    themselves and are then NaN. `p_adjusted` is Holm's over the measures for the rows of all units, and over
    measures and units for the others, for each follow-up.
    """
    complete = frame["baseline"].notna() & frame["value"].notna()
    rows = []
    for key, group in _groups(frame):
        used = group[complete[group.index]]
        if used.empty:
            continue
        row = asdict(
            paired_change(
                used["baseline"].to_numpy(dtype=np.float64),
                used["value"].to_numpy(dtype=np.float64),
                confidence,
            )
        )
        if used["projects"].gt(1).any():
            row |= dict.fromkeys(_NEEDS_PROJECTS, math.nan) | {"percent_change_std_error": math.nan}
        better = next((word for word in group["better"] if word), "")
        rows.append(
            dict(zip(("measure", "follow_up", "unit"), key, strict=True))
            | row
            | {
                "better": better,
                "direction": _direction(row["sum_change"], better),
                "n_projects": int(used["projects"].sum()),
                "n_left_out": len(group) - len(used),
                "conf_level": confidence,
            }
        )
    changes = pd.DataFrame(rows, columns=CHANGE_COLUMNS)
    changes["p_adjusted"] = _adjusted(changes)
    return {
        "changes": changes,
        "pairs": _pairs(frame, complete),
        "left_out": _left_out(frame[~complete]),
    }


def effect_size_tables(statistics: pd.DataFrame, confidence: float = 0.95) -> dict[str, pd.DataFrame]:
    """Return effect sizes from published statistics.

    Parameters
    ----------
    statistics : DataFrame
        Columns measure, t, df, n.
    confidence : float
        Level of the intervals of d_z.
    """
    rows = []
    for measure, t, df, n in statistics[["measure", "t", "df", "n"]].itertuples(index=False, name=None):
        size = effect_size(float(t), float(df), int(n), confidence)
        values = (
            measure,
            int(n),
            t,
            df,
            size.p_value,
            size.r,
            size.dz,
            size.dz_low,
            size.dz_high,
            confidence,
        )
        rows.append(dict(zip(EFFECT_SIZE_COLUMNS, values, strict=True)))
    return {"effect_sizes": pd.DataFrame(rows, columns=EFFECT_SIZE_COLUMNS)}


def _groups(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str, str], pd.DataFrame]]:
    """Yield measure, follow-up and unit with their rows: all units together first, then each."""
    times = {name: place for place, name in enumerate(frame["follow_up"].unique())}
    order = sorted(times, key=lambda name: times[name])
    for measure, rows in frame.groupby("measure", sort=True):
        for time in order:
            at = rows[rows["follow_up"].eq(time)]
            yield (str(measure), time, ALL), at
            if at["unit"].ne(ALL).any():
                for unit, own in at.groupby("unit", sort=True):
                    yield (str(measure), time, str(unit)), own


def _direction(change: float, better: str) -> str:
    """Return better, worse, unchanged, or blank when nobody said what is better."""
    if not better:
        return ""
    if change == 0:
        return "unchanged"
    return "better" if (change > 0) == (better == "higher") else "worse"


def _adjusted(changes: pd.DataFrame) -> pd.Series:
    adjusted = pd.Series(np.nan, index=changes.index)
    for _, family in changes.groupby([changes["follow_up"], changes["unit"].eq(ALL)]):
        adjusted[family.index] = adjust(family["p_value"].to_numpy(dtype=np.float64), "holm")
    return adjusted


def _pairs(frame: pd.DataFrame, complete: pd.Series[bool]) -> pd.DataFrame:
    change = frame["value"] - frame["baseline"]
    percent = 100.0 * change / frame["baseline"].abs().where(frame["baseline"].ne(0))
    pairs = frame.assign(change=change, percent_change=percent, used=complete)
    ordered = pairs.sort_values(["measure", "unit", "source_row"], kind="stable")
    return ordered[list(BESIDE[BEFORE_AFTER_PAIRS])].reset_index(drop=True)


def _left_out(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row and a reason for each measurement that is not complete."""
    first, second = rows["baseline"].isna(), rows["value"].isna()
    reason = np.select([first & second, first], ["neither is known", "no baseline"], "not followed up")
    out = rows.assign(reason=reason).sort_values(["measure", "unit", "source_row"], kind="stable")
    return out[list(BESIDE[BEFORE_AFTER_LEFT_OUT])].reset_index(drop=True)


ALPHA = 0.05

#: True of every comparison of this kind.
ALWAYS = (
    (
        "There is no control group: what would have happened without the projects is not known, so a change "
        "is not an effect."
    ),
    (
        "Regression to the mean: projects are often started where a first measurement was bad, and the next "
        "one is then better even if nothing was done. The p-value does not allow for that."
    ),
)
#: Said besides when only published statistics are known.
ABOUT_R = (
    "r is not a correlation between the two measurements; for paired data it says the same as d_z, the mean "
    "change in standard deviations of the changes."
)


def before_after_notes(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return the limits of the design, and what this very data adds to them.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As ``before_after_tables`` returns them.
    """
    changes = tables["changes"]
    overall = changes[changes["unit"].eq(ALL)]
    notes = list(ALWAYS)
    notes += _left_out_of_notes(overall, tables["pairs"])
    notes += _disagreeing(overall)
    for row in overall[overall["n_projects"].gt(overall["n_pairs"])].itertuples():
        notes.append(
            f"{row.measure}, {row.follow_up}: rows are totals of several projects, so there are sums and per "
            "cent but no tests."
        )
    if any(len(set(rows["n_pairs"])) > 1 for _, rows in overall.groupby("measure")):
        notes.append(
            "Not every project was followed up every time: compare follow-ups with each other only where the "
            "number of pairs is the same."
        )
    if changes["p_value"].count() > 1:
        notes.append(
            "Adjusted p: Holm, over the measures for all units, over measures and units for the rest."
        )
    return notes


def _left_out_of_notes(overall: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
    """Say how many rows of each measure were incomplete, and whether their baselines differ."""
    notes = []
    for measure, rows in overall[overall["n_left_out"].gt(0)].groupby("measure", sort=True):
        counts = [
            f"{lost} of {lost + used} ({time})"
            for time, lost, used in rows[["follow_up", "n_left_out", "n_pairs"]].itertuples(index=False)
        ]
        text = f"{measure}: incomplete and left out: {', '.join(counts)}"
        worst = str(rows.sort_values("n_left_out", kind="stable")["follow_up"].iloc[-1])
        these = pairs[pairs["measure"].eq(str(measure)) & pairs["follow_up"].eq(worst)]
        lost = these.loc[~these["used"], "baseline"].dropna()
        if len(lost):
            kept = these.loc[these["used"], "baseline"].mean()
            text += f"; mean baseline {lost.mean():.4g} of those left out, {kept:.4g} of those used ({worst})"
        notes.append(f"{text}.")
    return notes


def _disagreeing(overall: pd.DataFrame) -> list[str]:
    """Name the groups in which the t-test and the signed-rank test say different things."""
    differ = overall["p_value"].lt(ALPHA) != overall["wilcoxon_p"].lt(ALPHA)
    both = overall["p_value"].notna() & overall["wilcoxon_p"].notna()
    return [
        f"{row.measure}, {row.follow_up}: the t-test (p = {row.p_value:.3f}) and the signed-rank "
        f"test (p = {row.wilcoxon_p:.3f}) disagree; a few large changes may decide."
        for row in overall[differ & both].itertuples()
    ]
