"""`audiokit morph` from the shell."""

import json

import numpy as np
import pytest

from audiokit.dsp.voice.world import analyse_voice
from audiokit.io.audio import read, write
from tests.signals import sine

RATE = 22_050


@pytest.fixture
def clips(tmp_path):
    write(tmp_path / "a.wav", sine(220, 1, RATE), RATE, subtype="PCM_16")
    write(tmp_path / "b.wav", sine(330, 1, 44_100, channels=2), 44_100)


def test_between(cli, clips, tmp_path):
    report = json.loads(cli("morph", "a.wav", "b.wav", "-o", "out.wav", "--json").stdout)
    y, about = read(tmp_path / "out.wav")
    assert report["engine"] == "transport" and about.subtype == "PCM_16" and about.history[-1]["name"] == "morph"
    assert y.shape == (2, RATE)
    power = np.abs(np.fft.rfft(y[0, 4000:-4000] * np.hanning(RATE - 8000), 10 * RATE))
    assert power.argmax() / 10 == pytest.approx(np.sqrt(220 * 330), rel=0.006)


def test_through_pipes_along_a_curve(cli, clips, tmp_path):
    done = cli("morph", "-", "b.wav", "-o", "-", "--curve", "0:0,50%:0,1:1", stdin=(tmp_path / "a.wav").read_bytes())
    (tmp_path / "piped.wav").write_bytes(done.stdout)
    a, y = read(tmp_path / "a.wav")[0], read(tmp_path / "piped.wav")[0]
    np.testing.assert_allclose(y[0, : RATE // 4], a[0, : RATE // 4], atol=1e-3)


def test_clips_that_are_too_different_to_align(cli, tmp_path):
    t = np.arange(3 * RATE) / RATE
    write(tmp_path / "early.wav", (0.5 * (np.abs(t - 0.3) < 0.1) * np.sin(3000 * t))[None].astype(np.float32), RATE)
    write(tmp_path / "late.wav", (0.5 * (np.abs(t - 2.5) < 0.1) * np.sin(3000 * t))[None].astype(np.float32), RATE)
    done = cli("morph", "early.wav", "late.wav", "-o", "out.wav", "--align", "--engine", "fade", status=2)
    assert b"too different to be aligned" in done.stderr and b"--align" in done.stderr and b"beats" not in done.stderr


def test_latent_makes_a_note_between_two(cli, tmp_path):
    t = np.arange(44_100) / 44_100
    for name, hz in (("low", 220.0), ("high", 330.0)):
        wave = sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 20)) * 0.1 * np.exp(-2 * t)
        write(tmp_path / f"{name}.wav", wave.astype(np.float32)[None], 44_100)
    cli("morph", "low.wav", "high.wav", "-o", "out.wav", "--engine", "latent")
    y, _ = read(tmp_path / "out.wav")
    voice = analyse_voice(y[0], 44_100)
    assert y.shape == (1, 44_100)
    assert 1200 * np.log2(voice.median_hz / np.sqrt(220 * 330)) == pytest.approx(0, abs=20)
    cli("morph", "low.wav", "high.wav", "-o", "x.wav", "--engine", "latent", "--curve", "0,1", status=2)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["a.wav", "b.wav"], 2),
        (["a.wav", "gone.wav", "-o", "out.wav"], 3),
        (["-", "-", "-o", "out.wav"], 2),
        (["a.wav", "b.wav", "-o", "a.wav"], 3),
        (["a.wav", "b.wav", "-o", "folder/"], 2),
        (["a.wav", "b.wav", "-o", "out.wav", "--curve", "up"], 2),
        (["a.wav", "b.wav", "-o", "out.wav", "--engine", "magic"], 2),
        (["a.wav", "b.wav", "-o", "out.wav", "--amount", "2"], 2),
    ],
    ids=str,
)
def test_wrong_use(cli, clips, tmp_path, arguments, status):
    cli("morph", *arguments, status=status)
    assert not (tmp_path / "out.wav").exists()
