"""The report, and pages like it: one self-contained HTML file, from the tidy tables and nothing else.

Templates, style, script and a policy that forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from its_eval.report.answer import answer
from its_eval.report.before_after import before_after
from its_eval.report.blind import blind
from its_eval.report.checks import checks
from its_eval.report.effects import effects
from its_eval.report.embedding import SvgEmbedder, data_uri, numbers_uri, stored_figures
from its_eval.report.first_screen import first_screen
from its_eval.report.house_style import HouseStyle
from its_eval.report.looks import looks
from its_eval.report.method import method
from its_eval.report.peers import peers
from its_eval.report.protocol import protocol
from its_eval.report.source import ReportSource, with_every_table
from its_eval.report.what_if.studies import what_if
from its_eval.words.blind import is_blind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

    from its_eval.evaluation import Evaluation
    from its_eval.report.blocks import FirstScreen, Picture, Section, StoredFigure


_SCRIPT = "page.js.j2"
#: What a page with controls needs besides.
_WHAT_IF = ("engine.js", "panel.js")


@cache
def _environment() -> Environment:
    """Return the templates; a name that a page does not have is an error, never a blank."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415  (start-up time)

    environment = Environment(
        loader=PackageLoader("its_eval.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    return environment


def unbroken(text: str) -> str:
    """Return a text whose numbers do not part from their signs at the end of a line.

    Examples
    --------
    >>> unbroken("p = 0.02, 95 % of") == "p{0}={0}0.02, 95{0}% of".format(chr(160))
    True
    """
    for loose in ("p = ", "p < "):
        text = text.replace(loose, loose.replace(" ", "\u00a0"))
    return text.replace(" %", "\u00a0%")


def packed(html: str) -> str:
    """Return a part of a page as the page carries it until a reader opens it: compressed, as base64.

    Notes
    -----
    The script of the page unpacks it (``DecompressionStream("deflate")``, RFC 1950). A part that is never
    opened costs neither layout nor paint, and text of tables and drawings shrinks to a sixth.
    """
    return base64.b64encode(zlib.compress(html.encode("utf-8"), 9)).decode("ascii")


def content_policy(script: str) -> str:
    """Return the content security policy of a page: nothing is loaded, and only its own script runs.

    Styles may stand on elements, as SVG drawings have them.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _what_if_file(name: str) -> str:
    return (resources.files("its_eval.report") / "what_if" / name).read_text(encoding="utf-8")


def render_page(template: str, *, style: HouseStyle, what_if: bool = False, **content: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Name of the template.
    style : HouseStyle
        Logo, title and colours.
    what_if : bool
        Whether the page has controls with which a reader tries other choices.
    **content
        What the template shows.
    """
    environment = _environment()
    script = environment.get_template(_SCRIPT).render()
    if what_if:
        script = "\n".join([script, *map(_what_if_file, _WHAT_IF)])
    embedder = SvgEmbedder()

    def drawing(picture: Picture) -> str:
        path = picture.figure.picture
        if path.suffix == ".svg":
            return embedder.embed(path.read_text(encoding="utf-8"), picture.alt)
        return ""

    def photograph(picture: Picture) -> str:
        return data_uri(picture.figure.picture.read_bytes(), "image/png")

    def numbers(picture: Picture) -> str:
        path = picture.figure.numbers
        return "" if path is None else numbers_uri(path.read_text(encoding="utf-8"))

    return environment.get_template(template).render(
        style=style,
        script=script,
        more_style=_what_if_file("panel.css") if what_if else "",
        policy=content_policy(script),
        embedder=embedder,
        drawing=drawing,
        photograph=photograph,
        numbers=numbers,
        packed=packed,
        **content,
    )


#: The sections of the chapters in the order of the page; all but the first are opened by their title.
_ORDER = (
    *(
        "units",
        "protocol",
        "looks",
        "sentences",
        "glance",
        "effects",
        "placebos",
        "peers",
        "mixtures",
        "checks",
        "choices",
    ),
    *("what-if", "power", "before-after", "data", "methods", "assumptions", "checklists", "origin"),
)
#: What is not folded: the answers of units, whether the plan was kept, and what readers try themselves.
_OPEN = ("units", "protocol", "looks", "what-if")


def _sections(source: ReportSource) -> list[Section]:
    """Return the sections of a report; one that a run may have or not is left out when nothing is in it."""
    chapters = (answer, effects, peers, checks, what_if, before_after, protocol, looks, method)
    made = {section.ident: section for chapter in chapters for section in chapter(source)}
    return [replace(made[ident], folded=ident not in _OPEN) for ident in _ORDER if made[ident].blocks]


def _blind_sections(source: ReportSource) -> list[Section]:
    """Return the sections of a blind run: its own, then those that say nothing of an effect."""
    shown = [*blind(source), *protocol(source), *peers(source), *method(source)]
    kept = [section for section in shown if section.blocks and section.ident not in _OF_EFFECTS]
    return [replace(section, folded=section.ident in _ORDER[2:]) for section in kept]


#: What a blind run has not: mixtures fitted to treated units, and what is said of answers.
_OF_EFFECTS = ("mixtures", "assumptions", "checklists")


class Report(Struct, frozen=True):
    """A report without its figures, which may be drawn while it is written.

    Attributes
    ----------
    title : str
        Of the page.
    style : HouseStyle
        The looks of an organisation.
    first : FirstScreen or None
        The answers; None of a blind run.
    sections : sequence of Section
        What follows.
    version : str
        Of the program.
    """

    title: str
    style: HouseStyle
    first: FirstScreen | None
    sections: Sequence[Section]
    version: str

    def html(self) -> str:
        """Return the page, with the figures that stand in their files by now."""
        return render_page(
            "report.html.j2",
            style=self.style,
            what_if=any(section.ident == "what-if" for section in self.sections),
            title=self.title,
            first=self.first,
            sections=self.sections,
            version=self.version,
        )


def written_report(source: ReportSource, style: HouseStyle | None = None) -> Report:
    """Return everything that a report says; of its figures, `source` knows where they are or will be."""
    style = style or HouseStyle()
    withheld = is_blind(source.evaluation)
    return Report(
        title=style.title or source.evaluation.title,
        style=style,
        first=None if withheld else first_screen(source),
        sections=_blind_sections(source) if withheld else _sections(source),
        version=str((source.provenance.get("program") or {}).get("version", "")),
    )


def source_of(
    evaluation: Evaluation,
    figures: Sequence[StoredFigure],
    settings: Mapping[str, Any],
    provenance: Mapping[str, Any],
    answers: Mapping[str, Any] | None = None,
) -> ReportSource:
    """Return what a report or a document is written from; parameters as for `render_report`."""
    return ReportSource(with_every_table(evaluation), settings, provenance, figures, answers or {})


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
    stored = stored_figures(complete, figures_folder)
    source = source_of(complete, stored, settings, provenance, answers)
    return written_report(source, style).html()
