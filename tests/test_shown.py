"""Control characters in names and tags are escaped wherever people see them; names stay inside the output folder."""

import json
import pickle

import numpy as np
import pytest

from audiokit.errors import BatchError, InputError, shown
from audiokit.io.audio import write

NAME = "red\x1b[31m\ntwo\u202e.wav"
SHOWN = b"red\\x1b[31m\\ntwo\\u202e.wav"


@pytest.fixture
def song(tmp_path):
    from dataclasses import replace

    from audiokit.io.about import AudioInfo

    about = replace(AudioInfo("", 8000, 1, None, "PCM_16", "WAV"), tags={"title": "bell\x07 and \x9b2J"})
    write(tmp_path / NAME, np.full((1, 800), 0.25, np.float32), 8000, like=about)
    return NAME


def _seen(done) -> bytes:
    text = done.stdout + done.stderr
    for bad in (b"\x1b", b"\x07", "\x9b".encode(), "\u202e".encode()):
        assert bad not in text
    return text


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("normalize {} -o out/", 0),
        ("normalize {} -o out/ --dry-run", 0),
        ("normalize {} -o {}", 3),
        ("normalize nowhere-{} -o out.wav", 3),
        ("normalize {} {}.gone -o out.wav", 3),
        ("split {} --engine center -o out/", 0),
        ("spectro {} -o out/", 0),
        ("invert {} -o out.wav", 3),
        ("mix {} {} -o mix.wav", 0),
        ("morph {} {} -o {}", 3),
        ("score {} --metrics checks", 0),
        ("score {} nowhere-{}", 3),
        ("align-beats {}", 0),
        ("info {}", 0),
        ("info {} nowhere-{}", 7),
        ("models info {}", 5),
        ("stylize {} -o x.wav --model {}", 5),
        ("normalize {} -o x.wav --mode {}", 2),
        ("page {}", 2),
        ("page {} -o x.html", 0),
        ("run normalize {} -o out/", 0),
    ],
)
def test_names_and_tags_are_escaped(cli, song, line, status):
    seen = _seen(cli(*(word.replace("{}", song) for word in line.split()), status=status))
    assert SHOWN in seen or "score {} --metrics" in line


def test_tags_are_escaped_for_people_and_kept_in_files(cli, song, tmp_path):
    assert b"bell\\x07 and \\x9b2J" in _seen(cli("info", song)).replace(b"\\\\", b"\\").replace(b"\\u0007", b"\\x07")
    cli("normalize", song, "-o", "loud.wav")
    assert json.loads(cli("info", "loud.wav", "--json").stdout)["tags"]["title"] == "bell\x07 and \x9b2J"


def test_errors_keep_their_lines_and_no_others():
    error = BatchError("2 failed:", lines=[InputError("a\nb: gone"), "c\x00"], hint="see\x1b")
    assert str(error) == "2 failed:\n  a\\nb: gone\n  c\\x00" and error.hint == "see\\x1b"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.hint, type(again)) == (str(error), error.hint, BatchError)
    assert (
        shown("Grüße, 日本 🎵.wav") == "Grüße, 日本 🎵.wav"
        and shown(b"\xff".decode(errors="surrogateescape")) == "\\xff"
    )


@pytest.mark.parametrize(
    "template",
    ["../../{stem}.{ext}", "../{stem}.{ext}", "/tmp/out-{stem}.{ext}", "a/../../{stem}.{ext}", "{parent}/../{stem}"],
)
def test_names_cannot_leave_the_output_folder(cli, song, tmp_path, template):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.wav", np.zeros((1, 80), np.float32), 8000)
    before = sorted(tmp_path.rglob("*"))
    for command in (["normalize"], ["split", "--engine", "center"], ["spectro"], ["run", "normalize"]):
        done = cli(*command, "in", "-o", "out/", "--name", template, status=2)
        assert b"would leave the output folder" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_names_may_go_up_inside_of_it(cli, tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    write(tmp_path / "in/deep/a.wav", np.zeros((1, 80), np.float32), 8000)
    cli("normalize", "in", "-o", "out/", "--name", "../{stem}.{ext}")
    assert (tmp_path / "out/a.wav").exists()
