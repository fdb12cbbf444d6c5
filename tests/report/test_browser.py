"""A report in a real browser: `nox -s browser`."""

from __future__ import annotations

import json
import shutil

import pytest
from parsed_report import HEADINGS
from report_runs import HOSTILE, spoilt

from mlipcheck.report.folder import write_report
from mlipcheck.report.templates import clean

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTHS = (390, 1280)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium without a window, which writes down what it asks for and what it complains of."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed: nox -s browser"
    )
    found = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if not all(found):
        pytest.skip("there is no chromium with its chromedriver")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(found[1]))
    yield driver
    driver.quit()


def opened(driver, folder, width):
    """Open a report as wide as a screen, and return what was asked for on the way."""
    driver.get_log("browser")
    driver.get_log("performance")
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    driver.get((folder / "report.html").as_uri())
    events = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    return [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]


@pytest.fixture(scope="module", params=["one", "two", "hostile"])
def folder(request, tmp_path_factory, soft_run, exact_run):
    made = tmp_path_factory.mktemp(request.param)
    runs = {
        "one": [soft_run],
        "two": [soft_run, exact_run],
        "hostile": [spoilt(soft_run, " ".join(HOSTILE))],
    }
    write_report(made, runs[request.param])
    return made


@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_opens(browser, folder, width):
    asked = opened(browser, folder, width)
    page = (folder / "report.html").as_uri()
    assert [url for url in asked if url != page and not url.startswith("data:")] == []
    assert page in asked
    assert browser.get_log("browser") == []
    pictures = browser.execute_script(
        "return [...document.images].map(i => { const box = i.getBoundingClientRect();"
        "return [i.complete, i.naturalWidth, box.width, box.height]; })"
    )
    assert pictures
    assert all(complete and min(sizes) > 0 for complete, *sizes in pictures)
    wide, inner = browser.execute_script(
        "return [document.documentElement.scrollWidth, window.innerWidth]"
    )
    assert wide <= inner == width


def test_the_verdict_is_that_of_the_results(browser, folder):
    opened(browser, folder, WIDTHS[1])
    data = json.loads((folder / "results.json").read_text())
    runs = data.get("runs", [data])
    told = browser.execute_script(
        "return [...document.querySelectorAll('.plain')].map(e => e.textContent)"
    )
    findings = [f for r in runs for s in HEADINGS for f in r["findings"] if f["status"] == s]
    # characters that cannot be shown are replaced
    assert told == [clean(f["plain"] or f["reason"]) for f in findings]
    summaries = browser.execute_script(
        "return [...document.querySelectorAll('.summary')].map(e => e.textContent)"
    )
    assert summaries == [clean(r["summary"]) for r in runs]


def test_nothing_of_a_file_is_run(browser, folder):
    opened(browser, folder, WIDTHS[0])
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('[onerror]').length") == 0
