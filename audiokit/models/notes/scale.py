"""Note descriptions as the numbers a network sees, and back."""

from __future__ import annotations

import numpy as np

from audiokit.dsp.notes.bands import N_BANDS
from audiokit.dsp.notes.notes import N_GROUPS, SINGLE, NoteShape
from audiokit.dsp.notes.time_grid import FLOOR_DB, HELD_S

#: A level of the network is (dB - MIDDLE_DB) / SPAN_DB.
MIDDLE_DB, SPAN_DB = -60.0, 30.0
_STIFF = 1e-6


def scale(shape: NoteShape) -> tuple[np.ndarray, np.ndarray]:
    """Turn a description into levels (CHANNELS, FRAMES) and constants (CONSTANTS,), float32, about -2..2.

    >>> shape = unscale(np.zeros((101, 88), np.float32), np.zeros(90, np.float32))
    >>> levels, constants = scale(shape)
    >>> float(abs(levels).max()), bool(abs(constants).max() < 1e-5)
    (0.0, True)
    """
    levels = np.concatenate([shape.partials_db, shape.noise_db, shape.halves_db])
    numbers = [
        np.log10(shape.stretch + _STIFF) + 4.5,
        shape.beating_hz / 4 - 1,
        shape.tremolo_db / 3,
        (shape.tremolo_hz - 5) / 2,
        shape.vibrato_cents / 15,
        (shape.vibrato_hz - 5) / 2,
    ]
    constants = np.concatenate([10 * shape.deviation, shape.beating_db / 6, numbers])
    return ((levels - MIDDLE_DB) / SPAN_DB).astype(np.float32), constants.astype(np.float32)


def unscale(levels: np.ndarray, constants: np.ndarray) -> NoteShape:
    """Turn a network's numbers into a description; what lies outside the possible is brought inside."""
    db = np.maximum(levels.astype(np.float64) * SPAN_DB + MIDDLE_DB, FLOOR_DB)
    c = constants.astype(np.float64)
    numbers = c[SINGLE + N_GROUPS :]
    return NoteShape(
        partials_db=np.minimum(db[:N_GROUPS], 0.0),
        noise_db=np.minimum(db[N_GROUPS : N_GROUPS + N_BANDS], 0.0),
        halves_db=np.minimum(db[N_GROUPS + N_BANDS :], 0.0),
        deviation=np.clip(c[:SINGLE] / 10, -0.49, 0.49),
        stretch=float(np.clip(10 ** (min(numbers[0], 3.0) - 4.5) - _STIFF, 0, 2e-3)),
        beating_db=np.clip(c[SINGLE : SINGLE + N_GROUPS] * 6, 0, 6),
        beating_hz=float(np.clip(4 * (numbers[1] + 1), 0.3, 12)),
        tremolo_db=float(np.clip(3 * numbers[2], 0, 6)),
        tremolo_hz=float(np.clip(2 * numbers[3] + 5, 3, 9)),
        vibrato_cents=float(np.clip(15 * numbers[4], 0, 60)),
        vibrato_hz=float(np.clip(2 * numbers[5] + 5, 3, 9)),
        seen_s=float(HELD_S[-1]),
    )
