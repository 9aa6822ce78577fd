"""The manual as a site, in a browser: every page loads, nothing is asked of other hosts, and search finds options."""

import functools
import http.server
import shutil
import subprocess
import sys
import threading
import tomllib

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site from a copy, as `make docs` does; its folder."""
    pytest.importorskip("zensical", reason="the site is built by zensical: make docs installs it")
    work = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", work / "docs")
    shutil.copy(ROOT / "zensical.toml", work)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return work / "build/site"


@pytest.fixture(scope="module")
def address(site):
    """Serve the site on this machine; its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        pytest.skip("no Chromium on this machine")
    sync = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=[*arguments, "--disable-sync", "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, address):
    """Open pages of the site; afterwards, no console error and no request to another host may have come up."""
    opened, problems = [], []

    def visit(path="", **how):
        page = browser.new_page(**how)
        opened.append(page)
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith((address, "data:", "blob:")) else problems.append(r.url))
        page.on("response", lambda r: problems.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.goto(address + path)
        return page

    yield visit
    for page in opened:
        page.close()
    assert problems == []


def _pages(nav):
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            (value,) = entry.values()
            yield from _pages([value] if isinstance(value, str) else value)


def test_every_page_of_the_manual_is_in_the_navigation():
    nav = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    there = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(_pages(nav)) == there


@pytest.mark.slow
def test_every_page_loads_and_asks_no_other_host(site, address, visit):
    page = visit()
    paths = sorted(path.relative_to(site).as_posix() for path in site.rglob("index.html"))
    assert len(paths) > 25
    for path in paths:
        page.goto(f"{address}{path}")
        assert page.locator("h1").count() == 1
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path}: {wide} pixels wider than the screen"


def test_search_finds_an_option(visit):
    page = visit()
    # Keys mean other things (n is the next page) until the search has been loaded and has the focus.
    for _ in range(40):
        page.keyboard.press("Control+k")
        page.wait_for_timeout(250)
        if (
            page.evaluate("(document.activeElement.shadowRoot?.activeElement ?? document.activeElement).tagName")
            == "INPUT"
        ):
            break
    page.keyboard.type("--skip-existing")
    results = page.get_by_role("option").filter(has_text="skip-existing")
    results.first.wait_for()
    results.first.click()
    page.wait_for_url("**/commands/**")
    assert "--skip-existing" in page.locator("article").inner_text()


def test_a_phone_and_the_dark(visit, tmp_path):
    phone = visit("commands/split/", viewport={"width": 390, "height": 844}, color_scheme="dark")
    wide = phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    dark, light = (_brightness(visit("", color_scheme=scheme)) for scheme in ("dark", "light"))
    assert dark < 60 and light > 200
    phone.screenshot(path=tmp_path / "phone.png")
    assert (tmp_path / "phone.png").stat().st_size > 10_000


def _brightness(page):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return max(int(float(part)) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
