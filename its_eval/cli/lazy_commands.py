"""The subcommands by name: each module is loaded when its command is called, so that ``--help`` is quick."""

from __future__ import annotations

from collections import UserDict
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True)
class Entry:
    """Where a subcommand is, and what the list of commands says of it.

    Attributes
    ----------
    function : str
        Its name in the module of the same name under ``cli.commands``.
    summary : str
        The first line of its help.
    """

    function: str
    summary: str


#: In the order of the help.
COMMANDS = {
    "run": Entry("run", "Evaluate configs: choose peers, fit, check, write tables, figures and a report."),
    "peers": Entry("peers", "Show the nearest units by distance on characteristics, and why."),
    "validate": Entry(
        "validate",
        "Check configs, then their data: all faults in one pass, nothing fitted or written.",
    ),
    "init": Entry("init", "Write a commented config that works, or the whole demonstration."),
    "import": Entry(
        "import_",
        "Read a publisher's files into one tidy table, with the origin of every value.",
    ),
    "calibrate": Entry(
        "calibrate",
        "Measure size, coverage and power of the configured estimators on series like yours.",
    ),
    "power": Entry("power", "Show the smallest effect that a design can detect, before any data exist."),
    "report": Entry(
        "report",
        "Render a report again from its tables, without fitting; of several runs one overview.",
    ),
    "diff": Entry(
        "diff",
        "Say what differs between two results: settings, inputs, then every table; exit 1 when something "
        "does.",
    ),
    "verify": Entry(
        "verify",
        "Hash the inputs and outputs of results again: exit 1 when a file is not what it was.",
    ),
    "schema": Entry("schema", "Print the JSON Schema of the config."),
    "before-after": Entry(
        "before_after",
        "Compare projects before and after: sums, per cent, paired tests, effect sizes.",
    ),
    "spc": Entry("spc", "Make XmR charts: limits, rules for special causes, a page of all units."),
}


class _Loaded(UserDict[str, Any]):
    """Commands by name, each made when it is asked for."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(COMMANDS))

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            function = COMMANDS[name].function
            module = import_module(f"its_eval.cli.commands.{function}")
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(name)(getattr(module, function))
            self.data[name] = get_command(single)
        return self.data[name]


class LazyGroup(TyperGroup):
    """The program with its subcommands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()
        self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (typer's signature)
        """Return the names in the order of the help."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; for the list of all, its name and summary alone."""
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name].summary)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        self._listing = True
        try:
            super().format_commands(ctx, formatter)
        finally:
            self._listing = False
