"""The report: one self-contained HTML file, written from the tidy tables and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from its_eval.report.answer import answer, glance, units
from its_eval.report.before_after import before_after
from its_eval.report.checklists import checklist
from its_eval.report.checks import checks, choices
from its_eval.report.effects import effects, placebos, power
from its_eval.report.embedding import stored_figures
from its_eval.report.house_style import HouseStyle
from its_eval.report.method import assumptions, methods, origin
from its_eval.report.page import render_page
from its_eval.report.peers import data_quality, peers
from its_eval.report.source import ReportSource, with_every_table

if TYPE_CHECKING:
    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import Section


#: The sections in their order: the answer first, what it rests on after it.
SECTIONS: tuple[Callable[[ReportSource], Section], ...] = (
    answer,
    glance,
    units,
    effects,
    placebos,
    peers,
    checks,
    choices,
    power,
    before_after,
    data_quality,
    methods,
    assumptions,
    checklist,
    origin,
)


def render_report(
    evaluation: Evaluation,
    figures_folder: Path,
    *,
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
    style: HouseStyle | None = None,
    answers: Mapping[str, Any] | None = None,
) -> str:
    """Return the report of a run as HTML.

    Parameters
    ----------
    evaluation : Evaluation
        The result; tables that it lacks count as not asked for.
    figures_folder : Path
        Where the figures of the run are; may be absent.
    settings : mapping
        The config with every default, as plain values (``config.model_dump(mode="json", by_alias=True)``).
    provenance : mapping
        Of the manifest: program, python, libraries, seed, config and inputs with their hashes. Anything else,
        times above all, is ignored, so that two runs of one config give the same report.
    style : HouseStyle, optional
        The looks of an organisation.
    answers : mapping, optional
        Checklist answers of people, checked by `load_answers`.

    Notes
    -----
    Numbers carry ``data-value`` (full precision) and ``data-source`` (``table:row:column``); sentences carry
    ``data-row``.
    """
    complete = with_every_table(evaluation)
    style = style or HouseStyle()
    stored = stored_figures(complete, figures_folder)
    source = ReportSource(complete, settings, provenance, stored, answers or {})
    return render_page(
        "report.html.j2",
        style=style,
        title=style.title or evaluation.title,
        # a section that a run may have or not is left out when there is nothing in it
        sections=[made for section in SECTIONS if (made := section(source)).blocks],
        version=str((provenance.get("program") or {}).get("version", "")),
    )
