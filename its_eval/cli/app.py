"""The `its-eval` program: one funnel for errors, one small module per command."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from its_eval.cli.commands.init import init
from its_eval.cli.commands.peers import peers
from its_eval.cli.commands.run import run
from its_eval.cli.commands.schema import schema
from its_eval.cli.commands.validate import validate
from its_eval.errors import ItsEvalError

EXIT_BUG = 70
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="its-eval",
    help="Interrupted time series evaluation for health services, from one YAML file.",
    epilog="Try it: its-eval init --demo demo && its-eval run demo/configs/sample.yaml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(peers)
app.command()(validate)
app.command()(init)
app.command()(schema)


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
    _debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of expected errors too.")] = False,
) -> None:
    """Interrupted time series evaluation for health services, from one YAML file."""


def main() -> None:
    """Run the program and turn every outcome into the exit code of the contract."""
    debug = "--debug" in sys.argv
    try:
        code = app(standalone_mode=False)
    except ItsEvalError as error:
        if debug:
            traceback.print_exc()
        _complain(error.message, error.hint)
        raise SystemExit(error.exit_code) from None
    except typer.TyperException as error:
        # a wrong option, a missing argument, or no argument at all: then the message is the help
        typer.echo(error.format_message(), err=True)
        raise SystemExit(2) from None
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # the reader of a pipe has seen enough, e.g. `its-eval peers … | head`
        sys.stderr.close()
        raise SystemExit(0) from None
    except Exception:  # noqa: BLE001  the one broad catch: a bug is reported as a bug
        traceback.print_exc()
        _complain("this is a bug in its-eval", "please report it with the lines above and the config")
        raise SystemExit(EXIT_BUG) from None
    if code == EXIT_INTERRUPTED:
        typer.echo("interrupted; nothing was written", err=True)
    raise SystemExit(code if isinstance(code, int) else 0)


def _complain(message: str, hint: str | None) -> None:
    typer.echo(f"its-eval: {message}", err=True)
    if hint:
        typer.echo(f"  hint: {hint}", err=True)
