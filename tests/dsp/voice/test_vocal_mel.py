"""Mel columns and the sound made of them: part by part as at once, in memory that does not grow."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from audiokit.dsp.voice.vocal_mel import HOP, RATE, from_mel, from_mels, to_mel, to_mels
from tests.signals import syllables


def pieces(y: np.ndarray, *sizes: int) -> list[np.ndarray]:
    """Cut (C, n) after so many, and again and again."""
    return np.array_split(y, np.cumsum([*sizes * 100])[np.cumsum([*sizes * 100]) < y.shape[1]], axis=1)


def test_columns_of_blocks_are_those_of_the_whole(rng):
    y = syllables(rng, 3.0, RATE)
    parts = list(to_mels(pieces(y, 5000, 1, 700)))
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), to_mel(y[0]))


@pytest.mark.parametrize("from_source", [False, True])
def test_sound_of_parts_is_that_of_the_whole(from_source, rng):
    y = syllables(rng, 8.0, RATE)
    mel = to_mel(y[0])
    source = y if from_source else None
    whole = from_mel(mel, length=y.shape[1], source=None if source is None else source[0], iterations=2)
    blocks = None if source is None else pieces(source, 9000, 333)
    parts = list(from_mels(pieces(mel, 1, 300, 17), length=y.shape[1], source=blocks, iterations=2))
    assert mel.shape[1] > 2 * 256 and len(parts) > 4
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[0], whole, atol=1e-6)


def test_a_sound_of_any_length_is_made_in_as_little_memory():
    peaks = []
    for count in (1200, 3600):
        tracemalloc.start()
        mels = (np.full((128, 100), -80.0, np.float32) for _ in range(0, count, 100))
        for _ in from_mels(mels, length=count * HOP, iterations=1):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.05 * peaks[0]
