"""The listening page: self-contained, playable from file://, and honest about what it shows."""

import json
import re
import shutil

import numpy as np
import pytest

from audiokit.io import audio
from audiokit.listen.collect import collect
from audiokit.listen.render import render
from tests import signals


@pytest.fixture
def results(tmp_path, rng):
    folder = tmp_path / "results"
    (folder / "takes").mkdir(parents=True)
    y = signals.plucks(rng, 2.0, 22_050, channels=2)
    audio.write(folder / "a <b>.wav", y, 22_050, history=[audio.history_entry("normalize", {"to": -14})])
    audio.write(folder / "takes/half.wav", y / 2, 22_050)
    (folder / "broken.wav").write_text("no audio")
    lines = [{"step": s, "rate": 0.1, "loss": {"critic": 3 / (s + 1)}} for s in range(5)]
    lines += [{"step": s, "validation": {"distance_db": 9 - s}} for s in (2, 4)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 5, "lo')
    (folder / "scores.json").write_text(json.dumps([{"file": "a", "si_sdr": 7.25}]))
    return folder


def test_page_holds_everything_and_refers_to_nothing(results, cli):
    cli("page", results, "-o", "page.html")
    html = (results.parent / "page.html").read_text()
    assert html.count("data:audio/flac") == 2 and html.count("data:image/png") == 2
    assert "normalize</b> to=-14" in html and "7.25" in html and "broken.wav: not audio" in html
    assert "a &lt;b&gt;.wav" in html and "<h3>metrics.jsonl</h3>" in html
    assert re.findall("<figcaption>(.*?) <small>", html) == ["loss: critic", "validation: distance_db"]  # no constants
    assert not re.search(r"""(src|href)=["'](?!data:)""", html)
    assert not re.search(r"https?://", html)


def test_scores_of_several_files_become_one_table(tmp_path, cli, rng):
    for name in ("one", "two"):
        y = signals.plucks(rng, 1.0, 22_050)
        audio.write(tmp_path / f"truth/{name}.wav", y, 22_050)
        audio.write(tmp_path / f"made/{name}.wav", 0.5 * y, 22_050)
    printed = cli("score", "made", "--ref", "truth", "--metrics", "loudness,si_sdr", "--json").stdout
    (tmp_path / "made/score.json").write_bytes(printed)
    assert printed.count(b"\n") == 3  # a line for each file, one for the folders
    cli("page", "made", "-o", "page.html")
    html = (tmp_path / "page.html").read_text()
    table = html[html.index("<h3>score.json</h3>") :]
    heads = re.findall(r"<th>(.*?)</th>", table[: table.index("</table>")])
    assert heads[:3] == ["sound", "loudness_lu", "si_sdr_db"]
    assert table.count("<td>-6.021</td>") == 2 and "made/one.wav" in table and "made/two.wav" in table
    (tmp_path / "made/score.json").write_text("[" * 100_000)
    cli("page", "made", "-o", "page.html", "--force")


def test_spectrogram_picture_shows_the_tone_where_it_is(tmp_path):
    import io

    from PIL import Image

    from audiokit.listen.pictures import spectrogram_png

    picture = np.asarray(Image.open(io.BytesIO(spectrogram_png(signals.sine(2000, 1.0)[0], 22_050))), float)
    row = picture.sum(axis=(1, 2)).argmax()
    expected = 160 * (1 - np.log1p(2000 / 700) / np.log1p(11_025 / 700))
    assert abs(row - expected) < 4


def test_links_instead_of_embedding(results):
    html = render(collect(results, embed="link"))
    assert "data:audio" not in html and "takes/half.wav" in html


@pytest.mark.parametrize(("folder", "status"), [("nowhere", 3), ("empty", 3), ("file.wav", 3)])
def test_nothing_to_show(tmp_path, cli, folder, status):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.wav").touch()
    cli("page", folder, status=status)


def test_existing_page_is_kept(results, cli):
    cli("page", results)
    cli("page", results, status=3)
    cli("page", results, "--force")


@pytest.mark.filterwarnings("ignore")
def test_in_a_browser(results, tmp_path):
    """Play, switch at the same position, seek, pause: from file://, without a console error or a request."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser_path:
        pytest.skip("no Chromium on this machine")
    sync = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    page_file = tmp_path / "page.html"
    page_file.write_text(render(collect(results)))
    arguments = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
    arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    with sync.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=arguments)
        page = browser.new_page(color_scheme="dark")
        problems, requests = [], []
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        page.on("request", lambda r: requests.append(r.url) if not r.url.startswith(("data:", "file:")) else None)
        page.goto(page_file.as_uri())

        def state():
            return page.evaluate("window.audiokitPage.state()")

        page.keyboard.press("1")
        page.wait_for_function("window.audiokitPage.state().position > 0.4")
        before = state()
        page.keyboard.press("2")
        page.wait_for_function("window.audiokitPage.state().current === 1 && window.audiokitPage.state().playing")
        after = state()
        assert after["previous"] == 0 and before["position"] <= after["position"] < before["position"] + 1.0
        page.keyboard.press("b")
        page.wait_for_function("window.audiokitPage.state().current === 0")
        page.keyboard.press("Space")
        page.wait_for_function("!window.audiokitPage.state().playing")
        paused = state()["position"]
        page.keyboard.press("ArrowLeft")
        assert state()["position"] == max(0, paused - 2)
        page.click(".track >> nth=1", position={"x": 300, "y": 10})
        page.wait_for_function("window.audiokitPage.state().playing")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.emulate_media(color_scheme="light")
        assert dark != page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
        browser.close()
    assert problems == [] and requests == []
    assert (tmp_path / "page.png").stat().st_size > 10_000
