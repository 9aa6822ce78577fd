"""`stylize --engine groove`: off-beats go where they are sent, and nothing else moves."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import audiokit
from audiokit.dsp.rhythm.accents import accents, attack_levels
from audiokit.dsp.rhythm.beats import Beats, track_beats
from audiokit.dsp.rhythm.bending import bend
from audiokit.dsp.rhythm.groove import attack_starts, find_groove, groove_map
from audiokit.dsp.rhythm.onsets import attack_times
from audiokit.dsp.rhythm.playing import samples_of
from audiokit.engine.sound import Sound
from audiokit.errors import InputError, UsageError
from audiokit.io import audio
from audiokit.stages.stylize import groove
from tests.signals import noise
from tests.swung import song


def moved(y, rate, before_s, after_s, source):
    """Seconds by which attacks miss their new places, beyond what they missed the old ones by."""
    found, _ = attack_times(y, rate, after_s, reach_s=0.04)
    known, _ = attack_times(source, rate, before_s, reach_s=0.04)
    return np.abs((found - after_s) - (known - before_s))


@pytest.fixture(scope="module")
def straight():
    return song(116, seed=3, sixteenths=True)


@pytest.mark.parametrize(("bpm", "swing", "sixteenths"), [(116, 0.5, True), (90, 0.5, False), (100, 0.62, False)])
def test_off_beats_arrive_and_beats_stay(bpm, swing, sixteenths):
    """At 90 the eighths are as regular as beats at 180 would be."""
    one = song(bpm, swing=swing, sixteenths=sixteenths, seed=bpm)
    y, rate = audiokit.stylize(one.y, one.rate, engine="groove", swing=66.0), one.rate
    assert y.shape == one.y.shape
    wanted = one.beats_s + 0.66 * 60 / bpm
    inner = slice(1, -1)
    assert np.median(moved(y, rate, one.off_beats_s[inner], wanted[inner], one.y)) < 0.004
    assert np.median(moved(y, rate, one.beats_s[inner], one.beats_s[inner], one.y)) < 0.003
    power = [np.mean(s**2) for s in (y, one.y)]
    assert abs(10 * np.log10(power[0] / power[1])) < 0.5


@pytest.mark.parametrize("bpm", [60, 116, 176])
def test_the_widest_swing_is_played(bpm):
    """What is copied of attacks leaves so little of the short half that the rest must not be copied as usual."""
    one = song(bpm, seed=bpm)
    y = audiokit.stylize(one.y, one.rate, engine="groove", swing=75.0, track_bpm=float(bpm))
    wanted = one.beats_s + 0.75 * 60 / bpm
    inner = slice(1, -1)
    assert np.median(moved(y, one.rate, one.off_beats_s[inner], wanted[inner], one.y)) < 0.006
    back = Sound.of(song(bpm, swing=0.76, seed=bpm).y, one.rate)
    made = audiokit.stylize(back, engine="groove", swing=50.0, track_bpm=float(bpm))
    swing = made.notes.report["swing"]
    assert 50 <= swing["after"] < swing["before"]


def test_there_and_back(straight):
    swung = audiokit.stylize(straight.y, straight.rate, engine="groove", swing=66.0)
    back = audiokit.stylize(swung, straight.rate, engine="groove", swing=50.0)
    missed = moved(back, straight.rate, straight.off_beats_s[1:-1], straight.off_beats_s[1:-1], straight.y)
    assert np.median(missed) < 0.003


def test_there_and_back_without_drums():
    """Swung, its loudest attacks are off-beats a bar's half apart: they must not be taken for slow beats."""
    one = song(112, seed=1, drums=False)
    swung = audiokit.stylize(one.y, one.rate, engine="groove", swing=66.0)
    back = audiokit.stylize(swung, one.rate, engine="groove", swing=50.0)
    assert np.median(moved(back, one.rate, one.off_beats_s[1:-1], one.off_beats_s[1:-1], one.y)) < 0.003
    played = song(112, seed=1, drums=False, swing=0.66)
    grid = Beats(one.beats_s[:-1] + 0.66 * 60 / 112, np.arange(0, 31, 4), 112.0, 1.0)
    found = find_groove(played.y, played.rate, grid)
    assert np.abs(found.beats.times_s - one.beats_s[1 : len(found.beats.times_s) + 1]).max() < 0.004
    assert found.swing == pytest.approx(0.66, abs=0.01)


