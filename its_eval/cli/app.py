"""The `its-eval` program: one funnel for errors, one small module per command."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from its_eval.cli.interpreter import set_up_interpreter
from its_eval.cli.lazy_commands import LazyGroup
from its_eval.cli.stopping import stopping_cleanly
from its_eval.cli.streams import prepare_streams, require_sound_names
from its_eval.errors import ItsEvalError

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
