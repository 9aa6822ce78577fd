"""Cutting and joining: to the sample, whatever the blocks."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiokit.dsp.effects.cut import block_levels, cut, even_spans, join, silence_spans
from audiokit.errors import DamagedError, ParameterError


def blocks_of(y, size):
    return (y[:, at : at + size] for at in range(0, y.shape[1], size))


@given(
    length=st.integers(0, 300), chunk=st.integers(1, 60), overlap=st.integers(0, 59), block=st.integers(1, 80),
    tail=st.sampled_from(["pad", "keep"]),
)  # fmt: skip
def test_round_trip(length, chunk, overlap, block, tail):
    overlap = min(overlap, chunk - 1)
    y = np.arange(1, 2 * length + 1, dtype=np.float32).reshape(2, length)
    pieces = list(cut(blocks_of(y, block), even_spans(chunk, overlap), tail=tail))
    whole = list(cut([y], even_spans(chunk, overlap), tail=tail))
    assert [s for s, _ in pieces] == [s for s, _ in whole]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(pieces, whole, strict=True))
    if tail == "pad":
        assert all(piece.shape == (2, chunk) for _, piece in pieces)
    joined = list(join(pieces, length))
    assert np.array_equal(np.concatenate([np.zeros((2, 0), np.float32), *joined], axis=1), y)


def test_drop_keeps_only_whole_pieces():
    y = np.ones((1, 103), np.float32)
    assert [piece.shape[1] for _, piece in cut([y], even_spans(10), tail="drop")] == [10] * 10


def test_silences_are_cut_in_their_middle(rng):
    rate = 8000
    y = 0.3 * rng.standard_normal((1, 6 * rate)).astype(np.float32)
    for start, stop in ((1.5, 2.0), (3.9, 4.3)):
        y[:, round(start * rate) : round(stop * rate)] *= 1e-4
    levels = block_levels(blocks_of(y, 777), 80)
    assert np.allclose(levels, block_levels([y], 80))
    spans = silence_spans(levels, 80, y.shape[1], threshold_db=-40, shortest=4000, longest=40_000, pause=1600)
    assert [round(stop / rate, 2) for _, stop in spans] == [1.75, 4.1, 6.0]


def test_no_silence_is_cut_at_the_quietest_place():
    levels = np.full(1000, -10.0)
    levels[730] = -20.0
    spans = silence_spans(levels, 10, 10_000, threshold_db=-40, shortest=3000, longest=8000, pause=100)
    assert spans[0][1] == 7305 and spans[-1][1] == 10_000
    assert all(stop - start <= 8000 for start, stop in spans)


def test_refusals():
    with pytest.raises(ParameterError, match="overlap"):
        next(even_spans(10, 10))
    with pytest.raises(ParameterError, match="pad, keep, drop"):
        next(cut([np.zeros((1, 4))], even_spans(2), tail="loop"))
    with pytest.raises(DamagedError, match="missing"):
        list(join([(0, np.zeros((1, 4))), (5, np.zeros((1, 4)))]))
    assert list(islice(even_spans(3), 2)) == [(0, 3), (3, 6)]
