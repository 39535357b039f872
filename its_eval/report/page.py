"""One self-contained page: templates, style, script and a policy that forbids every request."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING, Any

from its_eval.report.embedding import SvgEmbedder, data_uri, numbers_uri
from its_eval.report.house_style import HouseStyle

if TYPE_CHECKING:
    from jinja2 import Environment

    from its_eval.report.blocks import Picture


_SCRIPT = "sorting.js.j2"


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


def content_policy(script: str) -> str:
    """Return the content security policy of a page: nothing is loaded, and only its own script runs.

    Styles may stand on elements, as SVG drawings have them.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def render_page(template: str, *, style: HouseStyle, **content: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template : str
        Name of the template.
    style : HouseStyle
        Logo, title and colours.
    **content
        What the template shows.
    """
    environment = _environment()
    script = environment.get_template(_SCRIPT).render()
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
        policy=content_policy(script),
        embedder=embedder,
        drawing=drawing,
        photograph=photograph,
        numbers=numbers,
        **content,
    )
