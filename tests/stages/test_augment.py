"""`augment` as a program: same seed same bytes, recorded draws, long files in segments."""

import json

import numpy as np
import pytest

import audiokit
from audiokit.engine.parts import Parts
from audiokit.errors import ParameterError
from audiokit.io import audio
from audiokit.stages.augment.stage import augment
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


def test_the_shell_and_python_draw_the_same(cli, notes):
    cli("augment", "notes/a.wav", "--recipe", "notes", "--seed", 3, "--copies", 2, "-o", "out/", "--subtype", "FLOAT")
    parts = augment(notes / "notes/a.wav", recipe="notes", seed=3, copies=2)
    assert isinstance(parts, Parts) and parts.names == ("000", "001")
    for name, sound in parts:
        y, about = audio.read(notes / f"out/a_{name}.wav")
        assert np.array_equal(sound.samples, y)
        assert {k: sound.history[-1][k] for k in ("copy", "effects")} == {
            k: about.history[-1][k] for k in ("copy", "effects")
        }
    alone = augment(notes / "notes/a.wav", recipe="notes", seed=3)
    assert np.array_equal(alone.samples, parts["000"].samples)
    y, rate = audiokit.read(notes / "notes/a.wav")
    again = augment(y, rate, like=notes / "out/a_001.wav")
    assert np.array_equal(again, parts["001"].samples)


def test_copies_are_reported_like_every_result(cli, notes):
    done = cli("augment", "notes/a.wav", "--recipe", "notes", "--copies", 2, "-o", "out/", "--json")
    report = json.loads(done.stdout)
    assert (report["seconds"], report["rate"], report["channels"], report["copies"]) == (0.6, RATE, 2, 2)
    assert len(report["effects"]) == 2


def test_a_changed_recipe_makes_results_anew(cli, notes):
    recipe = notes / "gain.toml"
    recipe.write_text('[[effect]]\nuse = "Gain"\np = 1.0\nmin_gain_db = -12.0\nmax_gain_db = -6.0\n')
    line = ["augment", "notes/a.wav", "--recipe", "gain.toml", "-o", "out.wav", "--skip-existing"]
    cli(*line)
    before = (notes / "out.wav").read_bytes()
    assert b"1 of 1 up to date" in cli(*line).stderr
    recipe.write_text(recipe.read_text().replace("-6.0", "-9.0"))
    cli(*line)
    assert (notes / "out.wav").read_bytes() != before


@pytest.mark.parametrize(
    ("y", "rate"),
    [(np.zeros((100, 2), np.float32), RATE), (np.zeros((1, 9), np.int16), RATE), (np.zeros((1, 9), np.float32), 0)],
)
def test_wrong_arrays_are_refused_at_the_door(y, rate):
    with pytest.raises(ParameterError):
        augment(y, rate)


def test_the_schema_tells_what_is_given(cli):
    found = json.loads(cli("augment", "--schema").stdout)
    assert found["writes"] == ["audio", "parts"]
    assert found["options"]["copies"]["maximum"] == 10_000 and found["options"]["like"]["format"] == "path"
