"""*What if?* in a browser: each control against a run of the config that it stands for."""

import os
from pathlib import Path
from statistics import median

import pytest
import yaml
from chromium import ROOT, axe_faults, needs_chromium, wait_for
from engine_parity import COUNT, ENGINE, FITS, SEED, random_questions
from engine_parity import compare as compare_with_package

from its_eval.config import load_config
from its_eval.pipeline.run import evaluate
from its_eval.report.html import render_report

pytestmark = needs_chromium
TOLERANCE = 1e-6
SAMPLE = ROOT / "data" / "sample"
CONFIG = {
    "version": 1,
    "title": "Other choices",
    "data": {
        "indicators": {"path": str(SAMPLE / "indicators.csv")},
        "characteristics": {"path": str(SAMPLE / "characteristics.csv")},
        "units": {
            "path": str(SAMPLE / "units.csv"),
            "columns": {"unit": "unit", "name": "name", "type": "type"},
        },
    },
    "intervention": {"name": "Improvement programme", "date": "2015-07"},
    "treated": ["SIM07"],
    "peers": {"k": 10},
    "outcomes": [
        {
            "indicator": "fft_recommend",
            "unit": "%",
            "kind": "percentage",
            "better": "higher",
            "start": "2013-04",
            "end": "2020-02",
            "seasonality": "months",
        },
        {
            "indicator": "leaver_rate",
            "unit": "%",
            "kind": "percentage",
            "better": "lower",
            "start": "2009-01",
            "end": "2020-02",
            "seasonality": "months",
        },
    ],
    "designs": ["single", "difference"],
    "estimators": ["reml_ar"],
    "checks": dict.fromkeys(
        ("placebo_units", "placebo_dates", "leave_one_peer_out", "trend_bounds", "one_month"), False
    ),
}
DESIGNS = ("difference", "single")


def run(folder, **changes):
    path = Path(folder) / "study.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, **changes}), encoding="utf-8")
    config = load_config(path)
    return config, evaluate(config)


@pytest.fixture(scope="module")
def declared(tmp_path_factory):
    return run(tmp_path_factory.mktemp("declared"))


@pytest.fixture(scope="module")
def report(declared, tmp_path_factory):
    config, evaluation = declared
    folder = tmp_path_factory.mktemp("page")
    page = render_report(
        evaluation,
        folder / "figures",
        settings=config.model_dump(mode="json", by_alias=True),
        provenance={"program": {"name": "its-eval", "version": "1"}, "inputs": {}},
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture
def page(browser, report):
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get(report.as_uri())
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    show_panel(browser)
    return browser


def show_panel(browser):
    """Move to the controls, whose first answer waits until somebody looks."""
    browser.execute_script("document.getElementById('what-if-panel').scrollIntoView()")
    wait_for(browser, "return document.querySelectorAll('#what-if-panel tbody tr').length")


def settle(browser):
    """Wait until what was moved has been answered."""
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def start_at(browser, place):
    """Move the start to a period, by its place."""
    browser.execute_script(
        "const bar = document.getElementById('what-if-start'); bar.value = arguments[0];"
        "bar.dispatchEvent(new Event('input'))",
        place,
    )
    settle(browser)


def choose_unit(browser, design, outcome="fft_recommend"):
    browser.execute_script(
        "const list = document.getElementById('what-if-unit');"
        "list.value = [...list.options].find(one => one.textContent.includes(arguments[0])"
        " && one.textContent.endsWith(arguments[1])).value;"
        "list.dispatchEvent(new Event('change'))",
        {"difference": "its peers", "single": "own earlier trend"}[design],
        outcome,
    )


def shown(browser):
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#what-if-panel tbody tr')]"
        ".map(row => [row.dataset.effect, row.dataset.estimate, row.dataset.se, row.dataset.df, row.dataset.p])"
    )
    return {name: [float(value) for value in numbers] for name, *numbers in rows}


def compare(found, evaluation, design, outcome="fft_recommend"):
    effects = evaluation.rows_of("effects", outcome, "SIM07")
    rows = effects[effects["design"].eq(design)].set_index("estimand")
    names = {"level": "level_change", "slope": "slope_change", "year": "effect_at_12"}
    assert set(found) == set(names)
    for name, estimand in names.items():
        row = rows.loc[estimand]
        estimate, se, df, p = found[name]
        assert abs(estimate - row["estimate"]) < TOLERANCE * row["std_error"], (design, name)
        assert se == pytest.approx(row["std_error"], rel=TOLERANCE)
        assert df == pytest.approx(row["df"], rel=1e-5)
        assert p == pytest.approx(row["p_value"], abs=1e-6)


def test_the_engine_gives_what_the_package_gives(browser):
    asked = random_questions(COUNT, SEED)
    browser.get("about:blank")
    browser.set_script_timeout(600)
    source = ENGINE.read_text(encoding="utf-8")
    answered = browser.execute_script(
        f"{source}; const W = WhatIf, asked = arguments[0]; return {FITS.strip()}", asked
    )
    compare_with_package(asked, answered)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("outcome", ["fft_recommend", "leaver_rate"])
def test_the_declared_settings_show_the_declared_answer(page, declared, design, outcome):
    choose_unit(page, design, outcome)
    compare(shown(page), declared[1], design, outcome)
    status = page.find_element("css selector", ".what-if-status").text
    assert status == "These are the declared settings."


def test_the_start(page, tmp_path):
    _, moved = run(tmp_path, intervention={**CONFIG["intervention"], "date": "2015-10"})
    for design in DESIGNS:
        choose_unit(page, design)
        start_at(page, 30)
        wait_for(page, "return document.querySelector('.what-if-exploring')")
        assert page.find_element("id", "what-if-start-words").text == "October 2015"
        compare(shown(page), moved, design)


