"""Peers and how steady they are, as tables for people, CSV or JSON."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec.structs import asdict
from rich.table import Table

from its_eval.cli.console import data_console, print_table
from its_eval.peers.balance import Contribution, contributions, largest_shares
from its_eval.peers.distance import FAR, pool_percentiles
from its_eval.peers.recipes import PRESETS
from its_eval.peers.scaling import SCALE_UNITS
from its_eval.peers.select import PEER_COLUMNS, peer_overlap, peer_rows
from its_eval.peers.stability import steadiness
from its_eval.words.labels import capitalised, mixture_words

if TYPE_CHECKING:
    from rich.console import Console

    from its_eval.cli.peer_search import Answer
    from its_eval.data.attributes import Units
    from its_eval.peers.distance import Scaled
    from its_eval.peers.select import PeerSet
    from its_eval.pipeline.variants import Estimated, StabilityOfUnit


_DIMENSIONS = {
    "k": "number of peers",
    "drop_characteristic": "without",
    "metric": "metric",
    "scale": "scale",
    "weights": "weights",
}


def stability_fields(found: StabilityOfUnit) -> list[dict[str, object]]:
    """Return a row for each alternative, as CSV and JSON have it; estimates are None where there is none."""
    return [
        {
            "unit": found.chosen.unit,
            "dimension": item.dimension,
            "choice": item.choice,
            "n_peers": len(item.peers),
            "kept": item.kept,
            "left": " ".join(item.left),
            "entered": " ".join(item.entered),
            "estimate": None if estimated is None else estimated.estimate,
            "conf_low": None if estimated is None else estimated.conf_low,
            "conf_high": None if estimated is None else estimated.conf_high,
            "obstacle": item.obstacle,
        }
        for item, estimated in zip(found.alternatives, found.estimates, strict=True)
    ]


def print_stability(console: Console, every: Sequence[StabilityOfUnit]) -> None:
    """Print for each unit which peers stay under other choices, and the estimate with them."""
    for found in every:
        chosen = found.chosen
        estimated = found.primary is not None
        table = Table(
            box=None,
            pad_edge=False,
            title=f"{chosen.unit}: the {len(chosen.peers)} peers under other choices",
            title_justify="left",
            header_style="bold",
        )
        for name in ("changed", "to"):
            table.add_column(name, overflow="fold")
        table.add_column("stay", justify="right", no_wrap=True)
        table.add_column("left", ratio=1, overflow="fold")
        table.add_column("entered", ratio=1, overflow="fold")
        rows: list[list[str]] = []
        if estimated:
            table.add_column("estimate (interval)", justify="right", no_wrap=True)
            rows.append(["as chosen", "", "", "", "", _interval(found.primary)])
        for item, value in zip(found.alternatives, found.estimates, strict=True):
            stay = f"{item.kept} of {len(chosen.peers)}"
            cells = [
                _DIMENSIONS[item.dimension],
                item.choice,
                stay,
                " ".join(item.left),
                " ".join(item.entered),
            ]
            if item.obstacle:
                cells = [*cells[:2], "–", item.obstacle, ""]
            rows.append([*cells, *([_interval(value)] if estimated else [])])
        print_table(console, table, rows)
        counts, total = steadiness(chosen, found.alternatives)
        if total:
            always = [peer for peer, count in counts.items() if count == total]
            least = sorted(counts, key=lambda peer: (counts[peer], peer))[:3]
            console.print(
                f"In all {total} alternatives with as many peers: {', '.join(always) or 'none'}. "
                f"Least steady: {', '.join(f'{peer} ({counts[peer]})' for peer in least)}."
            )


def _interval(value: Estimated | None) -> str:
    if value is None:
        return "–"
    return f"{value.estimate:.4g} ({value.conf_low:.4g} to {value.conf_high:.4g})"


#: Variables named as driving a distance.
DRIVERS = 2
#: Candidates set aside that the text names.
ASIDE = 10
#: Units beyond which an overlap matrix no longer fits the page.
MOST_OVERLAP = 12


def print_presets() -> None:
    """Print the published recipes with their variables and sources."""
    console = data_console()
    for preset in PRESETS.values():
        console.print(f"{preset.name}: {preset.title}")
        console.print(f"  source: {preset.source}")
        console.print(f"  variables: {', '.join(preset.weights)}")


def print_peers(answer: Answer, form: Literal["text", "csv", "json"], *, explain: bool) -> None:
    """Print the peers of one or more units on stdout.

    Parameters
    ----------
    answer : Answer
        Peers of one or more units, with what is known of them.
    form : {"text", "csv", "json"}
        CSV has columns unit, rank, peer, distance; with `explain` a row per peer and variable; with
        stability a row per alternative.
    explain : bool
        Add what each variable contributes.
    """
    if form == "csv":
        _print_csv(answer, explain=explain)
    elif form == "json":
        for place in range(len(answer.sets)):
            found = _as_dict(answer, place, explain=explain)
            sys.stdout.write(f"{',' if place else '['}\n {_indented(found, 1)}")
        sys.stdout.write("\n]\n" if answer.sets else "[]\n")
    else:
        console = data_console()
        for peer_set in answer.sets:
            _print_text(console, answer, peer_set, explain=explain)
        if 1 < len(answer.sets) <= MOST_OVERLAP:
            _print_overlap(console, answer.sets)
        print_stability(console, answer.stability)
        for note in (*answer.notes, *(note for own in answer.own_notes.values() for note in own)):
            console.print(note)


def _print_csv(answer: Answer, *, explain: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if explain:
        fields = ("peer", "variable", "weight", "unit_value", "peer_value", "scaled_difference", "share")
        writer.writerow(("unit", *fields))
        for peer_set in answer.sets:
            for part in contributions(peer_set):
                cells = (getattr(part, field) for field in fields)
                writer.writerow((peer_set.unit, *("" if _finite(cell) is None else cell for cell in cells)))
        return
    if answer.stability:
        rows = [row for found in answer.stability for row in stability_fields(found)]
        writer.writerow(rows[0])
        writer.writerows(["" if cell is None else cell for cell in row.values()] for row in rows)
        return
    writer.writerow(PEER_COLUMNS)
    for *found, distance in peer_rows(answer.sets):
        writer.writerow((*found, "" if np.isnan(distance) else repr(distance)))


@cache
def _encoder(separator: str) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(separator, ": "))


def _indented(value: object, level: int) -> str:
    """Return JSON as ``json.dumps`` writes it with an indent of 1, which alone it does three times as slowly.

    With an indent it encodes number by number; here what is flat goes to its encoder in one piece.
    """
    start, end = "\n" + " " * (level + 1), "\n" + " " * level
    encode = _encoder(f",{start}").encode
    if not isinstance(value, dict | list) or not value:
        return encode(value)
    parts: list[str] = []
    if isinstance(value, list):
        parts += [_indented(item, level + 1) for item in value]
        return f"[{start}{f',{start}'.join(parts)}{end}]"
    flat: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(item, dict | list):
            flat[key] = item
            continue
        if flat:
            parts.append(encode(flat)[1:-1])
            flat = {}
        parts.append(f"{encode(key)}: {_indented(item, level + 1)}")
    if flat:
        parts.append(encode(flat)[1:-1])
    return f"{{{start}{f',{start}'.join(parts)}{end}}}"


def _as_dict(answer: Answer, place: int, *, explain: bool) -> dict[str, object]:
    peer_set, units = answer.sets[place], answer.units
    parts: dict[str, list[dict[str, object]]] = {}
    for part in contributions(peer_set) if explain else ():
        row = {key: _finite(value) for key, value in asdict(part).items() if key != "peer"}
        parts.setdefault(part.peer, []).append(row)
    types = units.column("type") or {}
    found: dict[str, object] = {
        "unit": peer_set.unit,
        "name": units.names.get(peer_set.unit, ""),
        "type": types.get(peer_set.unit, ""),
        "peers": [
            {
                "rank": rank,
                "peer": peer,
                "name": units.names.get(peer, ""),
                "type": types.get(peer, ""),
                "distance": _finite(float(distance)),
                "pool_rank": int(pool_rank),
                "pool_percent": _finite(float(share)),
                **({"contributions": parts.get(peer, [])} if explain else {}),
            }
            for rank, (peer, distance, pool_rank, share) in enumerate(
                zip(
                    peer_set.peers,
                    peer_set.distances,
                    peer_set.pool_ranks,
                    _shares(peer_set, answer.k),
                    strict=True,
                ),
                start=1,
            )
        ],
        "notes": [*answer.notes, *answer.own_notes.get(peer_set.unit, ())],
    }
    if explain:
        exclusions, others = peer_set.set_aside()
        found |= {
            "set_aside": [
                {"candidate": item.candidate, "distance": _finite(item.distance), "reason": item.reason}
                for item in exclusions
            ],
            "others_set_aside": [{"reason": reason, "count": count} for reason, count in others.items()],
        }
    if answer.donor_weights:
        found["donor_weights"] = [
            {name: row[name] for name in ("design", "donor", "weight", "role")}
            for row in answer.donor_weights
            if row["unit"] == peer_set.unit
        ]
    own = [item for item in answer.stability if item.chosen.unit == peer_set.unit]
    if own:
        found["stability"] = [row for item in own for row in stability_fields(item)]
    return found


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shares(peer_set: PeerSet, k: int | None) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return how far each peer is for this pool, in per cent; NaN where that cannot be said."""
    if peer_set.scaled is None or k is None:
        return np.full(len(peer_set.peers), np.nan)
    return pool_percentiles(peer_set.scaled, peer_set.unit, k, peer_set.distances)


