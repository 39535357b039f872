"""Figures within a page: nothing clashes, nothing acts, nothing that can be seen is lost."""

import re
from types import SimpleNamespace
from urllib.parse import unquote

import pytest

from its_eval.report import embedding
from its_eval.report.embedding import SvgEmbedder

SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="720pt" height="100pt" viewBox="0 0 720 100"
 xmlns="http://www.w3.org/2000/svg" version="1.1" onload="alert(1)">
 <metadata><title>made by</title></metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <script>alert(2)</script>
 <g id="figure_1">
  <g id="empty"/>
  <path d="M 1.23456 2.98765
L 3.111 4.999
z
" clip-path="url(#p1)" style="fill: #12436d; opacity: 0.155"/>
  <path d="M 0 0 Q 1.25 1 2 2"/>
  <g style="fill: #3d3d3d" transform="translate(22.4484 313.30498) scale(0.12 -0.12)">
   <defs><path id="Letter-a" d="M 525 4666 L 3525 4666 z" transform="scale(0.015625)"/></defs>
   <use xlink:href="#Letter-a"/><use xlink:href="#Letter-a" transform="translate(63.625 0)"/>
  </g>
  <text x="3.14159">per month</text>
 </g>
 <defs><clipPath id="p1"><rect x="43.7184" y="56.16" width="517.8816" height="255.6"/></clipPath></defs>
</svg>
"""


@pytest.fixture
def embedded():
    embedder = SvgEmbedder()
    return embedder, embedder.embed(SVG, 'Chart of "waits" & more')


def test_names_are_unique_per_figure_and_every_reference_is_kept(embedded):
    embedder, first = embedded
    second = embedder.embed(SVG, "again")
    page = first + second + embedder.shared
    idents = re.findall(r' id="([^"]+)"', page)
    assert len(idents) == len(set(idents)) == 3
    assert set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page)) == set(
        idents
    )


def test_what_two_figures_share_is_kept_once(embedded):
    embedder, first = embedded
    assert first.count("525 4666") == 0
    assert embedder.embed(SVG, "again") != first
    assert embedder.shared.count("<path") == 1
    assert embedder.shared.count("{fill: #12436d; opacity: 0.155}") == 1


def test_nothing_acts_and_nothing_styles_the_page(embedded):
    _, figure = embedded
    assert not re.search(r"script|alert|onload|stroke-linejoin|metadata|made by|DOCTYPE|<\?xml|xmlns", figure)


def test_the_alternative_text_is_told_and_escaped(embedded):
    _, figure = embedded
    assert figure.startswith("<svg ")
    assert 'role="img"' in figure
    assert 'aria-label="Chart of &quot;waits&quot; &amp; more"' in figure
    assert 'viewBox="0 0 720 100"' in figure
    assert "720pt" not in figure


def test_coordinates_lose_what_cannot_be_seen_and_factors_nothing(embedded):
    embedder, figure = embedded
    assert 'd="M 1.2 2.9 3.1 4.9 z"' in figure
    assert 'd="M 0 0 Q 1.2 1 2 2"' in figure
    assert "translate(22.4 313.3) scale(0.12 -0.12)" in figure
    assert 'transform="scale(0.015625)"' in embedder.shared
    assert '<use x="63.6" href="#g0"/>' in figure


def test_empty_groups_go_and_text_stays(embedded):
    _, figure = embedded
    assert figure.count("<g") == 1
    assert ">per month</text>" in figure


def test_a_style_that_could_end_its_rule_is_dropped():
    embedder = SvgEmbedder()
    figure = embedder.embed('<svg><g style="fill: red} body {display: none"><text>a</text></g></svg>', "x")
    assert "body" not in figure + embedder.shared


def test_without_figures_nothing_is_shared():
    assert SvgEmbedder().shared == ""


def test_numbers_within_the_page_come_back():
    text = (
        'period,value,words\n2015-07,0.12345678901234567,"a, b"\n2015-08,-1.5e-07,±\n2015-09,12,x1.23456789\n'
    )
    address = embedding.numbers_uri(text)
    assert address.startswith("data:text/csv;charset=utf-8,period,value,words%0A")
    assert not re.search(r'[\s"<>#%](?![0-9A-F]{2})', address)
    back = unquote(address.partition(",")[2])
    assert back == text.replace("0.12345678901234567", "0.123456789")


def test_a_file_as_an_address():
    assert embedding.data_uri(b"\x00\xff", "image/png") == "data:image/png;base64,AP8="


def test_figures_are_found_by_their_names(monkeypatch, tmp_path):
    tasks = [SimpleNamespace(stem=stem) for stem in ("b", "a", "nowhere")]
    monkeypatch.setattr(embedding, "report_tasks", lambda evaluation: tasks)
    for name in ("a.svg", "a.png", "a.csv", "b.png", "stranger.svg"):
        (tmp_path / name).write_text("", encoding="utf-8")
    found = embedding.stored_figures(None, tmp_path)
    assert [(figure.stem, figure.picture.name, figure.numbers) for figure in found] == [
        ("b", "b.png", None),
        ("a", "a.svg", tmp_path / "a.csv"),
    ]
    assert embedding.stored_figures(None, tmp_path / "absent") == ()
