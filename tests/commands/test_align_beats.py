"""`align-beats` as a program: beats meet, stems stay in step, wrong uses are refused."""

import json

import numpy as np
import pytest

from audiokit.dsp.beats import track_beats
from audiokit.io import audio
from tests.drums import pattern

RATE = 22_050


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    made = {}
    for name, style, bpm, seed, rate in (("a", "rock", 104, 11, RATE), ("b", "floor", 118, 12, 44_100)):
        made[name] = pattern(style, bpm, seed, seconds=9, rate=rate)
        audio.write(folder / f"{name}.wav", np.tile(made[name].y, (2, 1)), rate, subtype="PCM_16")
    return folder, made


def agreement(truth, found, within):
    near = np.abs(truth[:, None] - found[None, :]).min(axis=1)
    return 2 * float((near < within).sum()) / (len(truth) + len(found))


def test_beats_meet_at_the_rate_of_the_reference(cli, songs, tmp_path):
    folder, made = songs
    done = cli(
        "align-beats", folder / "a.wav", "--to", folder / "b.wav", "-o", "out.wav", "--beats-out", "out.json",
        "--click", "click.wav", "--picture", "grids.png", "--json",
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert abs(report["tempo_bpm"] - 104) < 0.5 and abs(report["target_bpm"] - 118) < 0.5
    assert report["warnings"] == [] and report["level"] == 1
    y, info = audio.read(tmp_path / "out.wav")
    assert info.rate == 44_100 and info.channels == 2 and info.subtype == "PCM_16"
    assert info.history[-1]["name"] == "align-beats"
    seconds = y.shape[1] / 44_100
    truth = made["b"].beats_s[made["b"].beats_s < seconds - 0.1]
    found = track_beats(y, 44_100).times_s
    assert agreement(truth, found[found < truth[-1] + 0.1], 0.035) >= 0.95
    listed = json.loads((tmp_path / "out.json").read_text())
    assert agreement(truth, np.array(listed["times_s"]), 0.01) >= 0.9
    clicks, _ = audio.read(tmp_path / "click.wav")
    assert clicks.shape == (1, y.shape[1]) and clicks.any()
    assert (tmp_path / "grids.png").read_bytes().startswith(b"\x89PNG")


def test_stems_stay_in_step(cli, songs, tmp_path):
    folder, made = songs
    y = np.tile(made["a"].y, (2, 1))
    low = np.cumsum(y, axis=1).astype(np.float32) * 0.02
    audio.write(tmp_path / "high.wav", y - low, RATE)
    audio.write(tmp_path / "low.wav", low, RATE)
    cli("align-beats", "high.wav", "low.wav", "--beats-from", folder / "a.wav", "--bpm", 110, "-o", "stems/")
    cli("align-beats", folder / "a.wav", "--bpm", 110, "-o", "whole.wav")
    parts = [audio.read(tmp_path / "stems" / f"{name}.wav")[0] for name in ("high", "low")]
    whole, _ = audio.read(tmp_path / "whole.wav")
    assert parts[0].shape == parts[1].shape == whole.shape
    found = track_beats(sum(parts), RATE).times_s
    assert abs(60 / float(np.median(np.diff(found))) - 110) < 1
    assert agreement(track_beats(whole, RATE).times_s, found, 0.01) > 0.95


def test_beats_are_printed_and_read_back(cli, songs, tmp_path):
    folder, made = songs
    lines = cli("align-beats", folder / "a.wav").stdout.decode().split("\n")[:-1]
    times, positions = zip(*(line.split("\t") for line in lines), strict=True)
    assert set(positions) <= {"1", "2", "3", "4"}
    assert agreement(made["a"].beats_s, np.array([float(t) for t in times]), 0.01) > 0.9
    (tmp_path / "grid.txt").write_text("".join(f"{0.1 + 0.5 * k}\t{k % 4 + 1}\n" for k in range(20)))
    cli("align-beats", folder / "a.wav", "--beats", "grid.txt", "-o", "out.wav", "--fit", "all")
    found = track_beats(audio.read(tmp_path / "out.wav")[0], RATE)
    assert abs(found.tempo_bpm - 120) < 0.5
    assert np.abs((found.times_s - 0.1 + 0.25) % 0.5 - 0.25).max() < 0.02


def test_pipe_and_mean_tempo(cli, songs, tmp_path):
    folder, _ = songs
    wav = cli("align-beats", "-", "--bpm", 100, "-o", "-", stdin=(folder / "a.wav").read_bytes()).stdout
    assert wav[:4] == b"RIFF"
    cli(
        "align-beats", folder / "a.wav", "--to", folder / "b.wav", "--tempo", "mean", "--reference-out", "ref.wav",
        "-o", "mean.wav",
    )  # fmt: skip
    middle = (104 * 118) ** 0.5
    for name in ("ref.wav", "mean.wav"):
        y, info = audio.read(tmp_path / name)
        assert abs(track_beats(y, info.rate).tempo_bpm - middle) < 0.5


def test_a_big_change_is_warned_about(cli, songs):
    done = cli("align-beats", songs[0] / "a.wav", "--bpm", 145, "-o", "fast.wav", "--json")
    assert any("will be heard" in warning for warning in json.loads(done.stdout)["warnings"])


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--to", "x.wav", "--bpm", "100", "-o", "y.wav"], 2, "choose one"),
        (["-o", "y.wav"], 2, "nothing to align to"),
        (["--bpm", "5", "-o", "y.wav"], 2, "within 20 to 400"),
        (["--bpm", "100", "--tempo", "mean", "-o", "y.wav"], 2, "need --to"),
        (["--bpm", "100", "--fit", "some", "-o", "y.wav"], 2, "must be trim or all"),
        (["--to", "nowhere.wav", "-o", "y.wav"], 3, "nowhere.wav"),
        (["--beats", "nowhere.txt", "-o", "y.wav"], 3, "nowhere.txt: no such file"),
        (["--beats", "bad.txt", "-o", "y.wav"], 4, "line 2 is no beat"),
    ],
)
def test_refusals(cli, songs, tmp_path, arguments, status, words):
    (tmp_path / "bad.txt").write_text("0.5\nsoon\n")
    done = cli("align-beats", songs[0] / "a.wav", *arguments, status=status)
    assert words in done.stderr.decode() and not (tmp_path / "y.wav").exists()


def test_silence_has_no_beats(cli, tmp_path):
    audio.write(tmp_path / "silence.wav", np.zeros((1, 3 * RATE), np.float32), RATE)
    assert "no beats found" in cli("align-beats", "silence.wav", "--bpm", 100, "-o", "y.wav", status=3).stderr.decode()
    assert cli("align-beats", "silence.wav").stdout == b""
