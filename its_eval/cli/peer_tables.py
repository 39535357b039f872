"""Peers as a table for people, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from rich.table import Table

from its_eval.cli.console import data_console
from its_eval.peers.balance import Contribution, contributions
from its_eval.peers.presets import PRESETS

if TYPE_CHECKING:
    from its_eval.data.attributes import Units
    from its_eval.peers.select import PeerSet

#: Variables named as driving a distance.
DRIVERS = 2


def print_presets() -> None:
    """Print the published recipes with their variables and sources."""
    console = data_console()
    for preset in PRESETS.values():
        console.print(f"{preset.name}: {preset.title}")
        console.print(f"  source: {preset.source}")
        console.print(f"  variables: {', '.join(preset.weights)}")


def print_peers(
    sets: Sequence[PeerSet], units: Units, form: Literal["text", "csv", "json"], *, explain: bool
) -> None:
    """Print the peers of one or more units on stdout.

    Parameters
    ----------
    sets : sequence of PeerSet
        One per unit.
    units : Units
        Names, where known.
    form : {"text", "csv", "json"}
        CSV has columns unit, rank, peer, distance, and with `explain` a row per variable.
    explain : bool
        Add what each variable contributes.
    """
    if form == "csv":
        _print_csv(sets, explain=explain)
    elif form == "json":
        json.dump(
            [_as_dict(peer_set, units) for peer_set in sets],
            sys.stdout,
            indent=1,
            ensure_ascii=False,
            allow_nan=False,
        )
        sys.stdout.write("\n")
    else:
        for peer_set in sets:
            _print_text(peer_set, units, explain=explain)


def _print_csv(sets: Sequence[PeerSet], *, explain: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if explain:
        fields = ("peer", "variable", "weight", "unit_value", "peer_value", "scaled_difference", "share")
        writer.writerow(("unit", *fields))
        for peer_set in sets:
            for part in contributions(peer_set):
                cells = (getattr(part, field) for field in fields)
                writer.writerow((peer_set.unit, *("" if _finite(cell) is None else cell for cell in cells)))
        return
    writer.writerow(("unit", "rank", "peer", "distance"))
    for peer_set in sets:
        for rank, (peer, distance) in enumerate(
            zip(peer_set.peers, peer_set.distances, strict=True), start=1
        ):
            writer.writerow((peer_set.unit, rank, peer, "" if np.isnan(distance) else repr(float(distance))))


def _as_dict(peer_set: PeerSet, units: Units) -> dict[str, object]:
    parts: dict[str, list[dict[str, object]]] = {}
    for part in contributions(peer_set):
        row = {key: _finite(value) for key, value in vars(part).items() if key != "peer"}
        parts.setdefault(part.peer, []).append(row)
    return {
        "unit": peer_set.unit,
        "name": units.names.get(peer_set.unit, ""),
        "peers": [
            {
                "rank": rank,
                "peer": peer,
                "name": units.names.get(peer, ""),
                "distance": _finite(float(distance)),
                "pool_rank": int(pool_rank),
                "contributions": parts.get(peer, []),
            }
            for rank, (peer, distance, pool_rank) in enumerate(
                zip(peer_set.peers, peer_set.distances, peer_set.pool_ranks, strict=True), start=1
            )
        ],
    }


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _print_text(peer_set: PeerSet, units: Units, *, explain: bool) -> None:
    console = data_console()
    parts: dict[str, list[Contribution]] = {}
    for part in contributions(peer_set):
        parts.setdefault(part.peer, []).append(part)
    name = units.names.get(peer_set.unit, "")
    console.print(f"Peers of {peer_set.unit}{f', {name}' if name else ''}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("peer", overflow="fold")
    if units.names:
        table.add_column("name", ratio=2, overflow="fold")
    table.add_column("distance", justify="right", no_wrap=True)
    table.add_column("farthest apart on", ratio=1, overflow="fold")
    for rank, (peer, distance) in enumerate(zip(peer_set.peers, peer_set.distances, strict=True), start=1):
        driving = sorted(parts.get(peer, []), key=lambda part: (-part.share, part.variable))[:DRIVERS]
        words = ", ".join(f"{' '.join(part.variable.split())} {100 * part.share:.0f} %" for part in driving)
        cells = [str(rank), peer, _number(distance, ".4f"), words]
        if units.names:
            cells.insert(2, units.names.get(peer, ""))
        table.add_row(*cells)
    console.print(table)
    if peer_set.nearest_kept < len(peer_set.peers):
        console.print(
            f"{peer_set.nearest_kept} of the {len(peer_set.peers)} nearest are eligible; "
            "the next nearest fill up."
        )
    if explain:
        for peer in peer_set.peers:
            console.print(_explained(peer_set.unit, peer, parts.get(peer, [])))


def _number(value: float, form: str) -> str:
    """Return a number as text; an en dash when it is not known."""
    return "–" if np.isnan(value) else format(value, form)


def _explained(unit: str, peer: str, parts: Sequence[Contribution]) -> Table:
    """Return one row per variable: values of both, scaled difference, share of the squared distance."""
    table = Table(
        box=None, pad_edge=False, title=f"{unit} and {peer}", title_justify="left", header_style="bold"
    )
    table.add_column("variable", overflow="fold")
    for column in (unit, peer, "difference in SD", "share of distance²"):
        table.add_column(column, justify="right", overflow="fold")
    for part in sorted(parts, key=lambda part: (-part.share, part.variable)):
        table.add_row(
            " ".join(part.variable.split()),
            _number(part.unit_value, ".6g"),
            _number(part.peer_value, ".6g"),
            _number(part.scaled_difference, "+.2f"),
            f"{100 * part.share:.1f} %",
        )
    return table
