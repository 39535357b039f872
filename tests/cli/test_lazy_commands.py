"""Subcommands are loaded when they are called; the list of them says what they say themselves."""

import re
import subprocess
import sys

import pytest
import typer

from its_eval.cli.app import COMMANDS, app

PROGRAM = typer.main.get_command(app)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_summary_is_the_first_line_of_the_help(name):
    command = PROGRAM.commands[name]
    assert command.name == name
    assert command.help.split("\n\n")[0].replace("\n", " ").strip() == COMMANDS[name].summary


def test_help_loads_the_program_and_no_command(patience):
    code = (
        "import sys, its_eval.cli.app as app\n"
        "sys.argv = ['its-eval', '--help']\n"
        "try:\n    app.main()\nexcept SystemExit:\n    pass\n"
        "own = sorted(name for name in sys.modules if name.split('.')[0] == 'its_eval')\n"
        "print(own, file=sys.stderr)\n"
        "roots = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(roots - sys.stdlib_module_names), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=patience)
    own, others = done.stderr.splitlines()
    assert own == (
        "['its_eval', 'its_eval.cli', 'its_eval.cli.app', 'its_eval.cli.system', 'its_eval.errors']"
    )
    # what typer itself loads, and no library of ours
    assert "'typer'" in others
    for name in ("numpy", "pandas", "pydantic", "yaml", "pyarrow", "matplotlib", "sklearn", "statsmodels"):
        assert f"'{name}'" not in others


def test_all_commands_can_be_had_at_once():
    commands = typer.main.get_command(app).commands
    assert list(commands) == list(COMMANDS)
    assert [command.name for command in commands.values()] == list(COMMANDS)
    assert [name for name, _ in commands.items()] == list(COMMANDS)
    assert commands.get("nothing", "none") == "none"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_speaks_of_what_is_wanted_and_not_of_types_of_python(its, name):
    text = its(name, "--help").out
    assert not re.findall(r"<(?:list|str|path|int|float)[^|>]*>|\.\.\.}", text)
    # on a narrow terminal the list of commands shows every summary whole
    assert len(COMMANDS[name].summary) < 60
