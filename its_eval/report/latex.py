"""Answers, effects, methods and reporting items as a LaTeX document, whose tables can be taken one by one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from its_eval.report.blocks import Cell, Table
from its_eval.report.paper import numeric_places, paper, text_of
from its_eval.report.write import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from jinja2 import Environment

    from its_eval.report.source import ReportSource

#: What LaTeX would take for a command, and signs that its fonts do not have.
_SIGNS = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    # after the end of a row these would be its options
    **{sign: f"{{{sign}}}" for sign in "[]*"},
    # else two of them would be a dash
    "-": "-{}",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{PLUS-MINUS SIGN}": r"\ensuremath{\pm}",
    "\N{MULTIPLICATION SIGN}": r"\ensuremath{\times}",
    "\N{LESS-THAN OR EQUAL TO}": r"\ensuremath{\leq}",
    "\N{GREATER-THAN OR EQUAL TO}": r"\ensuremath{\geq}",
    "\N{INFINITY}": r"\ensuremath{\infty}",
    "\N{SUPERSCRIPT TWO}": r"\textsuperscript{2}",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{THIN SPACE}": r"\,",
    "\n": " ",
}
#: Shares of the width that a column has at least, and characters that count at most.
_NARROWEST, _WIDEST = 6, 60


def escaped(text: str) -> str:
    r"""Return a text as LaTeX prints it; control characters become blanks.

    Examples
    --------
    >>> print(escaped("A&E_4h: −5 % (p < 0.01)"))
    A\&E\_4h: \ensuremath{-}5 \% (p \textless{} 0.01)
    """
    known = (_SIGNS.get(sign, sign) for sign in text)
    return "".join(sign if len(sign) > 1 or sign.isprintable() else " " for sign in known)


def write_latex(source: ReportSource, path: Path) -> None:
    """Write a document that any engine of LaTeX sets; names in other scripts need LuaLaTeX or XeLaTeX.

    Parameters
    ----------
    source : ReportSource
        The run.
    path : Path
        The file.
    """
    template = _environment().get_template("results.tex.j2")
    write_text(path, template.render(title=source.evaluation.title, sections=paper(source)))


@cache
def _environment() -> Environment:
    """Return the template with marks that LaTeX does not use; whatever it prints is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (start-up time)

    environment = Environment(
        loader=PackageLoader("its_eval.report"),
        # escaped for LaTeX, not for HTML
        autoescape=False,  # noqa: S701
        finalize=lambda value: escaped(str(value)),
        undefined=StrictUndefined,
        block_start_string="((*",
        block_end_string="*))",
        variable_start_string="(((",
        variable_end_string=")))",
        comment_start_string="((=",
        comment_end_string="=))",
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"text": text_of, "shares": _shares, "numeric": numeric_places}
    return environment


def _shares(table: Table) -> list[str]:
    """Return the share of the width of each column, by its longest texts."""
    lengths = [
        min(max(_NARROWEST, *map(_length, column), *(len(word) + 1 for word in title.title.split())), _WIDEST)
        for title, column in zip(table.columns, zip(*table.rows, strict=True), strict=True)
    ] or [1] * len(table.columns)
    return [f"{length / sum(lengths):.4f}" for length in lengths]


def _length(cell: Cell) -> int:
    return max(len(text_of(cell.parts)), len(text_of(cell.small)))
