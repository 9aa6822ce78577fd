"""Keys and chords of synthesised progressions."""

import numpy as np
import pytest

from audiokit.dsp.rhythm.beats import Beats
from audiokit.dsp.rhythm.chords import LABELS, chord_tones, estimate_chords
from audiokit.dsp.rhythm.harmony import Harmony, changes, harmony_measures
from audiokit.dsp.rhythm.key import Key, chroma, chroma_and_bass, estimate_key
from audiokit.dsp.rhythm.warp import TimeMap, warp

RATE = 22_050


def play(labels, seconds_each=1.0, detune_cents=0.0):
    parts = []
    for label in labels:
        t = np.arange(round(seconds_each * RATE)) / RATE
        tones = chord_tones(label)
        notes = [48 + tones[0], *(60 + tone for tone in tones)] if tones else []
        hz = [440 * 2 ** ((note - 69 + detune_cents / 100) / 12) for note in notes]
        partials = sum(np.sin(2 * np.pi * f * k * t) / k**1.5 for f in hz for k in range(1, 6))
        parts.append(partials * np.exp(-t / 1.5) if notes else np.zeros(len(t)))
    return (0.1 * np.concatenate(parts)).astype(np.float32)[None]


PROGRESSION = ["C:maj", "A:min", "F:maj", "G:maj"]


def transposed(label, semitones):
    index = LABELS.index(label)
    return LABELS[index // 12 * 12 + (index % 12 + semitones) % 12]


@pytest.mark.parametrize("semitones", [0, 3, 8])
@pytest.mark.parametrize("detune_cents", [0, 35])
def test_key_and_chords(semitones, detune_cents):
    labels = [transposed(label, semitones) for label in PROGRESSION] * 2
    y = play(labels, detune_cents=detune_cents)
    key = estimate_key(y, RATE)
    assert (key.tonic, key.mode) == (semitones, "major")
    beats = Beats(np.arange(16) * 0.5, np.array([0, 4, 8, 12]), 120.0, 1.0)
    found = estimate_chords(y, RATE, beats)
    assert np.mean([a == b for a, b in zip(found, np.repeat(labels, 2), strict=True)]) >= 0.9


def test_the_bass_is_heard_apart_from_the_chord_above_it():
    t = np.arange(2 * RATE) / RATE
    over = sum(np.sin(2 * np.pi * hz * t) for hz in (261.63, 329.63, 392.0))
    values, _ = chroma_and_bass((over + np.sin(2 * np.pi * 55.0 * t)).astype(np.float32)[None], RATE)
    bass = values[12:].mean(axis=1)
    assert bass.argmax() == 9 and bass[9] > 0.9 * bass.sum()
    assert set(np.argsort(values[:12].mean(axis=1))[-3:]) == {0, 4, 7}


def test_harmony_moves_on_the_beats_on_which_chords_change():
    """Chords of two seconds: beats of half a second change on one in four, off-beats never on an off-beat."""
    harmony = Harmony.of(play(["C:maj", "F:maj", "D:min", "E:min"] * 2, seconds_each=2.0), RATE)
    beats = np.arange(0, 15.6, 0.5)
    moves, measures = harmony_measures(harmony, beats)
    by_place = moves[:, 4:-3].reshape(2, -1, 4).mean(axis=1)
    assert (by_place.argmax(axis=1) == 0).all() and by_place[0, 0] > 10 * by_place[0, 1:].max()
    _, between = harmony_measures(harmony, beats[:-1] + 0.25)
    assert min(measures[:2]) > 0.4 and max(between[:2]) < -0.4
    again = harmony_measures(harmony, np.arange(0, 15.6, 1.0))[1][4:11]
    assert again[5] == max(again)  # the four chords come again after eight beats of a second


def test_harmony_of_silence_does_not_move():
    silent = Harmony.of(np.zeros((1, RATE), np.float32), RATE)
    assert np.isfinite(harmony_measures(silent, np.arange(5) * 0.2)[0]).all()
    assert not changes(np.ones((2, 12, 4)) / np.sqrt(12)).round(9).any()


def test_minor_key():
    key = estimate_key(play(["A:min", "D:min", "E:min", "A:min"] * 2), RATE)
    assert key.name == "A minor"


def test_silence():
    silence = np.zeros((1, RATE), np.float32)
    assert estimate_key(silence, RATE).confidence == 0
    assert estimate_chords(silence, RATE, Beats(np.arange(2) * 0.5, np.array([0]), 120.0, 1.0)) == ["N", "N"]
    assert chroma(silence[:, :0], RATE)[0].shape[0] == 12


def test_shortest_way_between_keys():
    c, a_minor, f_sharp = Key(0, "major", 1.0), Key(9, "minor", 1.0), Key(6, "major", 1.0)
    assert c.shift_to(a_minor) == 0 and c.shift_to(f_sharp) == -6 and f_sharp.shift_to(c) == -6
    assert Key(11, "major", 1.0).shift_to(c) == 1


MINOR = ["A:min", "F:maj", "C:maj", "G:maj", "A:min", "D:min", "E:min", "A:min"]


def song(tonic, mode):
    """Chords of a song in a key; the minor one has the notes of the relative major throughout."""
    labels, up = ([*PROGRESSION, "C:maj"], tonic) if mode == "major" else (MINOR, tonic - 9)
    return play([transposed(label, up % 12) for label in labels], 0.7)


@pytest.mark.parametrize("number", range(12))
def test_shift_to_another_key(number, rng):
    mine = Key(number, "minor" if number % 2 else "major", 1.0)
    theirs = Key((number + int(rng.integers(1, 12))) % 12, "minor" if number % 3 else "major", 1.0)
    found, wanted = (estimate_key(song(key.tonic, key.mode), RATE) for key in (mine, theirs))
    assert (found.tonic, found.mode) == (mine.tonic, mine.mode)
    shift = found.shift_to(wanted)
    assert shift == mine.shift_to(theirs) and -6 <= shift <= 5
    even = TimeMap(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    y = song(mine.tonic, mine.mode)
    moved = estimate_key(warp(y, RATE, even, length=y.shape[1], semitones=shift), RATE)
    assert moved.mode == mine.mode and moved.shift_to(theirs) == 0
