"""The report: it never disagrees with the tables, asks nobody for anything, and says no more than it may."""

import base64
import hashlib
import io
import math
import re
from dataclasses import replace
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest

from its_eval.columns import COLUMNS, THE_SET, make_table
from its_eval.report.house_style import HouseStyle

NUMBER = re.compile(r"−?(?:\d[\d,]*(?:\.\d+)?|∞)")
#: Printed as a share in per cent.
SHARES = {"share"}
QUESTION = (
    "Did the monthly trend of “Waits” and “Seen in time” change in the two units when New rota began in July "
    "2015, compared with their peers?"
)
ORDER = [
    "Unit by unit",
    "Every answer in sentences",
    "All answers at a glance",
    "The effects in numbers",
    "Is it unusual for a unit?",
    "Peers, and why these",
    "What was checked, and what needs attention",
    "How the answer depends on choices",
    "What could have been found",
    "The data",
    "How this was done",
    "Assumptions",
    "Checklists",
    "Where this comes from",
]


def as_number(text):
    return float(text.replace("−", "-").replace(",", "").replace("∞", "inf"))


def shown_values(row, column, value):
    """Return what a cell may be printed as: itself, a share in per cent, a ratio as a change in per cent."""
    if column in SHARES:
        return [100 * value]
    if row.get("scale") == "ratio":
        return [value, 100 * (value - 1), 100 * (1 / value - 1) if value else math.nan]
    return [value]


def agrees(text, values):
    """Return whether a printed number is one of the values, rounded to the digits that it has."""
    printed = as_number(text)
    digits = len(text.partition(".")[2])
    # large values are printed in whole units
    slack = 0.5000001 * 10.0**-digits
    return any(abs(printed - value) <= slack or printed == value for value in values)


def assert_page_agrees(page, tables):
    cells = page.having("data-source")
    for element in cells:
        table, place, column = element.attributes["data-source"].split(":")
        row = tables[table].loc[int(place)]
        value = float(row[column])
        assert float(element.attributes["data-value"]) == value
        assert element.attributes["data-value"] == repr(value)
        printed = element.text.removeprefix("< ").split()[0]
        if element.text.startswith("<"):
            assert value < as_number(printed)
        elif math.isfinite(value):
            assert agrees(printed, shown_values(row, column, value)), (element.text, value)
        else:
            assert printed == ("∞" if value > 0 else "−∞")
    return len(cells)


def test_every_number_in_a_table_is_a_cell_of_the_tables(run, page):
    tables = run.evaluation.tables
    assert assert_page_agrees(page, tables) > 400
    sources = {element.attributes["data-source"] for element in page.having("data-source")}
    shown = {tuple(source.split(":")[::2]) for source in sources}
    for wanted in (
        *(("effects", name) for name in ("estimate", "conf_low", "conf_high", "p_value", "df")),
        *(("verdicts", name) for name in ("p_adjusted", "p_rank", "minimum_detectable")),
        *(("peers", name) for name in ("rank", "distance", "pool_rank")),
        *(("pooled", name) for name in ("estimate", "i2", "n_units")),
        *(("balance", "smd"), ("sensitivity", "estimate"), ("power", "power"), ("fits", "n_pre")),
        *(("checks", "statistic"), ("peer_contributions", "share")),
    ):
        assert wanted in shown, wanted


def test_every_number_in_a_sentence_is_of_its_row(run, page):
    told = page.having("data-row")
    assert len(told) >= 12
    for element in told:
        table, place = element.attributes["data-row"].split(":")
        row = run.evaluation.tables[table].loc[int(place)]
        known = [95.0, 80.0, 0.001]
        if row["unit"] == THE_SET:
            # the sentence says of 100 other sets how many changed as much
            known += [100.0, 100.0 * row["set_p_placebo"]]
        for column, value in row.items():
            if isinstance(value, float | int | np.integer):
                known += shown_values(row, column, float(value))
        text = re.sub(r"\b[AB]\d\b", "", element.text)
        for number in NUMBER.findall(text):
            assert agrees(number, known), (number, element.text)


