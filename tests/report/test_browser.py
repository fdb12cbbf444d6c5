"""A report in a real browser: `nox -s browser`."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest
from report_runs import HOSTILE, spoilt

from mlipcheck.drawing.tables import clean
from mlipcheck.record import Finding
from mlipcheck.references.doubts import Doubt
from mlipcheck.report.document import HEADINGS
from mlipcheck.report.folder import write_report
from mlipcheck.report.rendering import SYMBOLS
from mlipcheck.uses import ALL_USES, OWN, USES, answer_uses

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
HEIGHT = 800


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
        {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    driver.get((folder / "report.html").as_uri())
    events = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    asked = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
    # the empty tab that chromium opens with asks for parts of its own
    return [a["request"]["url"] for a in asked if not a["documentURL"].startswith("chrome:")]


def doubted(run):
    """Return a run with a doubt of the usual length in every line of its verdict."""
    doubt = Doubt("level of theory", "the reference is HSE06, the model was trained on PBE/PBE+U")
    findings = tuple(
        Finding(
            "caution",
            "relaxation",
            "volume per atom",
            ("relax/vasprun.xml", "other"),
            f"+{k}.65 % (0.1 % to go)",
            decides=(use,),
            tested_on=OWN,
            doubts=(doubt,),
        )
        for k, use in enumerate(ALL_USES)
    )
    return dataclasses.replace(run, findings=findings, uses=answer_uses(findings))


@pytest.fixture(scope="module", params=["one", "two", "doubted", "hostile"])
def folder(request, tmp_path_factory, soft_run, exact_run):
    made = tmp_path_factory.mktemp(request.param)
    runs = {
        "one": [soft_run],
        "two": [soft_run, exact_run],
        "doubted": [doubted(soft_run), doubted(exact_run)],
        "hostile": [spoilt(soft_run, " ".join(HOSTILE))],
    }
    write_report(made, runs[request.param])
    return made


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_opens(browser, folder, width):
    asked = opened(browser, folder, width)
    page = (folder / "report.html").as_uri()
    ours = [url for url in asked if not url.startswith(("data:", "chrome"))]  # nor its own pages
    assert ours == [page]
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


@pytest.mark.slow
def test_the_verdict_is_that_of_the_results(browser, folder):
    opened(browser, folder, WIDTHS[1])
    data = json.loads((folder / "results.json").read_text())
    runs = data.get("runs", [data])
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#verdict tbody tr')].map("
        "row => [...row.cells].map(c => (c.querySelector('.badge') || c).innerText))"
    )
    for k, (use, (title, *cells)) in enumerate(zip(USES, rows, strict=True)):
        assert title == use.title
        given = [run["uses"][k]["answer"] for run in runs]
        assert cells[: len(runs)] == [f"{SYMBOLS[answer]} {answer}" for answer in given]
    plain = browser.execute_script(
        "return [...document.querySelectorAll('.plain')].map(e => e.textContent)"
    )
    crossed = [f for r in runs for f in r["findings"] if f["status"] in ("fail", "caution")]
    # characters that cannot be shown are replaced
    assert sorted(plain) == sorted(clean(f["reason"]) for f in crossed)


@pytest.mark.slow
def test_the_verdict_is_on_the_first_screen(browser, folder):
    if folder.name.startswith("hostile"):
        pytest.skip("its names are as long as a page")
    opened(browser, folder, WIDTHS[1])
    (top, bottom), *more = browser.execute_script(
        "return [...document.querySelectorAll('#verdict table')].map("
        "e => { const box = e.getBoundingClientRect(); return [box.top, box.bottom]; })"
    )
    assert more == []
    assert 0 < top < bottom <= HEIGHT


@pytest.mark.slow
def test_what_is_folded_opens(browser, folder):
    if folder.name.startswith("doubted"):
        pytest.skip("nothing in it is ok")
    opened(browser, folder, WIDTHS[1])
    shown = (
        "return [...document.querySelectorAll('details .found.ok')].map(e => e.checkVisibility())"
    )
    before = browser.execute_script(shown)
    assert before
    assert not any(before)
    for summary in browser.find_elements("tag name", "summary"):
        if summary.text.startswith(HEADINGS["ok"]):
            summary.click()
    assert all(browser.execute_script(shown))


@pytest.mark.slow
def test_nothing_of_a_file_is_run(browser, folder):
    opened(browser, folder, WIDTHS[0])
    assert browser.execute_script("return document.scripts.length") == 0
    assert browser.execute_script("return document.querySelectorAll('[onerror]').length") == 0
