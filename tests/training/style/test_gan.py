"""SimpleGAN: it learns what rows look like, resumes to the same bits, and generate draws from it."""

import json

import numpy as np
import pytest
import torch

from audiokit import cli as program
from audiokit.dsp.spectrum.style import standard_frontend
from audiokit.io.audio import read, write
from audiokit.models.style.drawing import draw
from audiokit.training.engine.loop import Every, fit
from audiokit.training.style.data import open_tracks
from audiokit.training.style.gan import Gan, GanSettings
from tests.signals import sine

FRONTEND = standard_frontend(frames=16)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Tones between 400 and 500 Hz: all that is drawn should sound there."""
    folder = tmp_path_factory.mktemp("tones")
    for k in range(4):
        write(folder / f"{k}.wav", sine(400 + 30 * k, 2.0, 22050), 22050, subtype="FLOAT")
    return folder


def recipe(tones, tmp_path):
    tracks = open_tracks(tones, FRONTEND, cache=tmp_path / "cache")
    return Gan(tracks, frontend=FRONTEND, settings=GanSettings(noise=8, width=32, batch=16, rate=1e-3))


def test_it_learns_where_the_sound_is(tones, tmp_path):
    made = recipe(tones, tmp_path)
    with torch.no_grad():
        before = made.validate(tmp_path / "start", 0)
    values = fit(made, folder=tmp_path / "run", steps=150, every=Every(150), average=0.9, quiet=True)
    assert values["mean_db"] < 0.5 * before["mean_db"]
    sounds, rate = draw(str(tmp_path / "run"), count=2, seed=3)
    for y in sounds:
        power = np.abs(np.fft.rfft(y[0])) ** 2
        hz = np.arange(power.size) * rate / y.shape[1]
        assert power[(hz > 300) & (hz < 700)].sum() > 0.5 * power.sum()
    assert np.array_equal(sounds[0], draw(str(tmp_path / "run"), count=1, seed=3)[0][0])


def test_resumed_run_has_the_same_bits(tones, tmp_path):
    runs = []
    for name, parts in (("whole", (4,)), ("parts", (2, 4))):
        for steps in parts:
            fit(recipe(tones, tmp_path), folder=tmp_path / name, steps=steps, every=Every(4), quiet=True)
        runs.append(torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["modules"])
    for name, weights in runs[0].items():
        assert all(torch.equal(value, runs[1][name][key]) for key, value in weights.items())


def test_the_commands_train_and_draw(tones, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    toy = ["--width", "8", "--frames", "16", "--batch", "2"]
    assert program.run(["train", "gan", str(tones), "-o", "run", "--steps", "2", *toy]) == 0
    assert "generate --model run" in capsys.readouterr().err
    assert len(list((tmp_path / "run/samples").glob("*.wav"))) == 4
    assert program.run(["generate", "--model", "run", "--count", "2", "-o", "drawn/", "--json"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["output"] for r in reports] == ["drawn/000.wav", "drawn/001.wav"]
    y, info = read("drawn/001.wav")
    assert info.rate == 22050 and 0.3 < y.shape[1] / info.rate < 0.5 and 0.5 < np.abs(y).max() < 1
    assert program.run(["generate", "--model", "run", "--pitch", "C4", "-o", "one.wav"]) == 2
    assert "draws sounds by itself; --pitch" in capsys.readouterr().err
    assert program.run(["train", "gan", str(tones), "-o", "short", "--frames", "4000"]) == 3
    assert "8.1 s of sound, but one spectrogram is 92.9 s" in capsys.readouterr().err
