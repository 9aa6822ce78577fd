"""Syllables: as many as were spoken, where they were spoken."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from audiokit.dsp.voice.syllables import find_syllables, split_lyrics
from audiokit.dsp.voice.world import analyse_voice
from tests.signals import noise, talk


@pytest.mark.parametrize("pitch", [100.0, 210.0])
def test_every_vowel_is_found_at_its_onset(rng, pitch):
    y, onsets = talk(rng, pitch_hz=pitch, syllables=10, pause_after=5)
    found = find_syllables(analyse_voice(y[0], 22_050))
    assert len(found) == 10
    np.testing.assert_allclose([s.vowel_s for s in found], onsets, atol=0.03)
    np.testing.assert_allclose([s.tail_s for s in found], onsets + 0.15, atol=0.05)
    assert [s.phrase for s in found] == [0] * 5 + [1] * 5


def test_consonants_lie_before_the_vowel_and_times_are_in_order(rng):
    y, _ = talk(rng, syllables=9)
    found = find_syllables(analyse_voice(y[0], 22_050))
    for s in found:
        assert 0 <= s.start_s <= s.vowel_s <= s.nucleus_s < s.tail_s <= s.end_s
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in itertools.pairwise(found))
    assert all(s.vowel_s - s.start_s >= 0.04 for s in found)


def test_lyrics_decide_how_many_and_name_them(rng):
    y, _ = talk(rng, syllables=6)
    found = find_syllables(analyse_voice(y[0], 22_050), lyrics="morning light, come to")
    assert [s.text for s in found] == ["mor", "ning ", "light ", "come ", "to "]


def test_more_text_than_sound_goes_to_the_last(rng):
    y, _ = talk(rng, syllables=3)
    found = find_syllables(analyse_voice(y[0], 22_050), lyrics="one by one we go")
    assert len(found) == 3 and found[-1].text == "one we go "


def test_no_syllables_in_noise_or_silence(rng):
    assert find_syllables(analyse_voice(np.zeros(22_050, np.float32), 22_050)) == []
    assert len(find_syllables(analyse_voice(noise(rng, 2.0)[0], 22_050))) <= 1


@pytest.mark.parametrize(
    ("text", "count"),
    [("strengths", 1), ("banana", 3), ("people", 2), ("loved", 1), ("wanted", 2), ("yellow", 2), ("", 0), ("42!", 0)],
)
def test_syllables_of_words(text, count):
    assert len(split_lyrics(text)) == count
