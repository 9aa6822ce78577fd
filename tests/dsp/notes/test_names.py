"""Pitches are read as people write them, and heard in recordings."""

from __future__ import annotations

import numpy as np
import pytest

from audiokit.dsp.notes.names import estimate_pitch, parse_pitch, parse_pitches, pitch_name
from audiokit.errors import InputError, ParameterError
from tests.note_sets import RATE, synthetic_note


@pytest.mark.parametrize(
    ("text", "number"),
    [("C4", 60), ("A4", 69), ("c-1", 0), ("G9", 127), ("Eb3", 51), ("D#3", 51), ("Fs3", 54), ("60", 60)],
)
def test_names_and_numbers(text, number):
    assert parse_pitch(text) == number


def test_every_number_has_a_name_that_leads_back():
    assert [parse_pitch(pitch_name(n)) for n in range(128)] == list(range(128))


def test_ranges_and_lists():
    assert parse_pitches("C3:C5") == list(range(48, 73))
    assert parse_pitches("C3:C4:5,C4,B4") == [48, 53, 58, 60, 71]
    assert parse_pitches("60,60,C4") == [60]


@pytest.mark.parametrize("text", ["H4", "", "C", "128", "-1", "C5:C3", "C3:C4:0", "C3:C4:x", "1:2:3:4", "4.5"])
def test_what_is_no_pitch_is_refused(text):
    with pytest.raises(ParameterError):
        parse_pitches(text)


@pytest.mark.parametrize("pitch", [30, 45, 60, 77, 92])
@pytest.mark.parametrize("bright", [True, False])
def test_pitch_of_a_note_is_heard(pitch, bright):
    assert abs(estimate_pitch(synthetic_note(pitch, 100, bright=bright), RATE) - pitch) < 0.2


def test_noise_has_no_pitch(rng):
    with pytest.raises(InputError, match="no clear pitch"):
        estimate_pitch(rng.standard_normal(RATE).astype(np.float32), RATE)
    with pytest.raises(InputError, match="no clear pitch"):
        estimate_pitch(np.zeros(RATE, np.float32), RATE)
