"""Debian's Chromium, headless, and axe-core in it; tests are skipped, saying so, where they are not."""

import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)",
)


def axe_source():
    """Return the text of axe-core; None where it is not."""
    places = [os.environ.get("AXE_CORE"), ROOT / "node_modules" / "axe-core" / "axe.min.js"]
    found = [Path(place) for place in places if place and Path(place).is_file()]
    return found[0].read_text(encoding="utf-8") if found else None


def wait_for(browser, script, *arguments, seconds=60):
    """Return what a script returns as soon as that is something."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds).until(lambda driver: driver.execute_script(script, *arguments))


def axe_faults(browser):
    """Return the violations on the page: impact, rule, how many, the first."""
    source = axe_source()
    if source is None:
        pytest.skip("axe-core is not here: `npm install axe-core`, or name axe.min.js in AXE_CORE")
    # the policy of the page forbids scripts, so it is told through the debugger as browsers' own tools are
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": source})
    found = browser.execute_cdp_cmd(
        "Runtime.evaluate",
        {
            "expression": "axe.run(document, {resultTypes: ['violations']})"
            ".then(found => JSON.stringify(found.violations.map("
            "fault => [fault.impact, fault.id, fault.nodes.length, fault.nodes[0].html])))",
            "awaitPromise": True,
            "returnByValue": True,
        },
    )
    return json.loads(found["result"]["value"])
