"""`augment` as a program: same seed same bytes, recorded draws, long files in segments."""

import json

import numpy as np
import pytest

from audiokit.io import audio
from tests import signals

RATE = 16_000


@pytest.fixture
def notes(tmp_path, rng):
    (tmp_path / "notes").mkdir()
    for name in ("a", "b", "c"):
        audio.write(tmp_path / f"notes/{name}.wav", signals.plucks(rng, 0.6, RATE, channels=2), RATE)
    return tmp_path


def test_same_bytes_whatever_the_jobs_and_the_company(cli, notes):
    line = ["--recipe", "music", "--copies", 2, "--seed", 7]
    cli("augment", "notes", *line, "-o", "one/")
    cli("augment", "notes", *line, "-o", "two/", "--jobs", 2)
    cli("augment", "notes/b.wav", *line, "-o", "alone/")
    names = sorted(path.name for path in (notes / "one").iterdir())
    assert names == [f"{stem}_{copy:03d}.wav" for stem in "abc" for copy in range(2)]
    for name in names:
        assert (notes / "one" / name).read_bytes() == (notes / "two" / name).read_bytes()
    # The history says what was given on the command line, so only the samples are compared here.
    pair = [audio.read(notes / folder / "b_001.wav")[0] for folder in ("one", "alone")]
    assert np.array_equal(*pair)
    sounds = [audio.read(notes / "one" / name)[0].tobytes() for name in names]
    assert len(set(sounds)) == len(sounds)


def test_what_was_drawn_can_be_done_again(cli, notes):
    done = cli("augment", "notes/a.wav", "--recipe", "speech", "--seed", 5, "-o", "varied.wav", "--json")
    report = json.loads(done.stdout)
    entry = audio.info(notes / "varied.wav").history[-1]
    assert entry["effects"] == report["effects"][0]
    effects = entry["effects"][0]
    assert [e["use"] for e in effects][-1] == "Gain" and any(e["parameters"]["should_apply"] for e in effects)
    cli("augment", "notes/a.wav", "--like", "varied.wav", "-o", "again.wav")
    assert np.array_equal(audio.read(notes / "again.wav")[0], audio.read(notes / "varied.wav")[0])
    assert audio.read(notes / "varied.wav")[0].shape == audio.read(notes / "notes/a.wav")[0].shape


def test_long_files_in_segments(cli, tmp_path):
    y = signals.sine(220, 7.0, RATE, channels=2)
    audio.write(tmp_path / "long.wav", y, RATE)
    (tmp_path / "gain.toml").write_text('[[effect]]\nuse = "Gain"\np = 1.0\nmin_gain_db = -12.0\nmax_gain_db = 0.0\n')
    cli("augment", "long.wav", "--recipe", "gain.toml", "--segment", "2s", "-o", "out.wav")
    out, info = audio.read(tmp_path / "out.wav")
    segments = info.history[-1]["effects"]
    assert out.shape == y.shape and len(segments) == 4
    for number, segment in enumerate(segments):
        middle = slice(round((number * 1.98 + 0.3) * RATE), round((number * 1.98 + 0.9) * RATE))
        gain = segment[0]["parameters"]["amplitude_ratio"]
        assert np.allclose(out[:, middle], gain * y[:, middle], atol=1e-4)
    assert np.abs(np.diff(out, axis=1)).max() < 1.1 * np.abs(np.diff(y, axis=1)).max()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--recipe", "jazz"], 3, "no such recipe"),
        (["--recipe", "bad.toml"], 2, "no setting 'loud'"),
        (["--like", "notes/b.wav"], 3, "was not made by augment"),
        (["--copies", "0"], 2, "--copies"),
    ],
)
def test_refusals(cli, notes, arguments, status, words):
    (notes / "bad.toml").write_text('[[effect]]\nuse = "Gain"\nloud = 3\n')
    assert words in cli("augment", "notes/a.wav", *arguments, "-o", "x.wav", status=status).stderr.decode()
    assert not (notes / "x.wav").exists()


def test_empty_and_mono(cli, tmp_path):
    audio.write(tmp_path / "empty.wav", np.zeros((1, 0), np.float32), RATE)
    audio.write(tmp_path / "mono.wav", signals.sine(200, 0.5, RATE), RATE)
    cli("augment", "empty.wav", "mono.wav", "--recipe", "notes", "-o", "out/")
    assert audio.read(tmp_path / "out/empty.wav")[0].shape == (1, 0)
    assert audio.read(tmp_path / "out/mono.wav")[0].shape == (1, RATE // 2)
