"""What a recording has and the model does not: kept beside the latent, and carried along to other pitches.

A latent places a recording among the instruments the model knows; much of what makes it this one instrument falls
through. The difference between what was measured and what the model says of the same note is therefore kept, and
added to what the model says of other notes. Half of it follows the partial's number, as the character of a
string or reed does, half its frequency, as that of a body or a mouth does; both fade a little with distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audiokit.dsp.notes.bands import N_BANDS
from audiokit.dsp.notes.notes import GROUPS, N_GROUPS, NoteShape, midi_to_hz
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.models.notes.scale import scale

# Chosen on training instruments, each described from the latent of another of its family.
_LEAST, _REACH_SEMITONES = 0.6, 110.0
_CENTRES = np.log((GROUPS[:-1] + GROUPS[1:] - 1) / 2)


@dataclass(frozen=True)
class Detail:
    """The difference between a recording and the model's idea of it.

    Attributes:
        levels: (CHANNELS, FRAMES), scaled as `audiokit.models.notes.scale` says.
        constants: (CONSTANTS,), scaled likewise.
        pitch: of the recording.
    """

    levels: np.ndarray
    constants: np.ndarray
    pitch: float


def detail_of(
    shape: NoteShape, levels: np.ndarray, constants: np.ndarray, pitch: float, *, released: bool = False
) -> Detail:
    """Subtract what a model says (levels, constants) from what was measured of the same note.

    What the recording does not reach (above its highest frequency, after its end, a release it does not hold) is
    left to the model.
    """
    truth, fixed = scale(shape)
    apart = truth - levels
    beyond = np.flatnonzero(GROUPS[:-1] * midi_to_hz(pitch) > shape.top_hz)
    if len(beyond):
        apart[beyond] = apart[max(beyond[0] - 1, 0)]
    held = len(HELD_S)
    last = max(1, int(np.searchsorted(HELD_S, shape.seen_s + 0.01)) - 1)
    if last < held - 1:
        apart[:, last:held] = apart[:, max(0, last - 3) : last + 1].mean(1, keepdims=True)
    if not released:
        apart[:, held:] = apart[:, held - 1 : held]  # the model's own fall, hung below the end of the hold
    return Detail(apart.astype(np.float32), np.clip(fixed - constants, -1, 1).astype(np.float32), float(pitch))


def with_detail(
    levels: np.ndarray, constants: np.ndarray, detail: Detail, pitch: float
) -> tuple[np.ndarray, np.ndarray]:
    """Add a recording's detail to what a model says of a note at another pitch.

    >>> detail = Detail(np.full((101, 88), 0.5, np.float32), np.zeros(90, np.float32), 60.0)
    >>> more, _ = with_detail(np.zeros((101, 88), np.float32), np.zeros(90, np.float32), detail, 60.0)
    >>> float(more.min()), float(more.max())
    (0.5, 0.5)
    """
    apart = pitch - detail.pitch
    share = max(_LEAST, 1 - abs(apart) / _REACH_SEMITONES)
    add = detail.levels.copy()
    partials = detail.levels[:N_GROUPS]
    where = _CENTRES + apart * np.log(2) / 12
    add[:N_GROUPS] = 0.5 * (partials + _at(partials, where))
    bands = slice(N_GROUPS, N_GROUPS + N_BANDS)
    add[bands] = detail.levels[bands]
    return levels + share * add, constants + share * detail.constants


def mixed(a: Detail | None, b: Detail | None, share: float) -> Detail | None:
    """Find the detail a share of the way from one sound to another; a sound without detail has none to give."""
    if a is None and b is None:
        return None
    zero = Detail(np.zeros(1, np.float32), np.zeros(1, np.float32), (a or b).pitch)  # type: ignore[union-attr]
    first, second = a or zero, b or zero
    return Detail(
        (1 - share) * first.levels + share * second.levels,
        (1 - share) * first.constants + share * second.constants,
        (1 - share) * first.pitch + share * second.pitch,
    )


def _at(rows: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Read rows given at the centres of the groups of partials anywhere on their logarithmic axis."""
    index = np.clip(np.searchsorted(_CENTRES, where, side="right") - 1, 0, N_GROUPS - 2)
    share = np.clip((where - _CENTRES[index]) / (_CENTRES[index + 1] - _CENTRES[index]), 0.0, 1.0)[:, None]
    return (rows[index] * (1 - share) + rows[index + 1] * share).astype(np.float32)
