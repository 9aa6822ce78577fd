"""Cut audio into pieces, by length, at beats or at silences, and join them again to the sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from audiokit.errors import DamagedError, ParameterError

Span = tuple[int, int]
TAILS = ("pad", "keep", "drop")
#: Levels for silences are measured over this long.
LEVEL_S = 0.01


def even_spans(chunk: int, overlap: int = 0) -> Iterator[Span]:
    """Spans (start, stop) of equal length without end.

    Raises:
        ParameterError: the overlap is not less than the chunk.

    >>> from itertools import islice
    >>> list(islice(even_spans(4, 1), 3))
    [(0, 4), (3, 7), (6, 10)]
    """
    if chunk < 1:
        raise ParameterError(f"a piece of {chunk} samples is too short")
    if not 0 <= overlap < chunk:
        raise ParameterError(
            f"an overlap of {overlap} samples is not less than the piece of {chunk}", hint="choose a shorter --overlap"
        )
    start = 0
    while True:
        yield start, start + chunk
        start += chunk - overlap


def beat_spans(beats_s: np.ndarray, downbeats: np.ndarray, rate: int, length: int, *, per_piece: int) -> list[Span]:
    """Spans between every `per_piece`-th beat, counted from the first downbeat; what lies before it is a piece too.

    >>> beat_spans(np.array([0.5, 1.0, 1.5, 2.0]), np.array([1]), 10, 25, per_piece=2)
    [(0, 10), (10, 20), (20, 25)]
    """
    if per_piece < 1:
        raise ParameterError(f"--beats {per_piece}: must be at least 1")
    first = int(downbeats[0]) if len(downbeats) else 0
    edges = np.round(beats_s[first::per_piece] * rate).astype(int)
    return _between([0, *edges.tolist(), length], length)


def _between(edges: Iterable[int], length: int) -> list[Span]:
    kept = sorted({min(max(0, edge), length) for edge in edges})
    return list(pairwise(kept))


def block_levels(blocks: Iterable[np.ndarray], step: int) -> np.ndarray:
    """Level in dBFS of each `step` samples of audio blocks (C, n), the loudest channel counting (N,).

    >>> block_levels([np.full((1, 6), 0.1, np.float32)], 4).round().tolist()
    [-20.0, -20.0]
    """
    levels: list[np.ndarray] = []
    rest: np.ndarray | None = None
    for block in blocks:
        joined = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = joined.shape[1] // step * step
        levels.append(_mean_square(joined[:, :whole].reshape(len(joined), -1, step)))
        rest = joined[:, whole:]
    if rest is not None and rest.shape[1]:
        levels.append(_mean_square(rest[:, None, :]))
    power = np.concatenate(levels) if levels else np.zeros(0)
    return 10 * np.log10(np.maximum(power, 1e-20))


def _mean_square(frames: np.ndarray) -> np.ndarray:
    return (frames.astype(np.float64) ** 2).mean(axis=2).max(axis=0, initial=0.0)


def silence_spans(
    levels_db: np.ndarray,
    step: int,
    length: int,
    *,
    threshold_db: float,
    shortest: int,
    longest: int,
    pause: int,
) -> list[Span]:
    """Spans that end in the middle of silences.

    Args:
        levels_db: level of each `step` samples (N,).
        step: samples per level.
        length: samples in all.
        threshold_db: quieter is silence.
        shortest: pieces are at least this long, in samples (the last one aside).
        longest: pieces are at most this long; without a silence in time the quietest place is cut.
        pause: silences shorter than this many samples do not count.

    Returns:
        Spans that cover 0..length without gaps.

    Raises:
        ParameterError: shortest is not less than longest.

    >>> levels = np.array([-20.0] * 10 + [-90.0] * 4 + [-20.0] * 10)
    >>> silence_spans(levels, 10, 240, threshold_db=-40, shortest=20, longest=200, pause=20)
    [(0, 120), (120, 240)]
    """
    if not 0 < shortest < longest:
        raise ParameterError(f"--min {shortest} samples is not between 0 and --max {longest} samples")
    candidates = _silence_middles(levels_db < threshold_db, step, pause)
    edges, start = [0], 0
    while length - start > shortest:
        inside = [c for c in candidates if start + shortest <= c <= start + longest and length - c > 0]
        if inside:
            start = inside[0]
        elif length - start <= longest:
            break
        else:
            low, high = -(-(start + shortest) // step), (start + longest) // step
            quiet = levels_db[low : max(low + 1, high)]
            start = (low + int(np.argmin(quiet))) * step + step // 2 if len(quiet) else start + longest
            start = min(start, edges[-1] + longest)
        edges.append(start)
    return _between([*edges, length], length)


def _silence_middles(silent: np.ndarray, step: int, pause: int) -> list[int]:
    change = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0]))))
    runs = zip(change[0::2].tolist(), change[1::2].tolist(), strict=True)
    return [(a + b) * step // 2 for a, b in runs if (b - a) * step >= pause and a > 0 and b < len(silent)]


def cut(blocks: Iterable[np.ndarray], spans: Iterable[Span], *, tail: str = "keep") -> Iterator[tuple[int, np.ndarray]]:
    """Cut a stream of audio blocks at spans, holding no more than one piece and one block.

    Args:
        blocks: audio (C, n), in order.
        spans: (start, stop) in samples, starts not falling; may go on for ever.
        tail: what to do with a last piece that the audio does not fill: "pad" with silence, "keep" or "drop" it.

    Yields:
        Start of a piece, and its samples (C, n), float32; int16 where the blocks are.

    Raises:
        ParameterError: the tail policy is unknown.

    >>> blocks = [np.arange(10, dtype=np.float32)[None]]
    >>> [(start, piece[0].tolist()) for start, piece in cut(blocks, even_spans(4))]
    [(0, [0.0, 1.0, 2.0, 3.0]), (4, [4.0, 5.0, 6.0, 7.0]), (8, [8.0, 9.0])]
    """
    if tail not in TAILS:
        raise ParameterError(f"--tail {tail}: must be {', '.join(TAILS)}")
    source = iter(blocks)
    held: list[np.ndarray] = []
    begin = end = reached = 0
    for start, stop in spans:
        while end < stop:
            block = next(source, None)
            if block is None:
                break
            held.append(block)
            end += block.shape[1]
            while held and begin + held[0].shape[1] <= start:
                begin += held.pop(0).shape[1]
        size = min(stop, end) - start
        # Nothing new: an overlapping piece before has brought everything there is.
        if size <= 0 or min(stop, end) <= reached:
            if end < stop:
                return
            continue
        piece = _between_blocks(held, start - begin, size)
        if size < stop - start and tail == "drop":
            return
        if size < stop - start and tail == "pad":
            piece = np.pad(piece, ((0, 0), (0, stop - start - size)))
        reached = min(stop, end)
        yield start, piece if piece.dtype == np.int16 else np.ascontiguousarray(piece, np.float32)


def _between_blocks(held: list[np.ndarray], start: int, size: int) -> np.ndarray:
    """Take so many samples of blocks in a row: a view of one, or one copy."""
    parts = []
    for block in held:
        if size > 0 and start < block.shape[1]:
            parts.append(block[:, max(0, start) : start + size])
            size -= parts[-1].shape[1]
            start = 0
        else:
            start -= block.shape[1]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def join(pieces: Iterable[tuple[int, np.ndarray]], length: int | None = None) -> Iterator[np.ndarray]:
    """Put pieces (start, samples) together again, in order; where they overlap, the earlier one counts.

    Args:
        pieces: as `cut` gives them.
        length: samples in all, to take off padding.

    Yields:
        Blocks (C, n) that follow each other.

    Raises:
        DamagedError: there is a gap between pieces.

    >>> blocks = [np.arange(10, dtype=np.float32)[None]]
    >>> joined = join(cut(blocks, even_spans(4, 2), tail="pad"), 10)
    >>> np.concatenate(list(joined), axis=1)[0].tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    """
    position = 0
    for start, piece in pieces:
        if start > position:
            raise DamagedError(f"samples {position} to {start} are missing between two pieces")
        fresh = piece[:, position - start :]
        if length is not None:
            fresh = fresh[:, : max(0, length - position)]
        position += fresh.shape[1]
        if fresh.shape[1]:
            yield fresh
