# ruff: noqa: INP001  (an extension that Sphinx finds by the path in conf.py)
"""Parts of pages that the program itself makes: commands, keys of a config, choices by name, tables.

A comment in a page names a part, which takes its place as Markdown before the page is read. Nothing is
written down twice: commands are those of the program, keys those of the JSON Schema, choices those of the
catalogues, columns those of the contract's tables. A page may also be a file above the folder of the pages.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import typer

from its_eval.cli.app import COMMANDS, PROGRAM, app
from its_eval.columns import BESIDE, COLUMNS
from its_eval.comparisons.catalogue import COMPARISONS
from its_eval.config import KNOWN_PRESETS, json_schema
from its_eval.design.shapes import SHAPES
from its_eval.effects.estimands import ESTIMANDS
from its_eval.estimators.catalogue import ESTIMATORS
from its_eval.figures.catalogue import FIGURES
from its_eval.pipeline.credibility import CHECKS
from its_eval.words.labels import capitalised, check_words, compared_with

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sphinx.application import Sphinx

    Schema = Mapping[str, Any]


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def code(text: str) -> str:
    """Return a text set as it is typed."""
    return f"`{text}`" if text else ""


def plain(text: str) -> str:
    """Return words as Markdown that shows them as they are; what stands between backticks stays so."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([<*_\[\]\\])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def commands() -> Iterator[str]:
    """Yield every command: what it does, examples, arguments and options."""
    program = typer.main.get_command(app)
    for name in COMMANDS:
        command = program.commands[name]
        context = typer.Context(command, info_name=f"{PROGRAM} {name}")
        usage = command.get_usage(context).removeprefix("Usage: ")
        yield f"### {name}\n\n```sh\n{usage}\n```\n"
        yield from map(_paragraph, str(command.help).split("\n\n"))
        records = (parameter.get_help_record(context) for parameter in command.params)
        rows = [[code(names), plain(words)] for names, words in filter(None, records)]
        if rows:
            yield table(["argument or option", "meaning"], rows)


def _paragraph(text: str) -> str:
    """Return a paragraph of a command's help; what is to keep its line breaks begins with a backspace."""
    if not text.startswith("\b\n"):
        return f"{plain(text)}\n"
    lines = text.removeprefix("\b\n").splitlines()
    title = f"{lines.pop(0)}\n\n" if lines[0].endswith(":") else ""
    return f"{title}```sh\n{dedent(chr(10).join(lines))}\n```\n"


def keys() -> Iterator[str]:
    """Yield every key of a config: a section for each key of the first level, with all beneath it."""
    schema = json_schema()
    for name, entry in schema["properties"].items():
        yield f"### {name}\n"
        rows = [_key_row(name, entry, schema["$defs"], needed=name in schema["required"])]
        rows += _beneath(name, entry, schema["$defs"], ())
        yield table(["key", "takes", "meaning"], rows)


def _key_row(place: str, entry: Schema, sections: Mapping[str, Schema], *, needed: bool) -> list[str]:
    takes = [*dict.fromkeys(_takes(entry)), "required" if needed else _default(entry)]
    said = entry.get("description") or _section(entry, sections).get("description", "")
    return [code(place), ", ".join(filter(None, takes)), plain(said)]


def _section(entry: Schema, sections: Mapping[str, Schema]) -> Schema:
    """Return the section that an entry refers to; an empty one where it refers to none."""
    return sections.get(str(entry.get("$ref", "")).rpartition("/")[2], {})


def _default(entry: Schema) -> str:
    """Return what a key is when it is left out; blank for nothing."""
    if "default" not in entry or entry["default"] in (None, [], {}, ""):
        return ""
    default = entry["default"]
    if isinstance(default, list) and all(isinstance(item, dict) and "name" in item for item in default):
        default = [item["name"] for item in default]
    words = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    return f"default {code(words)}"


#: What a type of JSON is called in a config.
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "yes or no",
    "object": "mapping",
}


def _takes(entry: Schema) -> Iterator[str]:
    """Yield in words what a key takes; nothing for none."""
    if "$ref" in entry:
        yield "section"
    for branch in entry.get("anyOf", entry.get("oneOf", ())):
        yield from _takes(branch)
    if "enum" in entry:
        yield from (code(str(value)) for value in entry["enum"])
    elif "const" in entry:
        yield code(str(entry["const"]))
    elif entry.get("type") == "array":
        items = dict.fromkeys(_takes(entry.get("items", {})))
        yield f"list of {' or '.join(items)}" if items else "list"
    else:
        types = [entry["type"]] if isinstance(entry.get("type"), str) else entry.get("type", [])
        # a code may be written without quotes, as a number
        yield from (TYPES[name] for name in (["string"] if "string" in types else types) if name in TYPES)


