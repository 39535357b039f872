"""The `its-eval` program: one funnel for errors, and the subcommands by name, loaded when they are called."""

from __future__ import annotations

import sys
import traceback
from collections import UserDict
from importlib import import_module
from typing import Annotated, Any

import typer
from msgspec import Struct
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.main import get_command

from its_eval.cli.system import prepare_streams, require_sound_names, set_up_interpreter, stopping_cleanly
from its_eval.errors import ItsEvalError


class Entry(Struct, frozen=True):
    """Where a subcommand is, and what the list of commands says of it.

    Attributes
    ----------
    function : str
        Its name.
    summary : str
        The first line of its help.
    module : str
        Where it is under ``cli.commands``; in a module of its own name when left out.
    """

    function: str
    summary: str
    module: str = ""


#: In the order of the help.
COMMANDS = {
    "run": Entry("run", "Evaluate configs: tables, figures and a report."),
    "peers": Entry("peers", "Show the nearest units by characteristics, and why."),
    "validate": Entry("validate", "Check configs and their data: all faults in one pass.", "configs"),
    "init": Entry("init", "Write a commented config, or lay out the demonstration.", "configs"),
    "import": Entry("import_", "Read publishers' files into one tidy table."),
    "protocol": Entry("protocol", "Seal question, design, peers and data before the start."),
    "calibrate": Entry("calibrate", "Measure size, coverage and power on series like yours."),
    "simulate": Entry("simulate", "Make up series with a planted effect, from a config alone."),
    "power": Entry("power", "Show the smallest effect that a design can detect."),
    "report": Entry("report", "Render a report again; of several runs an overview.", "results"),
    "diff": Entry("diff", "Say what differs between two results.", "results"),
    "verify": Entry("verify", "Check that the files of results are what they were.", "results"),
    "schema": Entry("schema", "Print the JSON Schema of the config.", "configs"),
    "before-after": Entry("before_after", "Compare projects before and after, with paired tests."),
    "spc": Entry("spc", "Make XmR charts, and a page of all units."),
}

#: What an option takes, in the words of a user instead of types of Python; by its name, then by its type.
TAKES = {
    **dict.fromkeys(("units", "indicators", "characteristics", "layout", "style", "answers"), "FILE"),
    **dict.fromkeys(("unit_column",), "COLUMN"),
    **dict.fromkeys(("preset", "indicator", "stratum"), "NAME"),
    "unit": "CODE",
    "date": "PERIOD",
}


class _Loaded(UserDict[str, Any]):
    """Commands by name, each made when it is asked for."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(COMMANDS))

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            entry = COMMANDS[name]
            module = import_module(f"its_eval.cli.commands.{entry.module or entry.function}")
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(name)(getattr(module, entry.function))
            self.data[name] = _in_plain_words(get_command(single))
        return self.data[name]


def _in_plain_words(command: Any) -> Any:
    """Return a command whose help names no types of Python."""
    for param in command.params:
        if isinstance(param, TyperArgument):
            # its name says what it takes
            vars(param)["display_type_rich"] = lambda ctx: None  # noqa: ARG005  (typer's signature)
        elif param.metavar is None and not param.is_flag and "|" not in str(param.display_type(None)):
            param.metavar = TAKES.get(param.name) or _kind(str(param.display_type(None)))
    return command


def _kind(type_name: str) -> str:
    """Return what typer calls a type as a word."""
    words = {"int": "N", "float": "X", "path": "PATH"}
    return next((word for kind, word in words.items() if kind in type_name), "TEXT")


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


PROGRAM = "its-eval"
EXIT_USAGE = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name=PROGRAM,
    cls=LazyGroup,
    help="Interrupted time series evaluation for health services, from one YAML file.",
    epilog="Try it: its-eval init --demo demo && its-eval run demo/configs/sample.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(value: bool) -> None:
    if value:
        from its_eval.provenance import program_version  # noqa: PLC0415  (only when asked)

        typer.echo(program_version())
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of expected errors too; before the command.")
    ] = False,
) -> None:
    """Interrupted time series evaluation for health services, from one YAML file."""


def main() -> None:
    """Run the program and turn every outcome into the exit code of the contract."""
    set_up_interpreter()
    debug = "--debug" in sys.argv
    prepare_streams()
    try:
        require_sound_names(sys.argv[1:])
        with stopping_cleanly():
            code = app(prog_name=PROGRAM, standalone_mode=False)
        # what is still buffered may meet a full disk: here it can be said, at exit no more
        sys.stdout.flush()
    except ItsEvalError as error:
        if debug:
            traceback.print_exc()
        _complain(error.message, error.hint)
        raise SystemExit(error.exit_code) from None
    except typer.TyperException as error:
        _complain_usage(error)
        raise SystemExit(EXIT_USAGE) from None
    except typer.Abort:
        code = EXIT_INTERRUPTED
    except Exception:  # noqa: BLE001  the one broad catch: a bug is reported as a bug
        traceback.print_exc()
        _complain("this is a bug in its-eval", "please report it with the lines above and the config")
        raise SystemExit(EXIT_BUG) from None
    if code == EXIT_INTERRUPTED:
        typer.echo("its-eval: interrupted; no half result is left", err=True)
    raise SystemExit(code if isinstance(code, int) else 0)


def _complain_usage(error: typer.TyperException) -> None:
    """Say what was wrong with the command line; without any argument the message is the whole help."""
    # typer checks values with pydantic, whose own words add nothing
    message = error.format_message().replace("Value error, ", "")
    if message.startswith("Usage:"):
        typer.echo(message, err=True)
        return
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    _complain(message, f"{command} --help shows the options and examples")


def _complain(message: str, hint: str | None) -> None:
    typer.echo(f"its-eval: {message}", err=True)
    if hint:
        typer.echo(f"  hint: {hint}", err=True)
