"""`audiokit mix` from the shell."""

import json

import numpy as np
import pytest

from audiokit.dsp.loudness.loudness import measure
from audiokit.io.audio import read, write
from tests.signals import noise, sine

RATE = 44_100


@pytest.fixture
def tracks(tmp_path, rng):
    voice, band = sine(440, 2, RATE, 0.1), noise(rng, 3, RATE, 0.05, 2)
    write(tmp_path / "voice.wav", voice, RATE, subtype="PCM_16")
    write(tmp_path / "band.wav", band, RATE, subtype="PCM_24")
    return read(tmp_path / "voice.wav")[0], read(tmp_path / "band.wav")[0]


def test_sum_with_gains(cli, tracks, tmp_path):
    voice, band = tracks
    done = cli("mix", "voice.wav", "band.wav", "-o", "out.wav", "--gain", "-6dB", "--gain", "0", "--json")
    report = json.loads(done.stdout)
    y, about = read(tmp_path / "out.wav")
    expected = band.copy()
    expected[:, : voice.shape[1]] += 10 ** (-6 / 20) * voice
    np.testing.assert_allclose(y, expected, atol=2**-15)
    assert about.subtype == "PCM_16" and about.history[-1]["name"] == "mix"
    assert report["seconds"] == 3 and report["gains_db"] == [-6, 0]


@pytest.mark.parametrize(("policy", "seconds"), [("shortest", 2), ("longest", 3), ("first", 2)])
def test_length(cli, tracks, tmp_path, policy, seconds):
    cli("mix", "voice.wav", "band.wav", "-o", "out.wav", "--length", policy)
    assert read(tmp_path / "out.wav")[0].shape == (2, seconds * RATE)


def test_other_rates_follow_the_first(cli, tracks, tmp_path):
    write(tmp_path / "low.wav", sine(440, 2, 22_050, 0.1), 22_050)
    done = cli("mix", "voice.wav", "low.wav", "-o", "out.wav")
    y, about = read(tmp_path / "out.wav")
    assert about.rate == RATE and y.shape == (1, 2 * RATE) and b"22050" in done.stderr
    inner = slice(RATE // 2, RATE)
    np.testing.assert_allclose(y[:, inner], 2 * tracks[0][:, inner], atol=1e-3)


def test_balance(cli, tracks, tmp_path):
    cli("mix", "voice.wav", "band.wav", "-o", "out.wav", "--balance", "3dB", "--subtype", "FLOAT")
    band = tracks[1]
    voice = (read(tmp_path / "out.wav")[0] - band)[:, : tracks[0].shape[1]]
    assert measure(voice, RATE).integrated_lufs - measure(band, RATE).integrated_lufs == pytest.approx(3, abs=0.1)


def test_through_pipes(cli, tracks, tmp_path):
    voice, band = tracks
    for balance in ([], ["--balance", "0dB"]):
        stdin = (tmp_path / "band.wav").read_bytes()
        done = cli("mix", "voice.wav", "-", "-o", "-", *balance, stdin=stdin)
        (tmp_path / "piped.wav").write_bytes(done.stdout)
        y = read(tmp_path / "piped.wav")[0]
        np.testing.assert_allclose(y[:, voice.shape[1] :], band[:, voice.shape[1] :], atol=1e-6)


def test_silence_has_no_balance_and_that_is_said(cli, tracks, tmp_path):
    write(tmp_path / "silence.wav", np.zeros((1, RATE), np.float32), RATE)
    for silent, names in (("voice", "voice.wav silence.wav"), ("band", "silence.wav band.wav")):
        done = cli("mix", *names.split(), "-o", f"{silent}-out.wav", "--balance", "2dB")
        assert b"no balance: nothing is heard in silence.wav above -70 LUFS" in done.stderr
    assert b"no balance" not in cli("mix", "voice.wav", "band.wav", "-o", "out.wav", "--balance", "2dB").stderr


def test_never_clips_in_silence(cli, tmp_path):
    loud = sine(300, 1, RATE, 0.8)
    write(tmp_path / "loud.wav", loud, RATE, subtype="PCM_16")
    done = cli("mix", "loud.wav", "loud.wav", "-o", "out.wav")
    assert b"turned down" in done.stderr
    y = read(tmp_path / "out.wav")[0]
    np.testing.assert_allclose(y / np.abs(y).max(), loud / 0.8, atol=1e-3)  # its shape is whole
    assert b"limited" in cli("mix", "loud.wav", "loud.wav", "-o", "limited.wav", "--clip", "limit").stderr
    assert np.abs(read(tmp_path / "limited.wav")[0]).max() < 0.99
    assert b"floating point" in cli("mix", "loud.wav", "loud.wav", "-o", "f.wav", "--subtype", "FLOAT").stderr


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["voice.wav", "band.wav"], 2, b"-o"),
        (["voice.wav", "gone.wav", "-o", "out.wav"], 3, b"gone.wav"),
        (["voice.wav", "-", "-", "-o", "out.wav"], 2, b"standard input"),
        (["voice.wav", "band.wav", "-o", "out.wav", "--gain", "loud"], 2, b"--gain"),
        (["voice.wav", "band.wav", "-o", "out.wav", "--gain", "1", "--gain", "1", "--gain", "1"], 2, b"3 gains"),
        (
            ["voice.wav", "band.wav", "-o", "out.wav", "--gain", "5000dB"],
            2,
            b"--gain 5000.0: must be within -200 to 200",
        ),
        (["voice.wav", "band.wav", "-o", "out.wav", "--balance", "9999dB"], 2, b"--balance 9999.0: must be within"),
        (["voice.wav", "band.wav", "-o", "out.wav", "--length", "long"], 2, b"--length"),
        (["voice.wav", "-o", "out.wav", "--balance", "0dB"], 2, b"--balance"),
        (["voice.wav", "band.wav", "-o", "voice.wav"], 3, b"exists"),
        (["voice.wav", "band.wav", "-o", "out/"], 2, b"one file"),
    ],
    ids=str,
)
def test_wrong_use(cli, tracks, tmp_path, arguments, status, says):
    assert says in cli("mix", *arguments, status=status).stderr
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("clip", ["rescale", "limit", "allow"])
@pytest.mark.parametrize("factor", [2.2, 1.0])
def test_files_that_exceed_full_scale_are_mixed_once_more(tmp_path, rng, monkeypatch, clip, factor):
    from audiokit.io import writer
    from audiokit.stages.mix import mix

    quiet = 0.4 * (2 * rng.random((2, 100_000)).astype(np.float32) - 1)
    write(tmp_path / "a.wav", quiet, RATE, subtype="PCM_16")
    write(tmp_path / "b.wav", factor * quiet, RATE, subtype="PCM_16")
    spooled: list[bool] = []
    real = writer.Writer._unspool
    monkeypatch.setattr(writer.Writer, "_unspool", lambda self: spooled.append(True) or real(self))
    made = [mix([tmp_path / "a.wav", tmp_path / "b.wav"]) for _ in range(2)]
    said = made[0].save(tmp_path / "twice.wav", clip=clip)
    assert made[0].replays and not spooled  # nothing is kept in case that it is loud
    made[1].replays = False
    assert made[1].save(tmp_path / "kept.wav", clip=clip) == said and len(said) == (factor > 2)
    assert len(spooled) == (clip != "allow")
    assert (tmp_path / "twice.wav").read_bytes() == (tmp_path / "kept.wav").read_bytes()