def _beneath(
    place: str, entry: Schema, sections: Mapping[str, Schema], within: tuple[str, ...]
) -> list[list[str]]:
    """Return the rows of all keys within a key, sections within lists too."""
    rows: list[list[str]] = []
    for branch in (entry, *entry.get("anyOf", ()), *entry.get("oneOf", ())):
        named = str(branch.get("$ref", "")).rpartition("/")[2]
        if named and named not in within:
            section = sections[named]
            for name, key in section.get("properties", {}).items():
                inner = f"{place}.{name}"
                rows.append(_key_row(inner, key, sections, needed=name in section.get("required", ())))
                rows += _beneath(inner, key, sections, (*within, named))
        elif branch is not entry:
            rows += _beneath(place, branch, sections, within)
    if entry.get("type") == "array":
        rows += _beneath(place, entry.get("items", {}), sections, within)
    seen: dict[str, list[str]] = {}
    return [seen.setdefault(row[0], row) for row in rows if row[0] not in seen]


def choices() -> Iterator[str]:
    """Yield what a config can name, from the catalogues."""
    yield "### Designs\n"
    yield table(
        ["`designs`", "compared with", "how"],
        [[code(name), compared_with(name), each.method] for name, each in COMPARISONS.items()],
    )
    yield "### Estimators\n"
    yield table(
        ["`estimators`", "what", "assumes", "options"],
        [
            [code(name), each.title, each.assumes, ", ".join(map(code, each.options))]
            for name, each in ESTIMATORS.items()
        ],
    )
    yield "### Shapes\n"
    yield table(
        ["`intervention.shape`", "what may change", "least periods after the start"],
        [[code(name), each.in_words, str(each.needs)] for name, each in SHAPES.items()],
    )
    yield "### Estimands\n\n`effect_at_<k>` is the effect k periods after the first that is wholly after.\n"
    yield table(
        ["estimand", "what"], [[code(name), capitalised(each.in_words)] for name, each in ESTIMANDS.items()]
    )
    yield "### Checks\n\nWhat they look for, and how often they cry: [checks](checks.md).\n"
    yield table(["check", "what"], [[code(name), capitalised(check_words(name))] for name in CHECKS])
    yield "### Figures\n\nThe main ones are always drawn, the others with `output: {which: all}`.\n"
    yield table(["figure", "what it shows"], [[code(name), each.caption] for name, each in FIGURES.items()])
    yield "### Presets of peers\n"
    yield table(["`peers.preset`"], [[code(name)] for name in KNOWN_PRESETS])


def columns() -> Iterator[str]:
    """Yield the tables of a run with their columns, in order."""
    yield table(
        ["table", "columns"],
        [[code(name), ", ".join(map(code, names))] for name, names in {**COLUMNS, **BESIDE}.items()],
    )


PARTS = {"commands": commands, "keys": keys, "choices": choices, "columns": columns}
MARKER = re.compile(r"^<!-- (?:made by the program: (\w+)|the file (\S+)) -->$", re.MULTILINE)
#: A link or a picture that is no address and no anchor: its path, and the anchor behind it.
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
DOCS = Path(__file__).resolve().parents[1]
#: Pages of the site for files that stand above this folder.
PAGES = {DOCS.parent / "README.md": "readme.md", DOCS.parent / "CHANGELOG.md": "changes.md"}


def complete(sphinx: Sphinx, page: str, text: list[str]) -> None:
    """Put what the program says of itself, or a file from above, into a page; lead links to their pages."""
    folder = Path(sphinx.env.doc2path(page)).parent

    def part(found: re.Match[str]) -> str:
        if found[1]:
            return "\n".join(PARTS[found[1]]())
        path = (folder / found[2]).resolve()
        return _led(path.read_text(encoding="utf-8"), path.parent, folder)

    text[0] = MARKER.sub(part, _led(text[0], folder, folder))


def _led(text: str, written_in: Path, shown_in: Path) -> str:
    """Return Markdown whose links, written in one folder, are right in a page of another one.

    Pages stay pages; any other file that is there can be downloaded from the site.
    """

    def link(found: re.Match[str]) -> str:
        path = (written_in / found[1]).resolve()
        if path.is_dir():
            path = path.with_suffix(".md")
        target = DOCS / PAGES[path] if path in PAGES else path
        place = Path(os.path.relpath(target, shown_in)).as_posix()
        is_page = target.suffix in (".md", ".png", ".svg") and target.is_relative_to(DOCS)
        return f"](<{'' if is_page else 'path:'}{place}{found[2] or ''}>)"

    return LINK.sub(link, text)


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Have every page completed before it is read."""
    sphinx.connect("source-read", complete)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
