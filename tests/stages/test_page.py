"""The listening page: self-contained, playable from file://, and honest about what it shows."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from audiokit.errors import InputError
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
    assert html.count("data:audio/flac") == 2 and html.count("data:image/webp") == 2
    assert (
        '<li title="to=-14"><b>normalize</b></li><li class="made">a &lt;b&gt;.wav</li>' in html
        and "7.25" in html
        and "broken.wav: not audio" in html
    )
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


def test_names_that_look_like_fields_of_the_page_stay_what_they_are(tmp_path, rng):
    audio.write(tmp_path / "@@{SOURCES} {{SECTIONS}}.wav", signals.plucks(rng, 0.5, 22_050), 22_050)
    html = render(collect(tmp_path, title="$1 @@{PLAYERS} {{PLAYERS}}"))
    assert "<title>$1 @@{PLAYERS} {{PLAYERS}}</title>" in html
    assert "<b>@@{SOURCES} {{SECTIONS}}.wav</b>" in html and html.count('<article class="track"') == 1


def test_spectrogram_picture_shows_the_tone_where_it_is(tmp_path):
    import io

    from PIL import Image

    from audiokit.io.preview import spectrogram_webp

    picture = np.asarray(Image.open(io.BytesIO(spectrogram_webp(signals.sine(2000, 1.0), 22_050))), float)
    row = picture.sum(axis=(1, 2)).argmax()
    expected = 160 * (1 - np.log1p(2000 / 700) / np.log1p(11_025 / 700))
    assert abs(row - expected) < 4


def test_links_instead_of_embedding(results, cli):
    html = render(collect(results, embed="link"))
    assert "data:audio" not in html and '"uri": "takes/half.wav"' in html
    elsewhere = results.parent / "pages/one.html"
    elsewhere.parent.mkdir()
    cli("page", results, "-o", elsewhere, "--embed", "link")
    links = re.findall('href="([^"]*)" download', elsewhere.read_text())
    assert sorted(links) == ["../results/a%20%3Cb%3E.wav", "../results/takes/half.wav"]


def test_sounds_come_in_the_order_in_which_they_were_made(tmp_path, rng):
    y = signals.plucks(rng, 1.0, 22_050)
    step = audio.history_entry("normalize", {"to": -14})
    audio.write(tmp_path / "made/b.wav", y / 2, 22_050, history=[step])
    audio.write(tmp_path / "made/a.wav", y / 4, 22_050, history=[step, step])
    audio.write(tmp_path / "zebra/song.wav", y, 22_050)
    audio.write(tmp_path / "zebra/stems/x.wav", y, 22_050)
    contents = collect(tmp_path, exclude=["*/stems/*"])
    assert [track.name for track in contents.tracks] == ["song.wav", "b.wav", "a.wav"]


def test_a_sound_that_is_there_twice_travels_once(tmp_path, rng):
    y = signals.plucks(rng, 1.0, 22_050)
    for name in ("one", "two", "three"):
        audio.write(tmp_path / f"{name}.wav", y if name != "two" else y / 2, 22_050)
    contents = collect(tmp_path)
    by_name = {track.name: track for track in contents.tracks}
    assert sum(bool(track.data_uri) for track in contents.tracks) == 2 and by_name["two.wav"].data_uri
    assert render(contents).count("data:audio") == 2


def test_containers_are_shown_too_and_one_without_sound_is_told(tmp_path, rng):
    import av

    y = signals.plucks(rng, 1.0, 48_000, channels=2)
    audio.write(tmp_path / "a.m4a", y, 48_000)
    with av.open(str(tmp_path / "b.webm"), "w") as file:  # says nothing of its length
        stream = file.add_stream("libopus", rate=48_000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(y, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    (tmp_path / "c.mp4").write_bytes(b"no video")
    contents = collect(tmp_path)
    assert [(track.name, round(track.seconds, 1)) for track in contents.tracks] == [("a.m4a", 1.0), ("b.webm", 1.0)]
    assert len(contents.problems) == 1 and "c.mp4" in contents.problems[0]


def test_a_long_page_becomes_small(tmp_path, rng):
    """Ten minutes of noise: the worst there is for a codec; FLAC alone would take 100 MB."""
    y = 0.1 * rng.standard_normal((2, 44_100 * 100)).astype(np.float32)
    for index in range(6):
        audio.write(tmp_path / f"{index}.wav", np.roll(y, 1000 * index, axis=1), 44_100, subtype="PCM_16")
    html = render(collect(tmp_path))
    assert html.count("data:audio/mpeg") == 6 and html.count(" download>the file</a>") == 6
    assert len(html) < 12_000_000


def test_loudness_is_matched_as_far_as_peaks_allow(tmp_path, rng):
    y = signals.plucks(rng, 2.0, 22_050)
    audio.write(tmp_path / "a.wav", y / 10, 22_050)
    audio.write(tmp_path / "silent.wav", 0 * y, 22_050)
    quiet, silent = collect(tmp_path).tracks
    assert quiet.lufs is not None and abs(quiet.peak - np.abs(y / 10).max()) < 1e-6
    assert silent.lufs is None and silent.peak == 0


@pytest.mark.parametrize(("folder", "status"), [("nowhere", 3), ("empty", 3), ("file.wav", 3)])
def test_nothing_to_show(tmp_path, cli, folder, status):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.wav").touch()
    cli("page", folder, "-o", "x.html", status=status)


def test_what_cannot_be_read_takes_no_place_of_what_can(tmp_path, rng):
    for name in ("a.wav", "b.wav", "e.wav"):
        (tmp_path / name).write_text("no audio")
    with pytest.raises(InputError, match=r"holds no audio that can be read \(.*a\.wav: not audio"):
        collect(tmp_path)
    for name in ("c.wav", "d.wav", "f.wav"):
        audio.write(tmp_path / name, signals.plucks(rng, 0.2, 22_050), 22_050)
    found = collect(tmp_path, limit=2)
    assert sorted(track.name for track in found.tracks) == ["c.wav", "d.wav"]
    assert found.problems[0] == "2 more audio files are not shown" and len(found.problems) == 3


def test_existing_page_is_kept(results, cli):
    cli("page", results)
    cli("page", results, status=3)
    cli("page", results, "--force")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("embed", ["flac", "mp3"])
def test_in_a_browser(results, tmp_path, embed):
    """Play, switch at the same position, seek, pause: from file://, without a console error or a request."""
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser_path:
        pytest.skip("no Chromium on this machine")
    sync = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    page_file = tmp_path / "page.html"
    page_file.write_text(render(collect(results, embed=embed)))
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
        assert after["previous"] == 0 and -1e-6 < after["position"] - before["position"] < 1.0
        # Decoders drop what a codec adds: positions mean the same in every track.
        lengths = page.evaluate("Promise.all([0, 1].map(i => window.audiokitPage.buffer(i).then(b => b.duration)))")
        assert lengths == [2.0, 2.0]
        loud = [page.evaluate(f"window.audiokitPage.level({index})") for index in (0, 1)]
        page.keyboard.press("m")
        matched = [page.evaluate(f"window.audiokitPage.level({index})") for index in (0, 1)]
        assert loud == [1, 1] and abs(matched[0] / matched[1] - 2) < 0.02
        page.keyboard.press("m")
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


