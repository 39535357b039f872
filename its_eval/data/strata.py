"""Rows of a stratum as a series of its own, apart from the rows of everybody."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from its_eval.config.stratified import series_name

if TYPE_CHECKING:
    from its_eval.data.load import IndicatorRows


def by_stratum(rows: IndicatorRows, stratified: Collection[str]) -> IndicatorRows:
    """Return the rows with every stratum under a name of its own and the column ``stratum`` blank.

    Parameters
    ----------
    rows : IndicatorRows
        As loaded.
    stratified : collection of str
        Indicators of which the config names strata.

    Notes
    -----
    Rows without a stratum are those of everybody. An indicator all of whose rows are in one and the same
    stratum keeps its name unless the config names strata of it: a table cut down to one group, such as a
    publisher's "all staff", is about that group.
    """
    frame = rows.frame
    if frame["stratum"].eq("").all():
        return rows
    pairs = frame[["indicator", "stratum"]].drop_duplicates()
    alone = pairs.groupby("indicator")["stratum"].size().eq(1)
    names = {
        (indicator, stratum): indicator
        if alone[indicator] and indicator not in stratified
        else series_name(indicator, stratum)
        for indicator, stratum in pairs.itertuples(index=False, name=None)
    }
    keys = zip(frame["indicator"], frame["stratum"], strict=True)
    renamed = frame.assign(indicator=[names[key] for key in keys], stratum="")
    order = ["indicator", "unit", "period", "source_file", "source_row"]
    kept = {series_name(*pair): name for pair, name in names.items()}
    findings = tuple(
        replace(finding, indicator=kept.get(finding.indicator, finding.indicator))
        for finding in rows.findings
    )
    return replace(
        rows, frame=renamed.sort_values(order, kind="stable").reset_index(drop=True), findings=findings
    )


def strata_hint(rows: IndicatorRows, indicator: str) -> str:
    """Return what to do about an indicator that has rows of strata and none of everybody; blank else."""
    start = f"{indicator} ["
    found = sorted({name for name in rows.frame["indicator"] if name.startswith(start)})
    if not found:
        return ""
    shown = ", ".join(name.removeprefix(start).removesuffix("]") for name in found)
    return f"it has no rows of all strata together; name some of its strata ({shown}) under `strata`"