def test_half_the_strength_goes_half_the_way(straight):
    y = audiokit.stylize(straight.y, straight.rate, engine="groove", swing=66.0, strength=0.5)
    wanted = straight.beats_s[1:-1] + 0.58 * 60 / 116
    assert np.median(moved(y, straight.rate, straight.off_beats_s[1:-1], wanted, straight.y)) < 0.004


def test_the_groove_of_a_recording(cli, straight, tmp_path):
    late = song(140, swing=0.6, seed=9)
    audio.write(tmp_path / "late.wav", late.y, late.rate)
    audio.write(tmp_path / "song.wav", np.tile(straight.y, (2, 1)), straight.rate, subtype="PCM_16")
    done = cli(
        "stylize", "song.wav", "--engine", "groove", "--style", "late.wav", "-o", "out.wav", "--json"
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["swing"] == {"before": pytest.approx(50, abs=0.5), "after": pytest.approx(60, abs=0.7)}
    assert abs(report["tempo_bpm"] - 116) < 0.5 and report["warnings"] == []
    y, info = audio.read(tmp_path / "out.wav")
    assert y.shape == (2, straight.y.shape[1]) and info.subtype == "PCM_16"
    assert np.abs(y[0] - y[1]).max() < 1e-4
    recorded = info.history[-1]["options"]
    assert recorded["engine"] == "groove" and recorded["style"] == "late.wav"
    assert not {"model", "phase", "iterations"} & set(recorded)


ACCENTS_DB = ((0, -6), (4, -2), (-1, -6), (3, 2))


def heard_accents(y, rate):
    """Accents of eight places, the bar turned so that the loudest off-beat is the last."""
    found = find_groove(y, rate, track_beats(y, rate))
    rows = accents(replace(found, levels_db=attack_levels(y, rate, found)))
    return np.roll(rows, -1 - int(np.argmax(rows[:, 1])), axis=0).ravel()


@pytest.fixture(scope="module")
def accented(tmp_path_factory):
    path = tmp_path_factory.mktemp("style") / "accented.wav"
    one = song(140, swing=0.6, seed=5, accents_db=ACCENTS_DB)
    audio.write(path, one.y, one.rate, subtype="FLOAT")
    return path, heard_accents(one.y, one.rate)


def test_accents_of_a_recording(straight, accented):
    path, wanted = accented
    rate = straight.rate
    plain = audiokit.stylize(straight.y, rate, engine="groove", style=path, accents=0.0)
    made = audiokit.stylize(straight.y, rate, engine="groove", style=path)
    half = audiokit.stylize(straight.y, rate, engine="groove", style=path, accents=0.5)
    before, after, between = (np.abs(heard_accents(y, rate) - wanted).mean() for y in (plain, made, half))
    assert before > 2.0 and after < 0.5 * before and after < between < before
    assert abs(10 * np.log10((made**2).mean() / (plain**2).mean())) < 0.1
    # Nothing but a gain, which never jumps: 12 dB at most over a twentieth of a second.
    loud = np.abs(plain) > 0.01
    gain_db = 20 * np.log10(np.maximum(made[loud], -made[loud]) / np.abs(plain[loud]))
    assert np.abs(gain_db).max() < 8.0
    near = np.diff(np.flatnonzero(loud[0])) < 4
    assert np.abs(np.diff(gain_db))[near].max() < 0.1
    moved_by = moved(made, rate, straight.off_beats_s[1:-1], straight.beats_s[1:-1] + 0.6 * 60 / 116, straight.y)
    assert np.median(moved_by) < 0.004


def test_its_own_accents_change_nothing(accented):
    path, _ = accented
    y, info = audio.read(path)
    made, plain = (audiokit.stylize(y, info.rate, engine="groove", style=path, accents=a) for a in (1.0, 0.0))
    assert np.abs(made - plain).max() < 1e-6


def test_a_long_song_is_heard_in_pieces(monkeypatch):
    one = song(116, seed=3, sixteenths=True)
    whole = audiokit.stylize(one.y, one.rate, engine="groove", swing=66.0)
    monkeypatch.setattr(groove, "_PIECE_S", 7.0)
    monkeypatch.setattr(groove, "_SHARED_S", 3.0)
    y = audiokit.stylize(one.y, one.rate, engine="groove", swing=66.0)
    assert y.shape == whole.shape
    wanted = one.beats_s[1:-1] + 0.66 * 60 / 116
    assert np.median(moved(y, one.rate, one.off_beats_s[1:-1], wanted, one.y)) < 0.004
    assert np.median(moved(y, one.rate, one.beats_s[1:-1], one.beats_s[1:-1], one.y)) < 0.003


def test_it_is_played_as_it_is_read(straight):
    """No block waits for the end of the song, and together they are the same bits as when all is held."""
    sound = Sound.of(straight.y, straight.rate)
    made = audiokit.stylize(sound, engine="groove", swing=66.0)
    parts = list(made.blocks())
    assert len(parts) > 20 and max(part.shape[1] for part in parts) < 0.5 * straight.y.shape[1]
    held = groove._groove(sound.replay(), None)[0]
    time_map = groove_map(held, 0.66, straight.y.shape[1] / straight.rate)
    take, joins = partial(samples_of, straight.y), attack_starts(held, 0.66)
    expected = np.hstack(list(bend(take, straight.rate, time_map, joins, straight.y.shape[1])))
    assert np.array_equal(np.concatenate(parts, axis=1), expected)


def test_what_has_no_beats_is_refused(cli, tmp_path):
    audio.write(tmp_path / "hum.wav", np.zeros((1, 44_100), np.float32), 44_100)
    done = cli("stylize", "hum.wav", "--engine", "groove", "-o", "out.wav", status=3)
    assert b"hum.wav: no beats are found" in done.stderr and b"--track-bpm" in done.stderr
    assert not (tmp_path / "out.wav").exists()
    audio.write(tmp_path / "song.wav", song(116, seed=3).y, 44_100)
    done = cli("stylize", "song.wav", "--engine", "groove", "--style", "hum.wav", "-o", "out.wav", status=3)
    assert b"hum.wav: no beats are found, so it has no groove" in done.stderr and b"--track-bpm" not in done.stderr
    done = cli("stylize", "hum.wav", "--engine", "groove", "--swing", "80", "-o", "out.wav", status=2)
    assert b"50" in done.stderr and b"75" in done.stderr


def test_accents_need_a_style(cli, straight, tmp_path):
    audio.write(tmp_path / "song.wav", straight.y, straight.rate)
    done = cli("stylize", "song.wav", "--engine", "groove", "--accents", "0.5", "-o", "out.wav", status=2)
    assert b"--accents is a share of the accents of --style" in done.stderr and b"--style OTHER" in done.stderr
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("gain", [1e19, 1e30])
def test_a_song_of_huge_numbers(straight, gain):
    made, plain = (
        audiokit.stylize(straight.y * np.float32(g), straight.rate, engine="groove", swing=66.0) for g in (gain, 1)
    )
    assert np.abs(made / np.float32(gain) - plain).max() < 1e-4


def test_tones_that_sound_through_attacks_do_not_break(straight):
    """Pauses in a steady tone would be heard as a change of its level: the phases of what does not begin go on."""
    rate, length = straight.rate, straight.y.shape[1]
    tone = 0.3 * np.sin(2 * np.pi * 437.0 * np.arange(length) / rate).astype(np.float32)[None]
    held = groove._groove(Sound.of(straight.y, rate), None)[0]
    time_map = groove_map(held, 0.66, length / rate)
    take = partial(samples_of, tone)
    y = np.hstack(list(bend(take, rate, time_map, attack_starts(held, 0.66), length)))[0]
    level = np.sqrt(np.convolve(y**2, np.ones(882) / 882, "valid"))[rate:-rate]
    assert 20 * np.log10(level.max() / level.min()) < 1.0


def test_no_swing_changes_no_sample(straight):
    y = audiokit.stylize(straight.y, straight.rate, engine="groove", strength=0.0)
    assert np.array_equal(y, straight.y)


def test_chunks_are_refused(rng):
    chunks = audiokit.spectro(noise(rng, 1.0), 22_050)
    with pytest.raises(InputError, match="chunks"):
        audiokit.stylize(*chunks, engine="groove")
    with pytest.raises(UsageError, match="of type tuple"):
        audiokit.stylize(chunks, engine="groove")


def test_what_was_swung_is_heard_at_its_tempo_again():
    """Swung sixteenths fall on triplets too: the harmony says which of the two the beats are."""
    one = song(104, sixteenths=True, seed=1)
    beats = track_beats(audiokit.stylize(one.y, one.rate, engine="groove", swing=66.0), one.rate)
    assert abs(beats.tempo_bpm / 104 - 1) < 0.005


def test_the_bench_says_why_accents_are_not_told():
    from tests.bench.bench_groove import accents_apart

    heard, wanted = np.zeros((4, 2)), np.tile([[1.0, 0.0]], (4, 1))
    assert accents_apart(heard, wanted) == "0.5"
    heard[1, 1] = np.nan
    assert accents_apart(heard, wanted) == "- (nothing begins on 1 of 8 places)"
