"""The arithmetic of mixing: how channels meet, and what gain puts a voice at a distance from its accompaniment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from audiokit.errors import ParameterError

#: Single precision holds no factor much beyond; no recording spans half of it.
_LARGEST_DB = 700
LENGTHS = ("shortest", "longest", "first")


def spread(y: np.ndarray, channels: int) -> np.ndarray:
    """Give audio another number of channels.

    Mono goes to the left and right (and only there) at its own level, so that it is heard in the middle as loud per
    loudspeaker as before. More channels become one by their average. Stereo in a bigger layout is its first two
    channels; a bigger layout becomes stereo with the centre at -3 dB, surrounds at -3 dB on their side, and without
    the low-frequency effects, as ITU-R BS.775 folds down.

    Args:
        y: audio (C, T).
        channels: how many there shall be.

    Returns:
        Audio (channels, T).

    Raises:
        ParameterError: there is no usual way from C to `channels`.

    >>> spread(np.ones((1, 3), np.float32), 2).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    >>> spread(np.array([[1.0], [0.0]]), 1).tolist()
    [[0.5]]
    """
    own = y.shape[0]
    if own == channels:
        return y
    if channels == 1:
        return y.mean(axis=0, keepdims=True, dtype=np.float32)
    if own == 1:
        return np.concatenate([y, y, np.zeros((channels - 2, y.shape[1]), y.dtype)])
    if channels > own:
        return np.concatenate([y, np.zeros((channels - own, y.shape[1]), y.dtype)])
    if channels == 2 and own in _FOLD:
        return np.array(_FOLD[own], np.float32).T @ y
    raise ParameterError(
        f"{own} channels cannot be mixed into {channels}", hint="make one of them mono or stereo first"
    )


_C = 0.7071067811865476
#: (left, right) of each channel in WAV order.
_FOLD = {
    3: [(1, 0), (0, 1), (_C, _C)],
    4: [(1, 0), (0, 1), (_C, 0), (0, _C)],
    5: [(1, 0), (0, 1), (_C, _C), (_C, 0), (0, _C)],
    6: [(1, 0), (0, 1), (_C, _C), (0, 0), (_C, 0), (0, _C)],
    8: [(1, 0), (0, 1), (_C, _C), (0, 0), (_C, 0), (0, _C), (_C, 0), (0, _C)],
}


def output_length(lengths: Sequence[int], policy: str) -> int:
    """Decide how long a mix is.

    Raises:
        ParameterError: the policy is none of "shortest", "longest" and "first".

    >>> [output_length([5, 3, 9], policy) for policy in ("shortest", "longest", "first")]
    [3, 9, 5]
    """
    if policy not in LENGTHS:
        raise ParameterError(f"--length {policy}: must be shortest, longest or first")
    if policy == "first":
        return lengths[0]
    return min(lengths) if policy == "shortest" else max(lengths)


def balance_gain_db(voice_lufs: float, accompaniment_lufs: float, balance_db: float) -> float:
    """Find the gain of the voice that puts it `balance_db` above (or under) its accompaniment; 0 if one is silent.

    One ratio for the whole song: following it moment by moment takes the life out of the voice.

    >>> balance_gain_db(-20.0, -14.0, 2.0), balance_gain_db(float("-inf"), -14.0, 2.0)
    (8.0, 0.0)
    """
    if not (np.isfinite(voice_lufs) and np.isfinite(accompaniment_lufs)):
        return 0.0
    return accompaniment_lufs + balance_db - voice_lufs


def mix(
    tracks: Sequence[np.ndarray],
    rate: int,
    *,
    gains_db: Sequence[float] = (),
    length: str = "longest",
    balance_db: float | None = None,
    clip: str = "rescale",
    channels: int | None = None,
) -> np.ndarray:
    """Sum tracks of one rate.

    Args:
        tracks: audio (C, T) each; C and T may differ.
        rate: Hz.
        gains_db: one gain per track, or none.
        length: "shortest", "longest" or "first".
        balance_db: loudness of the first track relative to all others together, in LU.
        clip: what to do over full scale: "rescale" (turn everything down), "limit" or "allow".
        channels: of the result; the largest among the tracks by default.

    Returns:
        Audio (channels, T), float32.

    Raises:
        ParameterError: no tracks, another number of gains than of tracks, or an unknown policy.

    >>> mix([np.full((1, 4), 0.25, np.float32), np.full((2, 2), 0.5, np.float32)], 44_100).tolist()
    [[0.75, 0.75, 0.25, 0.25], [0.75, 0.75, 0.25, 0.25]]
    """
    from audiokit.dsp.loudness.limiter import Limiter
    from audiokit.dsp.loudness.loudness import measure

    if not tracks:
        raise ParameterError("there is nothing to mix")
    if clip not in ("rescale", "limit", "allow"):
        raise ParameterError(f"--clip {clip}: must be rescale, limit or allow")
    factors = check_gains(gains_db, len(tracks))
    width = channels or max(track.shape[0] for track in tracks)
    total = np.zeros((width, output_length([track.shape[1] for track in tracks], length)), np.float32)
    parts = [_fit(spread(t, width) * np.float32(g), total.shape[1]) for t, g in zip(tracks, factors, strict=True)]
    if balance_db is not None and len(parts) > 1:
        levels = [measure(part, rate).integrated_lufs for part in (parts[0], sum(parts[1:], start=total))]
        parts[0] = parts[0] * np.float32(10 ** (balance_gain_db(levels[0], levels[1], balance_db) / 20))
    for part in parts:
        total += part
    peak = float(np.abs(total).max(initial=0.0))
    if peak <= 1 or clip == "allow":
        return total
    if clip == "rescale":
        return total / np.float32(peak)
    limiter = Limiter(rate, width, ceiling_dbtp=-0.1)
    return np.concatenate([limiter.process(total), limiter.flush()], axis=1)


def check_gains(gains_db: Sequence[float], count: int) -> list[float]:
    """Turn one gain per track (or none at all, or one for all) into factors.

    Raises:
        ParameterError: another number of gains than of tracks, or a gain that single precision cannot hold.

    >>> check_gains([-20.0], 2), check_gains([], 1)
    ([0.1, 0.1], [1.0])
    """
    if not gains_db:
        return [1.0] * count
    if len(gains_db) not in (1, count):
        raise ParameterError(
            f"{len(gains_db)} gains for {count} tracks", hint="give --gain once per track, in order, or once for all"
        )
    for gain in gains_db:
        if not -_LARGEST_DB <= gain <= _LARGEST_DB:
            raise ParameterError(f"gain {gain:g} dB: must be within {-_LARGEST_DB} to {_LARGEST_DB}")
    return [10 ** (gain / 20) for gain in (gains_db if len(gains_db) == count else list(gains_db) * count)]


def _fit(y: np.ndarray, length: int) -> np.ndarray:
    return np.pad(y[:, :length], ((0, 0), (0, max(0, length - y.shape[1]))))