def test_names_do_not_get_out_of_the_script(tmp_path, rng):
    """ "<!--" and "<script" together keep a script from ending where it ends."""
    name = "<!--<script>.wav"
    audio.write(tmp_path / name, signals.plucks(rng, 0.5, 22_050), 22_050)
    html = render(collect(tmp_path, page=tmp_path / "index.html"))
    script = html[html.index("<script>") + 8 :]
    assert "<!--" not in script and "<script" not in script
    assert "\\u003c!--\\u003cscript>.wav" in script


def test_a_page_is_called_like_one(results, cli):
    cli("page", results, "-o", "out/")
    assert (results.parent / "out/index.html").read_bytes().startswith(b"<!doctype html>")
    for out in ("-", "page", "page.txt"):
        assert b"hint: -o page.html" in cli("page", results, "-o", out, status=2).stderr
        assert not (results.parent / out).exists()


def test_files_and_folders_are_shown_together_files_first_as_they_are_given(results, tmp_path, cli, rng):
    for name in ("after", "before"):
        audio.write(tmp_path / f"{name}.wav", signals.plucks(rng, 1.0, 22_050), 22_050)
    done = cli(
        "page", "before.wav", tmp_path / "after.wav", "results", "before.wav", "results/a <b>.wav", "-o", "x.html"
    )
    assert done.stderr.decode().rstrip().endswith("-> x.html")
    contents = collect([tmp_path / "before.wav", tmp_path / "after.wav", results], page=tmp_path / "x.html")
    assert [(t.group, t.name) for t in contents.tracks] == [
        (".", "before.wav"),
        (".", "after.wav"),
        ("results/takes", "half.wav"),
        ("results", "a <b>.wav"),
    ]
    assert contents.title == "x" and any("broken.wav" in problem for problem in contents.problems)
    html = (tmp_path / "x.html").read_text()
    assert html.index("before.wav") < html.index("after.wav") < html.index("half.wav")


def test_files_of_two_places_keep_the_names_of_their_folders(tmp_path, monkeypatch, rng):
    y = signals.plucks(rng, 1.0, 22_050)
    for folder in ("raw", "clean"):
        audio.write(tmp_path / folder / "take.wav", y, 22_050)
    (tmp_path / "raw/in").mkdir()
    monkeypatch.chdir(tmp_path / "raw/in")
    tracks = collect([Path("../take.wav"), Path("../../clean/take.wav")]).tracks
    assert [(t.group, t.name, t.same) for t in tracks] == [("raw", "take.wav", None), ("clean", "take.wav", 0)]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["one.wav"], 2, "needs a name"),
        (["one.wav", "gone.wav", "-o", "x.html"], 3, "gone.wav: no such file or folder"),
        (["gone", "-o", "x.html"], 3, "gone: no such folder"),
        (["note.txt", "-o", "x.html"], 3, "note.txt: nothing that a page shows"),
        (["empty.wav", "-o", "x.html"], 3, "empty.wav: is empty"),
        (["cut.wav", "-o", "x.html"], 4, "hint: to keep what is there"),
    ],
)
def test_what_no_page_can_be_made_of_is_said(tmp_path, cli, rng, arguments, status, said):
    audio.write(tmp_path / "one.wav", signals.plucks(rng, 1.0, 22_050), 22_050)
    (tmp_path / "note.txt").write_text("text")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "cut.wav").write_bytes((tmp_path / "one.wav").read_bytes()[:9000])
    assert said in cli("page", *arguments, status=status).stderr.decode()
    assert not (tmp_path / "x.html").exists()
