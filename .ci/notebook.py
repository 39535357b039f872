# ruff: noqa: INP001  (a script)
"""Run the shipped notebook and compare its page in the docs: ``make check``; ``make notebook`` writes it.

The cells are run in order in the folder of the notebook, as a kernel does. What a cell ends with is shown as
a notebook would: a result as its text and the figure of its cell, a figure, or the text of anything else.
The page is compared by its text. A figure has to be drawn; its bytes depend on the version of Matplotlib.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import difflib
import io
import json
import os
import re
import sys
from pathlib import Path

import pandas as pd

from its_eval.figures.style import figure_svg

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "proposition_99.ipynb"
DRAWN = re.compile(r'<img alt="([^"]*)".*?src="data:image/svg\+xml;base64,([^"]*)"', re.DOTALL)


def run_cell(source: str, names: dict[str, object]) -> tuple[str, object]:
    """Run a cell; return what it printed and the value of its last expression, None without one."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, NOTEBOOK.name, "exec"), names)  # noqa: S102  (our own notebook)
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), NOTEBOOK.name, "eval"), names)  # noqa: S307
    return printed.getvalue(), value


def shown(value: object) -> tuple[str, list[tuple[str, str]]]:
    """Return a value as text, and its figures as words and SVG."""
    if hasattr(value, "savefig"):
        return "", [(value.axes[0].get_title(loc="left") or value.texts[0].get_text(), figure_svg(value))]
    page = value._repr_html_() if hasattr(value, "_repr_html_") else ""
    figures = [(words, base64.b64decode(data).decode()) for words, data in DRAWN.findall(page)]
    return value.to_string() if isinstance(value, pd.DataFrame) else repr(value), figures


def rendered() -> tuple[str, dict[str, str]]:
    """Run the notebook; return its page and its figures by file name."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    parts, figures = [], {}
    with contextlib.chdir(DOCS):
        for cell in cells:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                parts.append(source)
                continue
            parts.append(f"```python\n{source}\n```")
            printed, value = run_cell(source, names)
            text, drawn = shown(value) if value is not None else ("", [])
            if told := (printed + text).rstrip():
                parts.append("```text\n" + "\n".join(line.rstrip() for line in told.splitlines()) + "\n```")
            for words, svg in drawn:
                name = f"{NOTEBOOK.stem}_{len(figures) + 1}.svg"
                figures[name] = svg
                parts.append(f"![{words}](images/{name})")
    made = f"This page is [the notebook]({NOTEBOOK.name}), run by `make notebook`."
    return "\n\n".join([parts[0], made, *parts[1:]]) + "\n", figures


def main() -> int:
    """Write the page, or with ``--check`` compare it; return the exit code."""
    page, figures = rendered()
    path = NOTEBOOK.with_suffix(".md")
    if sys.argv[1:] != ["--check"]:
        path.write_text(page, encoding="utf-8")
        for name, svg in figures.items():
            (DOCS / "images" / name).write_text(svg, encoding="utf-8")
        return 0
    there = path.read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(there, page.splitlines(), path.name, "notebook now", lineterm=""))
    missing = [name for name in figures if not (DOCS / "images" / name).is_file()]
    for line in [*changes, *(f"docs/images/{name}: not there" for name in missing)]:
        print(line)  # noqa: T201
    if changes or missing:
        print(f"notebook: {os.path.relpath(path)} is not what it gives; `make notebook` writes it anew")  # noqa: T201
        return 1
    print(f"notebook: {NOTEBOOK.name} ran, {len(figures)} figures; its page says what it gives")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
