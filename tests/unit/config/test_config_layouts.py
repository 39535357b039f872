"""Layouts: those that come with the program load, and every rule has its message."""

import pytest

from its_eval.config.layouts import load_layouts
from its_eval.errors import ConfigError
from its_eval.importers.collect import bundled_layouts, kinds

LAYOUT = """\
version: 1
kind: clinic
title: A clinic's own file
tried: true
header: {marks: Site}
columns: {unit: Site, period: Month, seen: Seen, waiting: [Waiting, {name: Queue, under: All}]}
indicators:
  - {name: share, label: Seen, kind: percentage, numerator: seen, denominator: {sum: [seen, waiting]}}
"""


def load(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    return load_layouts(path)[0]


def problems(tmp_path, text):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert "docs/importing.md" in caught.value.hint
    return [problem.replace(str(tmp_path / "own.yaml"), "F") for problem in caught.value.problems]


def test_short_forms_are_filled_in(tmp_path):
    layout = load(tmp_path, LAYOUT)
    assert layout.header.marks == (("Site",),)
    assert layout.header.rows == (1, 40)
    assert [heading.under for heading in layout.columns["waiting"]] == [None, "All"]
    assert layout.numbers == ("seen", "waiting")
    assert layout.indicators[0].numerator.columns == ("seen",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kind: clinic",
            "kynd: clinic",
            "F:2: kynd: unknown key (did you mean 'kind'?); expected one of version",
        ),
        ("{marks: Site}", "{marks: []}", "F:5: header.marks: found []; expected at least 1 in the list"),
        (
            "{marks: Site}",
            "{marks: Site, rows: [5, 2]}",
            "F:5: header.rows: found [5, 2]; expected two row numbers from 1, the smaller one first",
        ),
        (
            "tried: true",
            "tried: true\nunit_pattern: '['",
            "F:5: unit_pattern: '[' is no regular expression: unterminated character set at position 0",
        ),
        (
            "unit: Site,",
            "site: Site,",
            "columns: no column `unit`; expected the heading of the unit codes under `unit`",
        ),
        (
            "period: Month,",
            "",
            "no place of the period; expected columns.period, or period.label, anywhere, sheet or file",
        ),
        ("tried: true", "tried: true\nperiod: {anywhere: true}", "period: several places of the period"),
        (
            "numerator: seen",
            "numerator: sene",
            "no column of numbers is called 'sene' (did you mean 'seen'?)",
        ),
        ("{sum: [seen, waiting]}", "{sum: [seen], mean: [seen]}", "none or several of sum, mean and product"),
        (
            ", denominator: {sum: [seen, waiting]}",
            "",
            "denominator: missing; expected what the percentage is",
        ),
        ("tried: true", "tried: true\nstratum: {default: All}", "stratum: stands alone; expected both"),
        ("tried: true", "tried: true\ntotal: England", "total: there is no column `name`"),
        (
            "tried: true",
            "tried: true\nsums: {seen: [wait]}",
            "sums.seen: no column of numbers is called 'wait'",
        ),
        ("tried: true", "tried: true\nkeep: {kin: [A]}", "keep: no column is called 'kin'"),
        ("tried: true", "tried: true\ntable: characteristics", "a table of characteristics has none"),
    ],
)
def test_every_rule_has_its_message(tmp_path, old, new, message):
    assert old in LAYOUT
    assert any(message in problem for problem in problems(tmp_path, LAYOUT.replace(old, new)))


def test_no_indicator(tmp_path):
    text = LAYOUT[: LAYOUT.index("indicators:")]
    assert any(
        "indicators: no indicator; expected at least one" in found for found in problems(tmp_path, text)
    )


def test_files_that_are_no_layouts(tmp_path):
    assert problems(tmp_path, "  \n") == ["F: the file is empty; expected a layout"]
    assert problems(tmp_path, "---\n") == ["F: the file is empty; expected a layout"]
    with pytest.raises(ConfigError, match="there is no such file; expected a layout in YAML"):
        load_layouts(tmp_path / "absent.yaml")
    with pytest.raises(ConfigError, match="expected a layout in YAML"):
        load_layouts(tmp_path)
    assert any("this key stands twice" in found for found in problems(tmp_path, LAYOUT + "kind: twice\n"))


def test_the_layouts_that_come_with_the_program():
    assert kinds() == (
        *("nhs-ae", "nhs-beds", "nhs-cancer-31", "nhs-cancer-62", "nhs-critical-care", "nhs-fft-ae"),
        *("nhs-fft-inpatient", "nhs-rtt", "nhs-sickness", "nhs-turnover", "peer-finder"),
    )
    for layout in bundled_layouts():
        # no file with the six answers of the question until March 2020 could be found
        untried = ("until March 2020" in layout.title and "by site" not in layout.title) or layout.kind in (
            *("nhs-rtt", "nhs-cancer-31", "nhs-cancer-62"),
        )
        assert layout.tried != untried
        for recipe in layout.indicators:
            # never a bare percentage
            assert recipe.kind == "count" or recipe.denominator is not None
