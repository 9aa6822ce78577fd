"""How an instrument answers the velocity: a harder note is brighter, starts faster and is noisier, not only louder.

Soundfonts mostly turn the volume, and a decoder trained on them says the same. What recordings with several layers
say is therefore kept on the model's card, one row of numbers per instrument, and added to the levels that the decoder
gives at velocity 100. It is nothing there, grows evenly on both sides, and leaves the loudness that the decoder gave
over time at the velocity that is asked for: only this is the decoder's, whose own colours go up and down. A sound
between instruments answers as those near it do, so a path through the latent space has no steps.

References:
    Fletcher and Rossing (1998), The physics of musical instruments (spectra at several dynamics).
    Hall and Askenfelt (1988), Piano string excitation V: spectra for real hammers and strings.
"""

from __future__ import annotations

import numpy as np

from audiokit.dsp.notes.bands import NOISE_EDGES_HZ
from audiokit.dsp.notes.notes import GROUPS, HALVES, N_GROUPS, midi_to_hz
from audiokit.dsp.notes.time_grid import HELD_S
from audiokit.models.notes.scale import SPAN_DB

#: The velocity at which nothing is added, and the distance that counts as one.
NEUTRAL, STEP = 100, 90
#: Numbers per instrument: partials by knot, pitch and time; noise by knot and time; the start.
KNOTS, NOISE_KNOTS_HZ = np.arange(6.0), 125 * 2.0 ** np.arange(7)
N_PARTIALS, N_NOISE = len(KNOTS) * 4, len(NOISE_KNOTS_HZ) * 2
N_TOUCH = N_PARTIALS + N_NOISE + 1
#: What is said of the attack fades with this time constant.
_ATTACK_S = 0.08
_WARP_S = 0.1
_MOST_DB = 36.0
#: How quickly a neighbour in the latent space counts less: instruments lie 2 to 3.5 apart, their own notes 0.4.
_SHARPNESS = 1.0


def mixture(latent: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Tell how much a sound (D,) is each of the instruments at `centres` (I, D): weights (I,) that sum to 1.

    >>> mixture(np.zeros(2), np.array([[0.0, 0.0], [3.0, 4.0]])).round(3).tolist()
    [1.0, 0.0]
    """
    apart = np.square(centres.astype(np.float64) - latent).sum(1)
    near = np.exp(-_SHARPNESS * (apart - apart.min()))
    return near / near.sum()


def basis_of_partials(pitch: float) -> np.ndarray:
    """What the first numbers of a row are multiplied with: (N_PARTIALS, N_GROUPS, len(HELD_S))."""
    return _basis(np.log2((GROUPS[:-1] + GROUPS[1:] - 1) / 2), pitch)


def basis_of_noise() -> np.ndarray:
    """What the numbers of noise are multiplied with: (N_NOISE, N_BANDS, len(HELD_S))."""
    middle = np.log2(np.maximum((NOISE_EDGES_HZ[:-1] + NOISE_EDGES_HZ[1:]) / 2, 1.0))
    hats = np.stack([np.interp(middle, np.log2(NOISE_KNOTS_HZ), row) for row in np.eye(len(NOISE_KNOTS_HZ))])
    return np.concatenate([hats[:, :, None] * time for time in _times()])


def with_touch(levels: np.ndarray, row: np.ndarray, pitch: float, velocity: float) -> np.ndarray:
    """Add what a velocity does to the levels of a note, loudness apart.

    Args:
        levels: (CHANNELS, FRAMES), scaled as `audiokit.models.notes.scale` says.
        row: an instrument's answer (N_TOUCH,): dB per step of velocity, and octaves of time at the start.
        pitch: MIDI number.
        velocity: 1..127.

    Returns:
        Levels of the same shape; at every time the partials together have the power they had.

    >>> levels = np.zeros((101, 88), np.float32)
    >>> row = np.concatenate([6 * np.arange(6.0), np.zeros(N_TOUCH - 6)])
    >>> soft, loud = (with_touch(levels, row, 60, v)[[0, 15], 40] for v in (30, 120))
    >>> bool(soft[0] > soft[1]), bool(loud[0] < loud[1])
    (True, True)
    """
    amount = (velocity - NEUTRAL) / STEP
    if amount == 0:
        return levels
    held = len(HELD_S)
    levels = levels.copy()
    levels[:, :held] = _warped(levels[:, :held], 2.0 ** (-float(row[-1]) * amount))
    partials, noise = row[:N_PARTIALS], row[N_PARTIALS:-1]
    between = _basis(np.log2(HALVES), pitch)
    add = np.concatenate([
        np.tensordot(partials, basis_of_partials(pitch), 1),
        np.tensordot(noise, basis_of_noise(), 1),
        np.tensordot(partials, between, 1),
    ])  # fmt: skip
    add = np.clip(amount * add, -_MOST_DB, _MOST_DB)
    add += _power_db(levels[:, :held], pitch) - _power_db(levels[:, :held] + add / SPAN_DB, pitch)
    # The release falls from where the hold ends, and keeps its colour.
    add = np.concatenate([add, np.repeat(add[:, -1:], levels.shape[1] - held, axis=1)], axis=1)
    return (levels + add / SPAN_DB).astype(np.float32)


def with_loudness(levels: np.ndarray, other: np.ndarray, pitch: float) -> np.ndarray:
    """Give levels of a note (CHANNELS, FRAMES) the loudness that others of the same shape have at every time.

    >>> quiet, loud = np.zeros((101, 88), np.float32), np.full((101, 88), 0.5, np.float32)
    >>> bool(np.allclose(with_loudness(quiet, loud, 60), loud))
    True
    """
    held = len(HELD_S)
    add = _power_db(other[:, :held], pitch) - _power_db(levels[:, :held], pitch)
    add = np.concatenate([add, np.repeat(add[-1:], levels.shape[1] - held)])
    return (levels + add / SPAN_DB).astype(np.float32)


def _basis(octaves: np.ndarray, pitch: float) -> np.ndarray:
    hats = np.stack([np.interp(octaves, KNOTS, row) for row in np.eye(len(KNOTS))])
    keys = (1.0, float(np.clip((pitch - 60) / 24, -1.5, 1.5)))
    return np.concatenate([key * hats[:, :, None] * time for time in _times() for key in keys])


def _times() -> tuple[np.ndarray, np.ndarray]:
    return np.ones(len(HELD_S)), np.exp(-HELD_S / _ATTACK_S)


def _warped(levels: np.ndarray, stretch: float) -> np.ndarray:
    """Let the start of held levels (C, H) take `stretch` times as long; what follows is only moved."""
    late = _WARP_S * (1 - np.exp(-HELD_S / _WARP_S))
    where = np.interp(HELD_S - (1 - 1 / stretch) * late, HELD_S, np.arange(len(HELD_S)))
    low = np.minimum(where.astype(int), len(HELD_S) - 2)
    share = where - low
    return levels[:, low] * (1 - share) + levels[:, low + 1] * share


def _power_db(levels: np.ndarray, pitch: float) -> np.ndarray:
    """Power of all partials together at every time (N,), up to a constant."""
    counts = np.clip(16000 // midi_to_hz(pitch) - GROUPS[:-1] + 1, 0, np.diff(GROUPS))
    counts[0] = max(counts[0], 1)
    return 10 * np.log10(counts @ np.power(10.0, levels[:N_GROUPS].astype(np.float64) * (SPAN_DB / 10)))