def _print_text(console: Console, answer: Answer, peer_set: PeerSet, *, explain: bool) -> None:
    units = answer.units
    types = units.column("type") or {}
    title = ", ".join(
        text for text in (peer_set.unit, units.names.get(peer_set.unit), types.get(peer_set.unit)) if text
    )
    console.print(f"Peers of {title}")
    shares = _shares(peer_set, answer.k)
    _print_nearest(console, peer_set, units, shares)
    if not np.isnan(shares).all():
        console.print(
            f"farther than: the share of all other units whose {_ordinal(answer.k)} nearest is nearer than "
            "this."
        )
        if shares[-1] > FAR:
            console.print(f"The last peer is far: few units are like {peer_set.unit}.")
    if peer_set.scaled is not None and peer_set.scaled.metric == "correlation" and len(peer_set.peers):
        first = float(peer_set.distances[0])
        console.print(
            "distance: √(2 (1 − r)), r the correlation of two outcomes before the start, over the periods "
            f"that both have; {first:.4f} is r = {1.0 - first**2 / 2.0:.3f}."
        )
    _print_aside(console, answer, peer_set)
    if explain:
        parts: dict[str, list[Contribution]] = {}
        for part in contributions(peer_set):
            parts.setdefault(part.peer, []).append(part)
        for peer in peer_set.peers:
            _print_explained(console, peer_set, peer, parts.get(peer, []))
    weighed = [row for row in answer.donor_weights if row["unit"] == peer_set.unit and row["weight"]]
    for design in dict.fromkeys(row["design"] for row in weighed):
        own = [row for row in weighed if row["design"] == design]
        made = capitalised(mixture_words(design))
        console.print(f"{made} of {peer_set.unit}: weights of {len(own)} donors")
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("donor", overflow="fold")
        table.add_column("weight", justify="right")
        rows = [
            [", ".join(filter(None, [row["donor"], units.names.get(row["donor"])])), f"{row['weight']:.3f}"]
            for row in own
        ]
        print_table(console, table, rows)


