"""House styles: what they change, and every fault in one pass."""

import base64

import pytest

from its_eval.errors import ConfigError
from its_eval.report.house_style import HouseStyle, contrast_on_white, load_house_style, make_house_style

PNG = b"\x89PNG\r\n\x1a\n"


def test_a_style_from_a_file(tmp_path):
    (tmp_path / "logo.png").write_bytes(PNG)
    path = tmp_path / "house.yaml"
    path.write_text(
        "organisation: A Trust\ntitle: For the board\nlogo: logo.png\nfooter: Draft\n"
        'colours: {accent: "#801650"}\n',
        encoding="utf-8",
    )
    style = load_house_style(path)
    assert style == HouseStyle(
        organisation="A Trust",
        title="For the board",
        logo="data:image/png;base64," + base64.b64encode(PNG).decode(),
        logo_alt="A Trust",
        footer="Draft",
        accent="#801650",
    )


def test_every_fault_is_told_at_once(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text(
        'titel: x\nlogo: logo.exe\nfooter: [a]\ncolours: {accent: "#BFBFBF", band: "#000000"}\n',
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_house_style(path)
    keys = "organisation, title, logo, logo_alt, footer, colours"
    pale = "has a contrast of 1.8 on white; expected at least 4.5, so that headings and links can be read"
    told = [
        f"'titel' is not a key of a house style (did you mean 'title'?); expected one of {keys}",
        "footer: ['a']; expected a text",
        "colours: 'band' is not a colour of a house style; expected accent",
        f"colours.accent: #BFBFBF {pale}",
        "logo: 'logo.exe'; expected a picture: one of .jpeg, .jpg, .png, .svg, .webp",
    ]
    assert caught.value.problems == [f"{path}: {fault}" for fault in told]
    assert "organisation" in caught.value.hint


def test_faults_of_the_file_itself_are_told_too(tmp_path):
    path = tmp_path / "house.yaml"
    path.write_text("title: a\ntitle: b\ncolours: blue\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_house_style(path)
    assert len(caught.value.problems) == 2
    assert "stands twice" in caught.value.problems[0]
    assert "colours: 'blue'; expected a mapping" in caught.value.problems[1]


@pytest.mark.parametrize("accent", ["12436D", "#12436", "blue", 5])
def test_a_colour_is_written_in_full(tmp_path, accent):
    with pytest.raises(ConfigError, match=r"colours\.accent: .*expected a colour in quotes"):
        make_house_style({"colours": {"accent": accent}}, tmp_path)


def test_a_logo_has_to_be_there_be_small_and_be_described(tmp_path):
    with pytest.raises(ConfigError, match="there is no file"):
        make_house_style({"logo": "no.png", "organisation": "A"}, tmp_path)
    (tmp_path / "large.png").write_bytes(b"0" * 500_001)
    with pytest.raises(ConfigError, match="500,001 bytes; expected at most 500,000"):
        make_house_style({"logo": "large.png", "organisation": "A"}, tmp_path)
    (tmp_path / "logo.svg").write_text("<svg/>", encoding="utf-8")
    with pytest.raises(ConfigError, match="logo_alt: missing"):
        make_house_style({"logo": "logo.svg"}, tmp_path)
    style = make_house_style({"logo": "logo.svg", "logo_alt": "a tree"}, tmp_path)
    assert (style.logo[:26], style.logo_alt) == ("data:image/svg+xml;base64,", "a tree")


def test_nothing_given_is_our_own_style(tmp_path):
    assert make_house_style({"colours": None, "logo": None, "title": None}, tmp_path) == HouseStyle()


@pytest.mark.parametrize(
    ("colour", "contrast"),
    # the ends of the scale by definition (WCAG 2.2); #767676 is the palest grey that passes 4.5:1,
    # 4.54 by WebAIM's published calculator
    [("#000000", 21.0), ("#FFFFFF", 1.0), ("#767676", 4.54)],
)
def test_contrast(colour, contrast):
    assert contrast_on_white(colour) == pytest.approx(contrast, abs=0.005)
