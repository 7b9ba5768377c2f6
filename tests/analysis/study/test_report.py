"""The page of a study, also as a browser shows it."""

import io
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_study import written

from hmax_cnn.analysis.study import run_study
from hmax_cnn.analysis.study.report import write_report

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


in_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs Chromium and its driver: Debian's chromium and chromium-driver",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a study whose names need escaping."""
    folder = tmp_path_factory.mktemp("report")
    path = written(
        folder,
        ('title = "Small"', 'title = "Pixels & <b>filters</b>"'),
        ('label = "classical filters"', 'label = "classical <filters>"'),
    )
    run_study(path, folder / "out", jobs=1, progress=False)
    return folder / "out"


class Page(HTMLParser):
    """What the page refers to, and the text of its cells."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.sources, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if "href" in found:
            self.links += [found["href"]]
        if "id" in found:
            self.ids += [found["id"]]
        if found.get("src"):
            self.sources += [found["src"]]


def test_it_stands_alone(out):
    """Every link is to a file of the folder or a place on the page; pictures are inside; nothing of
    another host; text is escaped."""
    text = (out / "report.html").read_text()
    page = Page(text)
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text)
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (out / link).is_file(), link
    assert all(source.startswith("data:image/") for source in page.sources)
    assert len(page.ids) == len(set(page.ids))
    assert "b" not in page.tags
    assert "Pixels &amp; &lt;b&gt;filters&lt;/b&gt;" in text


def test_every_number_has_its_file(out):
    """Each row of each table names the result that it is from."""
    text = (out / "report.html").read_text()
    for name in ("similarity", "accuracy", "alignment"):
        for file in pd.read_csv(out / "tables" / f"{name}.csv")["file"]:
            assert f'href="{file}"' in text.replace("%7E", "~")


def test_it_is_made_from_the_folder_alone(out):
    """Written again, it is the same; without a study it says what to do."""
    before = (out / "report.html").read_bytes()
    assert write_report(out).read_bytes() == before
    with pytest.raises(FileNotFoundError, match="holds no study"):
        write_report(out / "tables")


@pytest.fixture
def browser(tmp_path):
    """Chromium without a window, that logs its console and its network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = CHROMIUM
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1280,1600",
        f"--user-data-dir={tmp_path}",
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


def opened(browser, out, scheme="light"):
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get((out / "report.html").as_uri())


@in_browser
def test_no_error_and_no_request(browser, out):
    """The console is silent, nothing is asked of the network but the file itself, and every figure
    is there at its size."""
    opened(browser, out)
    assert [
        entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
    ] == []
    asked = {
        url
        for entry in browser.get_log("performance")
        for url in re.findall(r'"url":"((?:https?|wss?|ftp)://[^"]+)"', entry["message"])
    }
    assert asked == set()
    widths = browser.execute_script(
        "return [...document.querySelectorAll('figure img')].map(image => image.complete ? "
        "image.naturalWidth : 0)"
    )
    assert len(widths) == 2
    assert min(widths) > 200


@in_browser
def test_tables_sort(browser, out):
    """A click on a column sorts by its numbers, another the other way round; screen readers are
    told."""
    opened(browser, out)
    folded = browser.find_element("css selector", "#tables ~ details > summary")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", folded)
    folded.click()
    head = browser.execute_script(
        "return [...document.querySelectorAll('th button')].find(button => "
        "button.textContent === 'value').parentNode"
    )
    read = (
        "return [...arguments[0].closest('table').tBodies[0].rows].map(row => "
        "row.cells[arguments[0].cellIndex].dataset.value)"
    )
    for order, state in ((1, "ascending"), (-1, "descending")):
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
        head.find_element("tag name", "button").click()
        values = np.array(browser.execute_script(read, head), dtype=float)
        assert len(values) == 6
        assert (np.diff(order * values) >= 0).all()
        assert head.get_attribute("aria-sort") == state


@in_browser
def test_figures_enlarge_by_mouse_and_keyboard(browser, out):
    """A click opens the figure larger, Escape closes it and the focus comes back; Enter opens it as
    well; 'Larger' makes it larger still."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    opened(browser, out)
    button = browser.find_element("css selector", ".picture")
    small = button.find_element("tag name", "img").size["width"]
    button.click()
    dialog = browser.find_element("tag name", "dialog")
    assert dialog.get_attribute("open") is not None
    shown = browser.find_element("id", "enlarged")
    assert shown.get_attribute("src") == button.find_element("tag name", "img").get_attribute("src")
    assert shown.get_attribute("alt")
    fitted = shown.size["width"]
    browser.find_element("id", "larger").click()
    assert shown.size["width"] > 2 * fitted > small
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert dialog.get_attribute("open") is None
    assert browser.switch_to.active_element == button
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert dialog.get_attribute("open") is not None


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible_in_both_schemes(browser, out, scheme):
    """axe-core finds nothing against WCAG 2.1 A and AA; the ground is light or dark as asked;
    nothing is wider than the page."""
    from axe_core_python.selenium import Axe

    opened(browser, out, scheme)
    found = Axe().run(
        browser, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}
    )
    assert [
        (problem["id"], [node["html"][:90] for node in problem["nodes"]])
        for problem in found["violations"]
    ] == []
    assert len(found["passes"]) > 20
    picture = np.asarray(
        Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L"), dtype=float
    )
    assert (picture[2, 2] > 200) == (scheme == "light")
    assert browser.execute_script(
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )


@in_browser
def test_it_prints_and_fits_a_phone(browser, out):
    """On paper the navigation is gone and tables are whole; on 390 pixels nothing is wider than the
    screen."""
    opened(browser, out)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element("tag name", "nav").is_displayed()
    box = browser.find_element("css selector", ".scroll")
    assert browser.execute_script(
        "return arguments[0].scrollHeight <= arguments[0].clientHeight + 1", box
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True},
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 390
