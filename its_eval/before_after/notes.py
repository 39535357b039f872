"""What a reader of a before-and-after comparison has to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from its_eval.before_after.load import ALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

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
    notes += _left_out(overall, tables["pairs"])
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


def _left_out(overall: pd.DataFrame, pairs: pd.DataFrame) -> list[str]:
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
    known = overall["p_value"].notna() & overall["wilcoxon_p"].notna()
    return [
        f"{row.measure}, {row.follow_up}: the t-test (p = {row.p_value:.3f}) and the signed-rank "
        f"test (p = {row.wilcoxon_p:.3f}) disagree; a few large changes may decide."
        for row in overall[differ & known].itertuples()
    ]
