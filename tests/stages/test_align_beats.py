"""`align-beats` as a program: beats meet, stems stay in step, wrong uses are refused."""

import json
import sys
import types

import numpy as np
import pytest

from audiokit.dsp.rhythm.beats import track_beats
from audiokit.dsp.rhythm.key import Key, estimate_key
from audiokit.errors import ModelError
from audiokit.io import audio
from audiokit.stages.align_beats.trackers import find_beats
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
        (["--bpm", "5", "-o", "y.wav"], 2, "range 20<=x<=400"),
        (["--bpm", "100", "--tempo", "mean", "-o", "y.wav"], 2, "need --to"),
        (["--bpm", "100", "--fit", "some", "-o", "y.wav"], 2, "not one of trim, all"),
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
    assert (
        "silence.wav: no beats found"
        in cli("align-beats", "silence.wav", "--bpm", 100, "-o", "y.wav", status=3).stderr.decode()
    )
    assert cli("align-beats", "silence.wav").stdout == b""


def beat_this(monkeypatch, *, beats=(), downbeats=(), problem=None):
    """Put a stand-in for the package beat_this in its place."""

    class Audio2Beats:
        def __init__(self, device):
            if problem:
                raise problem

        def __call__(self, signal, rate):
            assert signal.ndim == 1
            return np.array(beats), np.array(downbeats)

    package = types.ModuleType("beat_this.inference")
    package.Audio2Beats = Audio2Beats
    monkeypatch.setitem(sys.modules, "beat_this", types.ModuleType("beat_this"))
    monkeypatch.setitem(sys.modules, "beat_this.inference", package)


def test_beats_of_beat_this_are_moved_to_the_attacks(monkeypatch, songs):
    made = songs[1]["a"]
    coarse = np.round(made.beats_s / 0.02) * 0.02
    beat_this(monkeypatch, beats=coarse, downbeats=coarse[1::4])
    beats = find_beats(made.y, RATE, tracker="beat-this")
    assert np.abs(beats.times_s - made.beats_s).max() < 0.004 < np.abs(coarse - made.beats_s).max()
    assert beats.downbeats[0] == 1 and beats.beats_per_bar == 4 and beats.confidence > 0.4


@pytest.mark.parametrize("beats", [[], [0.5], [0.5, 1.0]])
def test_beat_this_may_find_next_to_nothing(monkeypatch, songs, beats):
    beat_this(monkeypatch, beats=beats)
    found = find_beats(songs[1]["a"].y, RATE, tracker="beat-this")
    assert found.times_s.tolist() == beats and found.confidence == 0
    assert len(find_beats(np.zeros((1, 100), np.float32), RATE, tracker="beat-this").times_s) == 0


def test_weights_of_beat_this_that_cannot_be_had(monkeypatch, songs):
    beat_this(monkeypatch, problem=ValueError("Could not load the checkpoint given the provided name", "final0"))
    with pytest.raises(ModelError, match="weights of beat_this"):
        find_beats(songs[1]["a"].y, RATE, tracker="beat-this")


def test_without_a_beat_it_says_so(cli, tmp_path):
    n = np.arange(9 * RATE) / RATE
    drone = 0.1 * sum(np.sin(2 * np.pi * f * n + k) for k, f in enumerate((110, 165.2, 220.7))) * (1 + 0.3 * np.sin(n))
    audio.write(tmp_path / "drone.wav", drone.astype(np.float32)[None], RATE)
    done = cli("align-beats", "drone.wav", "--bpm", 100, "-o", "out.wav", "--json")
    said = " ".join(json.loads(done.stdout)["warnings"])
    assert "no steady beat is heard in the track (confidence 0" in said and b"no steady beat" in done.stderr
    assert "reference" not in said, "a tempo is no recording"


def test_the_key_of_the_reference(cli, songs, tmp_path):
    def with_chords(made, roots, thirds):
        y = made.y[0].copy()
        for k, begin in enumerate(made.beats_s[::2]):
            n = np.arange(RATE // 2) / RATE
            steps = (0, thirds[k % len(thirds)], 7, 12)
            hz = [220 * 2 ** ((roots[k % len(roots)] + step) / 12) for step in steps]
            notes = sum(np.sin(2 * np.pi * f * h * n) / h**1.5 for f in hz for h in (1, 2, 3)) * np.exp(-n / 0.4)
            start = round(begin * RATE)
            y[start : start + len(n)] += (0.08 * notes)[: len(y) - start]
        return y.astype(np.float32)[None]

    made = songs[1]["a"]
    # A major against G# minor: its relative major is B, two semitones up.
    audio.write(tmp_path / "a.wav", with_chords(made, (0, 5, 7, 0), (4,)), RATE)
    audio.write(tmp_path / "g.wav", with_chords(made, (-1, 4, 6, -1), (3,)), RATE)
    done = cli("align-beats", "a.wav", "--to", "g.wav", "--key", "match", "-o", "out.wav", "--json")
    assert json.loads(done.stdout)["semitones"] == 2
    assert estimate_key(audio.read(tmp_path / "out.wav")[0], RATE).shift_to(Key(11, "major", 1.0)) == 0


def test_librosa_is_a_choice(cli, tmp_path):
    made = pattern("rock", 120, 3, seconds=12)
    audio.write(tmp_path / "drums.wav", made.y, made.rate)
    found = json.loads(cli("align-beats", "drums.wav", "--tracker", "librosa", "--json").stdout)
    steps = np.diff(found["times_s"])
    assert found["tempo_bpm"] == pytest.approx(120, abs=3) and steps.std() < 0.05
    assert np.abs(np.subtract.outer(made.beats_s, found["times_s"])).min(axis=1)[1:-1].max() < 0.08
    done = cli("align-beats", "drums.wav", "--tracker", "librosa", "--bpm", "100", "-o", "slow.wav", "--json")
    assert json.loads(done.stdout)["target_bpm"] == pytest.approx(100, abs=0.5)