def test_sentence_table_and_figure_tell_the_same_numbers(run, page):
    summary = run.evaluation.tables["summary"]
    place = summary.index[(summary["outcome"] == "waits") & (summary["unit"] == "A1")][0]
    row = summary.loc[place]
    assert row["design"] == "difference"
    verdicts = run.evaluation.tables["verdicts"]
    own = (verdicts["outcome"] == "waits") & (verdicts["unit"] == "A1") & (verdicts["design"] == "difference")
    told = f"verdicts:{verdicts.index[own & verdicts['label'].ne('')][0]}"
    sentence = next(e.text for e in page.having("data-row") if e.attributes["data-row"] == told)
    effects = run.evaluation.tables["effects"]
    same = effects[
        (effects["outcome"] == "waits") & (effects["unit"] == "A1") & (effects["design"] == "difference")
        & (effects["estimand"] == "slope_change") & (effects["role"] == "primary")
    ]  # fmt: skip
    assert same["estimate"].item() == row["estimate"]
    cells = [
        e
        for e in page.having("data-source")
        if e.attributes["data-source"] == f"effects:{same.index[0]}:estimate"
    ]
    assert cells
    for cell in cells:
        assert f" {cell.text} days" in sentence
    link = next(
        e for e in page.tagged("a") if e.attributes.get("download") == "main_its_waits_A1_difference.csv"
    )
    drawn = pd.read_csv(io.StringIO(unquote(link.attributes["href"].partition(",")[2])))
    series = run.evaluation.tables["series"]
    own = series[
        (series["outcome"] == "waits") & (series["unit"] == "A1") & (series["design"] == "difference")
    ]
    assert list(drawn["period"]) == list(own["period"])
    for name in ("unit_value", "peer_mean", "observed", "fitted", "counterfactual", "counterfactual_low"):
        assert drawn[name].to_numpy() == pytest.approx(own[name].to_numpy(), rel=1e-8, nan_ok=True)


def test_the_sections_stand_in_their_order_and_the_contents_lead_to_them(page, run):
    assert page.texts("h2") == [QUESTION, "Contents", *ORDER]
    targets = [
        element.attributes["href"] for element in page.tagged("a") if "download" not in element.attributes
    ]
    idents = [element.attributes["id"] for element in page.having("id")]
    assert len(idents) == len(set(idents))
    summary = run.evaluation.tables["summary"]
    # the contents, the way to the content and to the checks, each answer, and each unit of a forest
    assert len(targets) == len(ORDER) + 2 + len(summary) + 4
    for row in summary.to_dict("records"):
        assert f"#unit-{row['outcome']}-{row['unit']}" in targets
    assert {target.removeprefix("#") for target in targets} <= set(idents)


def test_one_outcome_needs_no_glance(run, taken_apart):
    summary = run.evaluation.tables["summary"]
    tables = {
        name: table[table["outcome"] == "waits"] if "outcome" in table else table
        for name, table in {**run.evaluation.tables, "summary": summary}.items()
    }
    outcomes = {"waits": run.evaluation.outcomes["waits"]}
    settings = {**run.settings, "outcomes": run.settings["outcomes"][:1]}
    page = taken_apart(
        run.report(evaluation=replace(run.evaluation, tables=tables, outcomes=outcomes), settings=settings)
    )
    assert "All answers at a glance" not in page.texts("h2")


def test_a_long_glance_ends_and_says_so(run, taken_apart, monkeypatch):
    monkeypatch.setattr("its_eval.report.answer.MOST_ROWS", 3)
    page = taken_apart(run.report())
    assert f"All answers, with intervals beneath. The first 3 of {len(run.evaluation.tables['summary'])}" in [
        text.strip() for text in page.texts("caption") + page.texts("p") + page.texts("div")
    ]


def test_elements_are_nested_and_closed(page):
    assert page.faults == []


