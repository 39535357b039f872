"""How steady peers are, as a table for people and as rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from its_eval.peers.stability import steadiness

if TYPE_CHECKING:
    from rich.console import Console

    from its_eval.pipeline.peer_stability import Estimated, StabilityOfUnit

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
        if estimated:
            table.add_column("estimate (interval)", justify="right", no_wrap=True)
            table.add_row("as chosen", "", "", "", "", _interval(found.primary))
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
            table.add_row(*cells, *([_interval(value)] if estimated else []))
        console.print(table)
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