def test_a_period_left_out(page, tmp_path):
    events = [
        {"name": "Odd", "date": month, "until": month, "as": "mask"} for month in ("2014-02", "2016-08")
    ]
    _, masked = run(tmp_path, events=events)
    for design in DESIGNS:
        choose_unit(page, design)
        page.execute_script(
            "const list = document.getElementById('what-if-month');"
            "list.value = [...list.options].find(one => one.textContent === 'February 2014').value"
        )
        page.find_element("css selector", "#what-if-month + button").click()
        # the other one by a click on its point
        page.execute_script(
            "[...document.querySelectorAll('#what-if-panel .point')]"
            ".find(point => point.textContent.startsWith('August 2016')).dispatchEvent(new MouseEvent('click'))"
        )
        compare(shown(page), masked, design)
        page.find_element("css selector", ".what-if-left-out button").click()
        assert len(page.find_elements("css selector", "#what-if-panel .point.out")) == 1


def test_a_peer_left_out_and_three_stay(page, declared, tmp_path):
    peers = list(declared[1].rows_of("peers", "fft_recommend")["peer"])
    _, fewer = run(tmp_path, peers={"given": {"SIM07": [code for code in peers if code != peers[4]]}})
    choose_unit(page, "difference")
    page.execute_script("document.querySelector('#what-if-panel details').open = true")
    page.find_element("id", f"what-if-peer-{peers[4]}").click()
    compare(shown(page), fewer, "difference")
    for code in (*peers[:4], *peers[5:7]):
        page.find_element("id", f"what-if-peer-{code}").click()
    left = page.find_elements("css selector", ".what-if-peers input:checked")
    assert len(left) == 3
    assert not any(box.is_enabled() for box in left)


def test_the_season_and_the_order(page, tmp_path):
    _, plain = run(tmp_path, outcomes=[{**CONFIG["outcomes"][0], "seasonality": "none"}])
    choose_unit(page, "difference")
    page.find_element("id", "what-if-season").click()
    compare(shown(page), plain, "difference")
    _, first = run(tmp_path, estimators=[{"name": "reml_ar", "order": 1}])
    choose_unit(page, "difference")
    page.execute_script(
        "const list = document.getElementById('what-if-order'); list.value = '1';"
        "list.dispatchEvent(new Event('change'))"
    )
    compare(shown(page), first, "difference")


def test_what_is_tried_is_counted_kept_in_the_address_and_printed(page):
    for value in (24, 25, 24):
        start_at(page, value)
    status = page.find_element("css selector", ".what-if-status").text
    assert status == "Exploration, not the declared answer. 2 other choices tried in this copy."
    assert page.current_url.endswith("tried=2")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not page.find_element("id", "what-if-panel").is_displayed()
    printed = page.find_element("id", "what-if-printed")
    assert printed.is_displayed()
    assert printed.text.startswith("2 other choices tried in this copy of the report.")
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})
    page.refresh()
    show_panel(page)
    page.find_element("id", "what-if-season").click()
    assert page.current_url.endswith("tried=3")


def test_it_never_gives_a_verdict(page, declared):
    text = page.find_element("id", "what-if-panel").text
    assert "it cannot say whether this is more than other units change" in text
    assert not any(label and label in text for label in declared[1].tables["summary"]["label"])


def test_an_effect_of_another_time_is_not_set_beside_that_of_a_year(page):
    def year():
        row = page.find_element("css selector", 'tr[data-effect="year"]')
        cells = row.find_elements("css selector", "td")
        return row.find_element("css selector", "th").text, cells[-1].text

    start_at(page, 27)
    declared = year()
    assert declared[0] == "Effect after one year"
    assert declared[1] != "–"
    start_at(page, 73)
    assert year() == ("Effect 9 months after the start", "–")


def test_a_choice_without_an_answer_says_why(page):
    start_at(page, 4)
    status = page.find_element("css selector", ".what-if-status").text
    assert status.startswith(
        "No answer with these choices: 4 periods on one side of the start; 8 are needed."
    )


def test_a_control_answers_within_a_tenth_of_a_second(page):
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip("the machine is busy: times would say nothing")
    choose_unit(page, "difference", "leaver_rate")
    spent = page.execute_script(
        "const box = document.getElementById('what-if-season'); const spent = [];"
        "for (let turn = 0; turn < 20; turn++) {"
        " const start = performance.now(); box.click(); spent.push(performance.now() - start) }"
        "return spent"
    )
    assert median(spent) < 100


STATES = {
    "declared": "",
    "explored": "document.getElementById('what-if-season').click();"
    "document.querySelector('#what-if-month + button').click()",
    "three peers": "document.querySelector('#what-if-panel details').open = true;"
    "for (let turn = 0; turn < 7; turn++) document.querySelector('.what-if-peers input:checked').click()",
    "no answer": "const bar = document.getElementById('what-if-start'); bar.value = 4;"
    "bar.dispatchEvent(new Event('input'))",
}


@pytest.mark.parametrize("state", STATES)
def test_the_console_is_silent_and_axe_finds_nothing(page, state):
    page.execute_script(STATES[state])
    settle(page)
    assert page.get_log("browser") == []
    assert [fault for fault in axe_faults(page) if "what-if" in fault[3]] == []


def test_a_phone_shows_it_without_moving_sideways(page):
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert page.execute_script("return document.documentElement.scrollWidth") <= 390
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