def test_nothing_is_asked_of_anybody(page):
    """No address but parts of the page and data: the policy forbids the rest besides."""
    addresses = [
        element.attributes[name]
        for name in ("href", "src", "xlink:href", "action", "srcset", "data", "poster")
        for element in page.having(name)
    ]
    assert addresses
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\((?!#)", page.source)
    policy = next(
        e for e in page.tagged("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.attributes["content"].startswith(
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    )
    (script,) = page.tagged("script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy.attributes["content"]
    assert not [e for e in page.elements for name in e.attributes if name.startswith("on")]


def test_texts_of_the_data_are_escaped(run, taken_apart, page):
    assert page.texts("h1") == ["A small study <of waits> & more"]
    bad = '<script>alert("x")</script>'
    outcomes = {name: {**about, "label": bad} for name, about in run.evaluation.outcomes.items()}
    evaluation = replace(run.evaluation, outcomes=outcomes, unit_names={"A1": bad}, notes=(bad,))
    changed = taken_apart(run.report(evaluation=evaluation))
    assert len(changed.tagged("script")) == 1
    assert changed.faults == []
    assert bad in changed.texts("li")


def test_every_figure_is_described_and_gives_its_numbers(run, page):
    drawings = [e for e in page.tagged("svg") if "figure" in e.inside]
    assert len(drawings) == len(page.tagged("figure")) >= 8
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        assert len(drawing.attributes["aria-label"]) > 40
    assert len(page.texts("figcaption")) == len(drawings)
    assert all(text.endswith("The numbers in this figure (CSV)") for text in page.texts("figcaption"))
    shown = {element.attributes["id"].removeprefix("figure-") for element in page.tagged("figure")}
    alone = ("against_peers", "board")
    stems = {path.stem for path in run.figures.glob("*.svg") if not path.stem.startswith(alone)}
    assert shown == stems


def test_without_figures_the_report_says_so(run, taken_apart, tmp_path):
    page = taken_apart(run.report(figures=tmp_path / "none"))
    assert [e for e in page.tagged("svg") if "figure" in e.inside] == []
    assert "No figures: none were drawn in this run." in page.texts("p")
    assert page.texts("h2") == [QUESTION, "Contents", *ORDER]


def test_a_figure_without_svg_is_shown_as_a_photograph(run, taken_apart, tmp_path):
    picture = tmp_path / "main_its_waits_A1_single.png"
    picture.write_bytes(b"\x89PNG")
    page = taken_apart(run.report(figures=tmp_path))
    (image,) = page.tagged("img")
    assert image.attributes["src"] == "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode()
    assert "Waits" in image.attributes["alt"]
    assert page.texts("figcaption")[0].endswith("compared with its own earlier trend.")


def test_nothing_that_differs_between_two_runs_is_told(run, page):
    for never in ("2031-01-01", "never-shown", "7.777", "/somewhere", "secret"):
        assert never not in page.source
    assert run.report(figures=run.figures) == page.raw
    assert "9.8.7" in page.source
    assert {"a/rows.csv", "b/rows.csv", "config: study.yaml"} <= set(page.texts("th"))


@pytest.mark.parametrize(
    "word", ["signific", "prove", "caused", "led to", "thanks to", "because of", "impact of"]
)
def test_no_word_claims_more_than_the_design_can(page, word):
    for tag in ("p", "li"):
        # the assumptions say of themselves that nothing proves them
        told = [text for text in page.texts(tag) if "None of them can be proved" not in text]
        assert [text for text in told if re.search(rf"\b{word}", text.casefold())] == []


def test_a_null_result_says_what_could_have_been_found(run, page):
    for element in page.having("data-row"):
        if "no clear change" in element.text and element.attributes["data-row"].startswith("verdicts"):
            assert "The smallest change found with 80\N{NO-BREAK SPACE}% power is " in element.text
    assert any("no clear change" in text for text in page.texts("li"))


def test_what_was_not_asked_for_is_said_in_one_line(run, taken_apart):
    empty = {
        name: make_table(name, []) for name in ("placebo_units", "sensitivity", "checks", "pooled", "power")
    }
    verdicts = run.evaluation.tables["verdicts"].assign(n_donors=pd.NA)
    tables = {**run.evaluation.tables, **empty, "verdicts": verdicts}
    del tables["residuals"]
    off = {"placebo_units": False, "placebo_dates": False, "diagnostics": False, "leave_one_peer_out": False}
    settings = {**run.settings, "checks": off, "sensitivity": {"k": [], "cross": False}}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables), settings=settings))
    for key in ("checks.placebo_units", "checks.placebo_dates", "checks.diagnostics", "sensitivity"):
        assert f"Not asked for: {key} in the config is off." in page.texts("p")
    assert page.texts("h2") == [QUESTION, "Contents", *ORDER]


def test_what_was_asked_for_in_vain_is_said_too(run, taken_apart):
    settings = {**run.settings, "checks": {"placebo_dates": True, "diagnostics": True}}
    page = taken_apart(run.report(settings=settings))
    line = "Asked for by checks.placebo_dates in the config, but these data gave none; the checks say why."
    assert line in page.texts("p")


def test_a_run_without_peers_or_answers(run, taken_apart):
    """Everything empty but one series that failed: the page still stands."""
    failed = {"outcome": "waits", "unit": "A1", "design": "single", "estimator": "", "reason": "no_data"}
    rows = {"not_estimated": [failed | {"message": "A1 has no value of waits"}]}
    tables = {name: make_table(name, rows.get(name, [])) for name in COLUMNS}
    output = {**run.settings["output"], "report": {**run.settings["output"]["report"], "what_if": True}}
    settings = {**run.settings, "designs": ["single"], "peers": None, "output": output}
    evaluation = replace(run.evaluation, tables=tables, outcomes={}, notes=())
    page = taken_apart(run.report(evaluation=evaluation, settings=settings, provenance={}))
    texts = page.texts("p") + page.texts("li")
    for words in (
        "Compared with its own earlier trend: not estimated: A1 has no value of waits.",
        "Nothing was estimated.",
        "This run compares no unit with peers.",
        "Not recorded.",
        "The checks of the data found nothing to report.",
    ):
        assert words in texts
    assert not [
        text
        for text in texts
        if "peers" in text and "compares no unit" not in text and "never peers" not in text
    ]
    assert page.faults == []


def test_peers_asked_for_in_vain(run, taken_apart):
    tables = {**run.evaluation.tables, "peers": make_table("peers", [])}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables)))
    assert "No unit has peers; the section on checks says why." in page.texts("p")