def _print_nearest(
    console: Console,
    peer_set: PeerSet,
    units: Units,
    shares: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    types = units.column("type") or {}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("peer", overflow="fold")
    if units.names:
        table.add_column("name", ratio=3, overflow="fold")
    if types:
        table.add_column("type", ratio=2, overflow="fold")
    table.add_column("distance", justify="right", no_wrap=True)
    table.add_column("farther than", justify="right", width=7)
    table.add_column("farthest apart on", ratio=3, overflow="fold")
    variables = () if peer_set.scaled is None else peer_set.scaled.variables
    names = {variable: " ".join(variable.split()) for variable in variables}
    driving = largest_shares(peer_set, DRIVERS)
    rows = []
    for rank, (peer, distance, share) in enumerate(
        zip(peer_set.peers, peer_set.distances.tolist(), shares.tolist(), strict=True), start=1
    ):
        words = ", ".join([f"{names[name]} {100 * part:.0f} %" for name, part in driving.get(peer, ())])
        cells = [str(rank), peer]
        cells += [units.names.get(peer, "")] if units.names else []
        cells += [types.get(peer, "")] if types else []
        apart = "–" if math.isnan(share) else f"{share:.0f} %"
        rows.append([*cells, _number(distance, ".4f"), apart, words])
    print_table(console, table, rows)


def _ordinal(k: int | None) -> str:
    number = k or 0
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _print_aside(console: Console, answer: Answer, peer_set: PeerSet) -> None:
    """Print who was set aside on the way to the last peer, and why."""
    asked = answer.k
    short = asked is not None and len(peer_set.peers) < asked
    last = np.inf if short or not len(peer_set.distances) else peer_set.distances[-1]
    exclusions, farther = peer_set.set_aside()
    aside = [item for item in exclusions if not item.distance > last]
    others = farther if short else {}
    if not aside and not others:
        return
    if aside and peer_set.nearest_kept < len(peer_set.peers):
        console.print(
            f"{peer_set.nearest_kept} of the {len(peer_set.peers)} nearest are eligible; "
            "the next nearest fill up."
        )
    console.print("Set aside:")
    for item in aside[:ASIDE]:
        name = answer.units.names.get(item.candidate, "")
        shown = f"{item.candidate}{f', {name}' if name else ''}"
        console.print(f"  {shown} ({_number(item.distance, '.4f')}): {item.reason}")
    if len(aside) > ASIDE:
        console.print(f"  and {len(aside) - ASIDE} more; --explain --format json lists all.")
    for reason, count in list(others.items())[:ASIDE]:
        console.print(f"  {count:,} {'farther' if peer_set.peers else 'in all'}: {reason}")


def _print_overlap(console: Console, sets: Sequence[PeerSet]) -> None:
    """Print which share of the peers of each unit are peers of each other unit too."""
    peers = {peer_set.unit: set(peer_set.peers) for peer_set in sets if peer_set.peers}
    if len(peers) < 2:
        return
    shares = peer_overlap(peers)
    table = Table(box=None, pad_edge=False, title="Shared peers", title_justify="left", header_style="bold")
    table.add_column("of the peers of")
    for unit in peers:
        table.add_column(unit, justify="right")
    rows = [
        [
            unit,
            *(
                "" if unit == other else f"{100 * share:.0f} %"
                for other, share in zip(peers, row, strict=True)
            ),
        ]
        for unit, row in zip(peers, shares, strict=True)
    ]
    print_table(console, table, rows)
    serves: dict[str, list[str]] = {}
    for unit, chosen in peers.items():
        for peer in sorted(chosen):
            serves.setdefault(peer, []).append(unit)
    shared = {peer: units for peer, units in sorted(serves.items()) if len(units) > 1}
    if shared:
        named = "; ".join(f"{peer} of {', '.join(units)}" for peer, units in shared.items())
        console.print(f"Peers of several units, whose estimates then move together: {named}.")


def _number(value: float, form: str) -> str:
    """Return a number as text; an en dash when it is not known."""
    return "–" if math.isnan(value) else format(value, form)


def _print_explained(console: Console, peer_set: PeerSet, peer: str, parts: Sequence[Contribution]) -> None:
    """Print one row per variable: values of both, scaled difference, share of the squared distance."""
    unit, scaled = peer_set.unit, peer_set.scaled
    table = Table(
        box=None, pad_edge=False, title=f"{unit} and {peer}", title_justify="left", header_style="bold"
    )
    difference = f"difference {SCALE_UNITS[scaled.scale]}" if scaled is not None else "difference"
    table.add_column("variable", overflow="fold")
    for column in (unit, peer, difference, "share of distance²"):
        table.add_column(column, justify="right", overflow="fold")
    rows = [
        [
            " ".join(part.variable.split()),
            _cell(scaled, unit, part, part.unit_value),
            _cell(scaled, peer, part, part.peer_value),
            _number(part.scaled_difference, "+.2f"),
            f"{100 * part.share:.1f} %",
        ]
        for part in sorted(parts, key=lambda part: (-part.share, part.variable))
    ]
    print_table(console, table, rows)


def _cell(scaled: Scaled | None, unit: str, part: Contribution, value: float) -> str:
    """Return a value as text, that of a category in its own words."""
    if scaled is not None and part.variable in scaled.categories and not np.isnan(value):
        return str(scaled.cell(unit, part.variable)) or "not known"
    # a volume is a count: six digits of it would be a power of ten
    return _number(value, ",.0f" if abs(value) >= 1e5 else ".6g")
