"""What the documents and shipped configs say is so."""

import doctest
import re
import shlex
from pathlib import Path

import pytest
import typer

import its_eval
from its_eval.cli.app import app
from its_eval.config import json_schema, load_config
from its_eval.pipeline.sources import input_files

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROGRAM = typer.main.get_command(app)
DOCUMENTS = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.is_file()]


def shell_lines(text):
    """Return the commands of all shell blocks: every line, or those behind a prompt where there is one."""
    lines = []
    for block in re.findall(r"^```(?:console|sh|bash)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        joined = block.replace("\\\n", " ").splitlines()
        prompted = [line[2:] for line in joined if line.startswith("$ ")]
        lines += prompted or [line for line in joined if line.strip()]
    return lines


def program_calls(text):
    """Return the arguments of every call of the program, without comments."""
    calls = []
    for line in shell_lines(text):
        for part in re.split(r"&&|\||;|>", line):
            words = shlex.split(part, comments=True)
            if words and Path(words[0]).name == "its-eval":
                calls.append(words[1:])
    return calls


def options_of(command):
    return {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_loads(path):
    assert load_config(path).title


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_is_valid_on_its_data(path, its):
    missing = [source.name for source in input_files(load_config(path)) if not source.exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not here; they are not part of the repository")
    answer = its("validate", path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"{path}: valid\n")


@pytest.mark.parametrize("name", sorted(PROGRAM.commands))
def test_every_command_has_help_with_an_example_and_describes_its_options(name):
    command = PROGRAM.commands[name]
    assert command.help
    (example,) = re.findall(rf"its-eval {name}\b.*", command.help)[:1]
    assert set(option_names(example)) <= set(options_of(command))
    assert [option.name for option in command.params if not getattr(option, "help", "")] == []


def option_names(line):
    return re.findall(r"(?<!\S)--?[a-z][a-z-]*", line)


@pytest.mark.parametrize("name", sorted(PROGRAM.commands))
def test_options_of_help_examples_exist(name):
    command = PROGRAM.commands[name]
    for example in re.findall(rf"its-eval {name}\b.*", command.help):
        assert set(option_names(example)) <= set(options_of(command))


def keys(schema, where=""):
    """Yield every key of a JSON Schema with its place."""
    for name, definition in (schema.get("$defs") or {}).items():
        yield from keys(definition, f"{name}.")
    for name, definition in (schema.get("properties") or {}).items():
        yield f"{where}{name}", definition


def description_of(definition, schema):
    """Return what is said of a key, or of the section that it refers to."""
    referred = definition.get("$ref", "").rpartition("/")[2]
    return definition.get("description") or schema["$defs"].get(referred, {}).get("description")


def test_every_key_of_the_config_has_a_description():
    schema = json_schema()
    described = dict(keys(schema))
    assert len(described) > 50
    assert [place for place, key in described.items() if not description_of(key, schema)] == []


def test_the_readme_shows_calls():
    assert program_calls(README)


@pytest.mark.parametrize("words", program_calls(README), ids=" ".join)
def test_a_call_of_the_readme_names_what_exists(words):
    command = PROGRAM
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert command is not PROGRAM or not [word for word in words if not word.startswith("-")]
    given = {word.split("=")[0] for word in words if word.startswith("-")}
    assert given <= {*options_of(command), "-h", "--help"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sample_paths_and_links_exist(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w/])((?:configs|data/sample|docs)/[\w./-]*\w)", text)
    named = [name for name in named if not name.startswith("demo/")]
    assert [name for name in named if not (ROOT / name).exists()] == []
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text)
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_make_targets_of_the_readme_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE))
    blocks = "\n".join(shell_lines(README))
    named = set(re.findall(r"`make ([a-z][a-z-]*)`", README))
    named |= set(re.findall(r"^make ([a-z][a-z-]*)", blocks, re.MULTILINE))
    assert named
    assert named <= targets


def test_make_targets_are_phony_and_explained():
    explained = set(re.findall(r"^([a-z][a-z-]*):.*## ", MAKEFILE, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert explained == set(phony.split())


def test_the_readme_shows_true_output_of_the_sample(its, tmp_path):
    shown = re.findall(r"^\$ its-eval run configs/sample\.yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert shown
    answer = its("run", ROOT / "configs" / "sample.yaml", "-o", tmp_path / "out", "--no-figures")
    assert answer.code == 0
    for text in shown:
        kept = [line.rstrip() for line in text.splitlines() if line.strip() not in ("", "…")]
        printed = [line for line in answer.out.splitlines() if line.strip()]
        assert [line for line in kept if line not in printed] == []


def test_examples_in_python_print_what_they_show(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```pycon\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    examples = doctest.DocTestParser().get_doctest(blocks, {}, "python.md", "docs/python.md", 0)
    assert len(examples.examples) > 10
    said = []
    done = doctest.DocTestRunner().run(examples, out=said.append)
    assert done.failed == 0, "".join(said)


def test_every_public_name_is_in_the_document_about_python():
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in its_eval.__all__ if f"`{name}" not in text] == []