def test_long_tables_are_cut_and_say_so(run, taken_apart, monkeypatch):
    from its_eval.report import cells

    monkeypatch.setattr(cells, "MOST_ROWS", 5)
    page = taken_apart(run.report())
    captions = [e.text for e in page.elements if e.attributes.get("class") == "caption"]
    counts = run.evaluation.tables["sensitivity"].groupby("outcome").size()
    assert counts.min() > 5
    for count in counts:
        cut = f"The first 5 of {count}; the table sensitivity has them all."
        assert any(text.endswith(cut) for text in captions)


def test_a_house_style_changes_title_colour_and_foot(run, taken_apart):
    style = HouseStyle("A Trust", "For the board", "data:image/png;base64,AA==", "a tree", "Draft", "#801650")
    page = taken_apart(run.report(style=style))
    assert page.texts("h1") == ["For the board"] == page.texts("title")
    (logo,) = page.tagged("img")
    assert (logo.attributes["src"], logo.attributes["alt"]) == ("data:image/png;base64,AA==", "a tree")
    assert {"A Trust", "Draft"} <= set(page.texts("p"))
    assert "--accent: #801650;" in page.source
    assert "#12436D" not in page.source


def test_findings_about_the_data_are_counted_the_gravest_first(run, taken_apart):
    finding = {"indicator": "waits", "unit": "B1", "period": "2015-01", "value": "x", "message": "m"}
    kinds = (("missing_periods", "info"), ("not_a_number", "error"), ("missing_periods", "warning"))
    rows = [finding | {"check": check, "severity": severity} for check, severity in kinds]
    tables = {**run.evaluation.tables, "data_quality": make_table("data_quality", rows)}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables)))
    counted = (
        "3 findings about the data of all units, peers and others: missing periods (2), not a number (1)."
    )
    assert counted in page.texts("p")
    assert [text for text in page.texts("th") if text in ("error", "warning", "info")] == [
        "error",
        "warning",
        "info",
    ]


def test_several_interruptions_are_told_apart(run, taken_apart):
    effects = run.evaluation.tables["effects"]
    second = effects.assign(interruption="Second wave", interruption_period="2016-06", role="secondary")
    both = pd.concat([effects, second], ignore_index=True)
    tables = {**run.evaluation.tables, "effects": both}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables)))
    assert "What began" in page.texts("th")
    assert {"New rota", "Second wave"} <= set(page.texts("td"))
    assert assert_page_agrees(page, tables) > 400


def test_placebo_dates_are_told_by_the_check_and_listed(run, taken_apart):
    key = {"outcome": "waits", "unit": "A1", "design": "single"}
    dated = [
        key
        | {
            "estimand": "slope_change",
            "placebo": f"2014-{month:02d}",
            "estimate": 0.01 * month,
            "statistic": month,
        }
        for month in (3, 4)
    ]
    told = key | {
        "check": "placebo_dates",
        "statistic": 0.5,
        "status": "attention",
        "message": "At 1 of 2 dates.",
    }
    checks = make_table("checks", [*run.evaluation.tables["checks"].to_dict("records"), told])
    tables = {**run.evaluation.tables, "checks": checks, "placebo_dates": make_table("placebo_dates", dated)}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables)))
    assert page.texts("td").count("At 1 of 2 dates.") == 3
    assert {"2014-03", "2014-04"} <= set(page.texts("td"))
    assert_page_agrees(page, tables)


