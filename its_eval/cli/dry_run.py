"""What a run would do, shown without doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from its_eval.config import to_yaml
from its_eval.pipeline.planning import make_plan
from its_eval.pipeline.sources import load_sources

if TYPE_CHECKING:
    from pathlib import Path

    from its_eval.config import Config
    from its_eval.pipeline.plan import OutcomePlan


def planned(config: Config, path: Path, target: Path) -> dict[str, Any]:
    """Return what would be fitted, with which peers, and where the result would stand.

    Parameters
    ----------
    config : Config
        As loaded from `path`.
    path : Path
        The config.
    target : Path
        The result folder.
    """
    plan = make_plan(config, load_sources(config))
    return {
        "config": str(path),
        "out": str(target),
        "outcomes": [_outcome(outcome) for outcome in plan.outcomes],
        "notes": list(plan.notes),
        "settings": config.model_dump(mode="json", by_alias=True),
    }


def _outcome(plan: OutcomePlan) -> dict[str, Any]:
    periods, start = plan.panel.periods, plan.first_start
    chosen = {unit: plan.peer_sets.get(unit) for unit in plan.treated}
    return {
        "outcome": plan.outcome.name,
        "label": plan.outcome.label,
        "first": periods[0],
        "last": periods[-1],
        "start": plan.start_in_words,
        "periods_before": start,
        "periods_after": len(periods) - start,
        "peers": {unit: [] if peers is None else list(peers.peers) for unit, peers in chosen.items()},
    }


def print_plan(config: Config, plan: dict[str, Any], *, first: bool) -> None:
    """Print a plan as comments above the settings with every default: a YAML document.

    Parameters
    ----------
    config : Config
        The settings.
    plan : dict
        As `planned` returns it.
    first : bool
        Whether it is the first document printed.
    """
    if not first:
        typer.echo("---")
    typer.echo(f"# {plan['config']} would be written to {plan['out']}")
    for outcome in plan["outcomes"]:
        typer.echo(
            f"# {outcome['label']}: {outcome['first']} to {outcome['last']}, "
            f"{outcome['periods_before']} periods before and {outcome['periods_after']} "
            f"from {outcome['start']}"
        )
        for unit, peers in outcome["peers"].items():
            typer.echo(f"#   {unit}: {', '.join(peers) or 'no peers'}")
    for note in plan["notes"]:
        typer.echo(f"# note: {note}")
    typer.echo(to_yaml(config), nl=False)
