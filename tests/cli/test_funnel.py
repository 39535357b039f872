"""Exit codes, streams and messages that all commands share."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from its_eval.cli import app
from its_eval.errors import ItsEvalError, NothingEstimatedError
from its_eval.pipeline import produce
from its_eval.provenance import program_version

COMMANDS = ("run", "peers", "validate", "init", "schema")
ESCAPE = "\x1b"


def test_version(its):
    answer = its("--version")
    assert (answer.code, answer.out.strip(), answer.err) == (0, program_version(), "")


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_the_program_lists_the_commands(its, flag):
    answer = its(flag)
    assert answer.code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", answer.out, re.MULTILINE)
    assert "Try it: its-eval init --demo demo" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_an_example_on_a_line_of_its_own(its, command):
    answer = its(command, "--help")
    assert answer.code == 0
    assert re.search(rf"^ *(Example: )?its-eval {command}\b", answer.out, re.MULTILINE)
    assert answer.err == ""


def test_no_argument_gives_the_help_on_stderr(its):
    answer = its()
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("Usage: its-eval")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["run"], "Missing argument 'CONFIG'.", "its-eval run --help"),
        (["run", "--frce"], "No such option: --frce", "its-eval run --help"),
        (["rnu"], "No such command 'rnu'", "its-eval --help"),
        (
            ["run", "a.yaml", "--format", "xml"],
            "'--format': 'xml' is not one of 'text', 'json'",
            "its-eval run --help",
        ),
        (["run", "a.yaml", "--jobs", "0"], "should be greater than or equal to 1", "its-eval run --help"),
        (["peers", "a.csv", "-k", "0"], "should be greater than or equal to 1", "its-eval peers --help"),
    ],
)
def test_a_wrong_command_line_is_one_message_with_a_hint(its, arguments, message, hint):
    answer = its(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("its-eval: ")
    assert message in answer.err
    assert f"hint: {hint}" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("code", [2, 3, 4])
def test_an_expected_error_is_its_message_and_hint_without_traceback(its, study, monkeypatch, code):
    class ExpectedError(ItsEvalError):
        exit_code = code

    def fail(*_, **__):
        raise ExpectedError("what was wrong", "what to do")

    monkeypatch.setattr(produce, "produce", fail)
    answer = its("run", study.config, "--out", study.folder / "out")
    assert (answer.code, answer.out) == (code, "")
    assert answer.err == "its-eval: what was wrong\n  hint: what to do\n"


def test_debug_shows_the_traceback_of_an_expected_error(its, study):
    answer = its("--debug", "run", study.folder / "nowhere.yaml")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert "its-eval: " in answer.err
    assert "hint" not in its("--debug", "schema").err


def test_a_bug_is_70_with_traceback(its, study, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("a surprise")

    monkeypatch.setattr(produce, "produce", fail)
    answer = its("run", study.config, "--out", study.folder / "out")
    assert (answer.code, answer.out) == (70, "")
    assert "ZeroDivisionError: a surprise" in answer.err
    assert "its-eval: this is a bug in its-eval" in answer.err
    assert "please report it" in answer.err


def test_an_interrupt_is_130_and_leaves_nothing(its, study, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(produce, "write_text", fail)
    answer = its("run", study.config, "--out", study.folder / "out")
    assert (answer.code, answer.out) == (130, "")
    assert answer.err == "its-eval: interrupted; no half result is left\n"
    assert not [path for path in study.folder.iterdir() if "out" in path.name]


def test_the_end_of_input_is_an_interrupt(its, monkeypatch):
    def fail(**_):
        raise app.typer.Abort

    monkeypatch.setattr(app, "app", fail)
    assert its().code == 130


def test_a_command_without_a_code_is_0(its, monkeypatch):
    monkeypatch.setattr(app, "app", lambda **_: None)
    assert its().code == 0


def test_other_exits_pass_through(its, monkeypatch):
    def leave(**_):
        raise SystemExit(5)

    monkeypatch.setattr(app, "app", leave)
    assert its().code == 5


def test_nothing_estimated_is_4():
    assert NothingEstimatedError("nothing").exit_code == 4


def test_the_module_is_the_program(program):
    answer = program("--version")
    assert (answer.code, answer.out.strip()) == (0, program_version())


@pytest.mark.skipif(os.name == "nt", reason="pipes of a POSIX shell")
@pytest.mark.parametrize("arguments", ["--explain --format csv", "", "--format json"])
def test_a_reader_that_leaves_early_sees_no_traceback(study, arguments, patience):
    command = (
        f"'{sys.executable}' -m its_eval peers '{study.characteristics}' --unit all {arguments} | head -1; "
        'echo "${PIPESTATUS[0]}"'
    )
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, timeout=patience
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == ["0"]


@pytest.mark.skipif(os.name == "nt", reason="pipes of a POSIX shell")
def test_more_output_than_a_pipe_holds_meets_a_closed_pipe(study, patience):
    rows = "\n".join(f"U{place:03d},{place % 17},{place % 23}" for place in range(300))
    study.characteristics.write_text(f"unit,a,b\n{rows}\n", encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "its_eval", "peers", study.characteristics, "--unit", "all", "-k", "200"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        timeout=patience,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(os.name == "nt", reason="streams of a POSIX shell")
@pytest.mark.parametrize(
    ("arguments", "streams", "code", "says"),
    [
        # a reader that leaves, or nobody who listens: the exit code stays what it was
        ("diff '{one}' '{two}'", "| true", 1, ""),
        ("diff '{one}' '{two}'", ">&-", 1, ""),
        ("diff '{one}' '{two}'", "> /dev/full", 2, "its-eval: cannot write to standard output: No space"),
        ("run nowhere.yaml", "2>&1 | true", 2, ""),
        ("run nowhere.yaml", "2>&-", 2, ""),
        ("run nowhere.yaml", "2> /dev/full", 2, ""),
    ],
)
def test_streams_that_fail_change_no_exit_code(tmp_path, arguments, streams, code, says, patience):
    for name, number in (("one", 1), ("two", 2)):
        (tmp_path / name / "tables").mkdir(parents=True)
        (tmp_path / name / "tables" / "fits.csv").write_text(f"n\n{number}\n")
        known = {"schema_version": 1, "program": {"name": "its-eval", "version": "1"}}
        known |= {"inputs": {}, "outputs": {}}
        (tmp_path / name / "manifest.json").write_text(json.dumps(known))
    called = arguments.format(one=tmp_path / "one", two=tmp_path / "two")
    command = f"'{sys.executable}' -m its_eval {called} {streams}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=patience
    )
    assert done.returncode == code
    assert done.stderr.startswith(says) if says else done.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="names of POSIX are bytes")
def test_names_that_are_not_utf8_are_refused(its, study, monkeypatch, tmp_path):
    answer = its("run", study.config, "-o", "bad\udcff")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("its-eval: 'bad\\udcff' is not UTF-8")
    folder = tmp_path / "bad\udcff"
    folder.mkdir()
    monkeypatch.chdir(folder)
    answer = its("schema")
    assert answer.code == 2
    assert "is not UTF-8" in answer.err
    folder.rmdir()
    answer = its("schema")
    assert answer.code == 2
    assert answer.err.startswith("its-eval: the working folder: No such file or directory")


def test_a_terminal_shows_what_it_cannot_write_as_an_escape(study, in_terminal):
    shown = in_terminal(
        "run",
        study.config,
        "--no-figures",
        "--no-report",
        "-o",
        study.folder / "out",
        PYTHONIOENCODING="ascii",
    )
    assert "\\u2212" in shown


def test_piped_output_is_utf8_in_any_locale(study, program):
    answer = program(
        "run", study.config, "--no-figures", "--no-report", "-o", "out", cwd=study.folder,
        LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert (answer.code, answer.err) == (0, "")
    assert "−" in answer.out


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}])
def test_piped_output_is_plain(study, program, environment):
    for arguments in (
        ["peers", study.characteristics, "--unit", "A1", "--explain"],
        ["run", study.folder / "nowhere.yaml"],
    ):
        answer = program(*arguments, TERM="xterm-256color", **environment)
        assert ESCAPE not in answer.out + answer.err


@pytest.fixture
def in_terminal(patience):
    """What a terminal of 70 columns is sent: in_terminal("peers", ..., NO_COLOR="1")."""

    def call(*arguments, **environment):
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        main, side = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "its_eval", *map(str, arguments)],
            stdin=side,
            stdout=side,
            stderr=side,
            env={**kept, "TERM": "xterm-256color", "COLUMNS": "70", **environment},
        ) as process:
            os.close(side)
            shown = b""
            try:
                while part := os.read(main, 65536):
                    shown += part
            except OSError:
                # the terminal is gone: the process has ended
                pass
            os.close(main)
            try:
                assert process.wait(timeout=patience) == 0
            finally:
                process.kill()
        return shown.decode("utf-8")

    return call


@pytest.mark.skipif(os.name == "nt", reason="a terminal of POSIX")
def test_a_terminal_gets_bold_unless_no_color_is_set(study, in_terminal):
    arguments = ("peers", study.characteristics, "--unit", "A1")
    assert f"{ESCAPE}[1m" in in_terminal(*arguments)
    assert ESCAPE not in in_terminal(*arguments, NO_COLOR="1")


@pytest.mark.parametrize("command", ["schema", "validate", "run", "peers"])
def test_json_is_strict(its, study, command):
    arguments = {
        "schema": [],
        "validate": [study.config, "--format", "json"],
        "run": [study.config, "--format", "json", "--no-figures", "-o", study.folder / "out"],
        "peers": [study.characteristics, "--unit", "A1", "--format", "json"],
    }[command]
    answer = its(command, *arguments)
    assert (answer.code, answer.err) == (0, "")

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(answer.out, parse_constant=refuse)