def test_residuals_are_shown_where_a_check_asks_for_attention(run, taken_apart, tmp_path):
    key = {"outcome": "waits", "unit": "A1", "design": "single"}
    series = run.evaluation.tables["series"]
    rows = [
        {
            **{name: row[name] for name in ("outcome", "unit", "design", "period")},
            "innovation": math.sin(place),
        }
        for place, row in enumerate(series[series["outcome"] == "waits"].to_dict("records"))
    ]
    alarm = key | {
        "check": "normality",
        "statistic": 0.9,
        "p_value": 0.01,
        "status": "attention",
        "message": "Skew.",
    }
    tables = {
        **run.evaluation.tables,
        "residuals": make_table("residuals", rows),
        "checks": make_table(
            "checks",
            [
                alarm,
                alarm | {"check": "arch", "unit": "A2", "status": "pass"},
                alarm | {"check": "joint_placebo", "unit": "", "status": "pass", "message": "Of all sets."},
            ],
        ),
    }
    for stem in ("residuals_waits_A1_single", "residuals_waits_A2_single"):
        (tmp_path / f"{stem}.svg").write_text(
            '<svg viewBox="0 0 1 1"><path d="M 0 0"/></svg>', encoding="utf-8"
        )
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables), figures=tmp_path))
    assert [e.attributes["id"] for e in page.tagged("figure")] == ["figure-residuals_waits_A1_single"]
    assert "Of 3 checks 1 asks for attention, 1 found nothing, 1 informs." in page.texts("p")
    # a conclusion is not a check that found nothing
    assert "for information" in page.texts("td")
    told = "Shown: the 1 of 2 series with a residual check that asks for attention. "
    assert any(text.startswith(told.strip()) for text in page.texts("p"))


def test_units_together_and_where_a_further_one_may_lie(run, taken_apart):
    pooled = run.evaluation.tables["pooled"]
    wide = pooled.assign(
        prediction_low=pooled["prediction_low"].where(pooled["method"] != "paule_mandel_mkh", -1.25),
        prediction_high=pooled["prediction_high"].where(pooled["method"] != "paule_mandel_mkh", 0.75),
        method=pooled["method"].replace("fixed_effect", "paule_mandel_mkh without A2"),
    )
    tables = {**run.evaluation.tables, "pooled": wide}
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables)))
    assert "−1.25 to 0.75" in page.texts("td")
    assert "random effects: Paule–Mandel, modified Hartung–Knapp, without A2" in page.texts("th")
    assert_page_agrees(page, tables)


def test_a_log_outcome_is_told_in_per_cent_everywhere(run, taken_apart):
    outcomes = {name: {**about, "transform": "log"} for name, about in run.evaluation.outcomes.items()}
    tables = dict(run.evaluation.tables)
    for name in ("summary", "verdicts", "pooled", "sensitivity"):
        columns = [column for column in ("estimate", "conf_low", "conf_high") if column in tables[name]]
        # the scale is that of the summary; here it stands in the row for the comparison
        shown = {column: tables[name][column].map(math.exp) for column in columns}
        tables[name] = tables[name].assign(**shown, scale="ratio")
    tables["verdicts"] = tables["verdicts"].assign(minimum_detectable=1.25)
    page = taken_apart(run.report(evaluation=replace(run.evaluation, tables=tables, outcomes=outcomes)))
    assert_page_agrees(page, tables)
    verdicts = tables["verdicts"]
    own = (verdicts["outcome"] == "waits") & (verdicts["unit"] == "A1") & (verdicts["design"] == "difference")
    place = verdicts.index[own & verdicts["label"].ne("")][0]
    row = verdicts.loc[place]
    told = next(e.text for e in page.having("data-row") if e.attributes["data-row"] == f"verdicts:{place}")
    assert f"change of trend {100 * (row['estimate'] - 1):+.1f}".replace("-", "−") in told
    assert "−20.0\N{NO-BREAK SPACE}% or +25.0\N{NO-BREAK SPACE}%" in page.source
