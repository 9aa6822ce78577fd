"""Pitches as people write them: names, MIDI numbers, ranges and lists; and the pitch of a recorded note."""

from __future__ import annotations

import re

import numpy as np

from audiokit.errors import InputError, ParameterError

_STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_NAME = re.compile(r"([a-g])(##|bb|[#sb♯♭]?)(-?\d+)$")
_SHIFT = {"": 0, "#": 1, "s": 1, "♯": 1, "b": -1, "♭": -1, "##": 2, "bb": -2}
_SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def parse_pitch(text: str) -> int:
    """Read a note name (C4 = 60) or a MIDI number.

    Raises:
        ParameterError: it is neither, or outside 0..127.

    >>> parse_pitch("C4"), parse_pitch("f#3"), parse_pitch("Bb-1"), parse_pitch("69")
    (60, 54, 10, 69)
    """
    word = text.strip().lower()
    if re.fullmatch(r"-?\d+", word):
        number = int(word)
    elif match := _NAME.fullmatch(word):
        number = 12 * (int(match[3]) + 1) + _STEPS[match[1]] + _SHIFT[match[2]]
    else:
        raise ParameterError(f"{text!r}: not a pitch", hint="write a name such as C4 or F#3, or a MIDI number 0..127")
    if not 0 <= number <= 127:
        raise ParameterError(f"{text!r}: pitch {number} is outside 0..127")
    return number


def parse_pitches(text: str) -> list[int]:
    """Read pitches: one, a list (C4,E4,G4), a range (C3:C5), a range with a step in semitones (C3:C5:2).

    Raises:
        ParameterError: a part is not a pitch, or a range runs backwards.

    >>> parse_pitches("C4,E4"), parse_pitches("60:66:3"), len(parse_pitches("C3:C5"))
    ([60, 64], [60, 63, 66], 25)
    """
    out: list[int] = []
    for part in text.split(","):
        ends = part.split(":")
        if len(ends) == 1:
            out.append(parse_pitch(part))
            continue
        if len(ends) > 3:
            raise ParameterError(f"{part!r}: not a range of pitches", hint="write LOW:HIGH or LOW:HIGH:STEP")
        low, high = parse_pitch(ends[0]), parse_pitch(ends[1])
        step = int(ends[2]) if len(ends) == 3 and ends[2].isdigit() else 1 if len(ends) == 2 else 0
        if step < 1:
            raise ParameterError(f"{part!r}: the step must be a number of semitones, 1 or more")
        if low > high:
            raise ParameterError(f"{part!r}: a range goes from low to high", hint=f"write {ends[1]}:{ends[0]}")
        out += range(low, high + 1, step)
    return list(dict.fromkeys(out))


def pitch_name(pitch: int) -> str:
    """Name a MIDI number.

    >>> pitch_name(60), pitch_name(54)
    ('C4', 'F#3')
    """
    return f"{_SHARPS[pitch % 12]}{pitch // 12 - 1}"


def estimate_pitch(y: np.ndarray, rate: int) -> float:
    """Estimate the pitch of a single recorded note.

    Args:
        y: audio (T,), float32.
        rate: sample rate in Hz.

    Returns:
        MIDI number, not rounded.

    Raises:
        InputError: there is no clear pitch.

    References:
        de Cheveigne and Kawahara (2002), YIN, a fundamental frequency estimator (steps 1 to 5).

    >>> t = np.arange(8000) / 16000
    >>> y = sum(np.sin(2 * np.pi * 220 * k * t) / k for k in (1, 2, 3)).astype(np.float32)
    >>> round(estimate_pitch(y, 16000), 1)
    57.0
    """
    if rate < 48000:  # at the highest pitches a period is only a few samples
        import soxr

        y, rate = soxr.resample(np.ascontiguousarray(y[: 2 * rate], np.float32), 1, 4), 4 * rate
    longest, shortest = int(rate / 26), max(2, int(rate / 4200))
    window = 2 * longest
    votes, clarity = [], []
    loud = np.abs(y).max() if len(y) else 0.0
    for start in range(0, max(1, min(len(y), 2 * rate) - window - longest), max(1, rate // 20)):
        part = y[start : start + window + longest].astype(np.float64)
        if len(part) < window + longest or np.abs(part).max() < 0.1 * loud or loud == 0:
            continue
        n_fft = 1 << (len(part) + window).bit_length()
        spectrum = np.fft.rfft(part, n_fft) * np.fft.rfft(part[:window], n_fft).conj()
        product = np.fft.irfft(spectrum, n_fft)[: longest + 1]
        energy = np.concatenate([[0.0], np.cumsum(part**2)])
        lags = np.arange(longest + 1)
        difference = energy[window] + (energy[lags + window] - energy[lags]) - 2 * product
        mean = np.cumsum(difference[1:]) / lags[1:]
        normal = np.concatenate([[1.0], difference[1:] / np.maximum(mean, 1e-12)])
        clear = max(0.15, float(normal[shortest:].min()) + 0.12)
        lag = int(np.argmax(normal[shortest:] < clear)) + shortest
        while lag + 1 < longest and normal[lag + 1] < normal[lag]:
            lag += 1
        if not 1 <= lag < longest:
            continue
        a, b, c = normal[lag - 1 : lag + 2]
        shift = 0.5 * (a - c) / (a - 2 * b + c) if a + c > 2 * b else 0.0
        votes.append(69 + 12 * np.log2(rate / (lag + shift) / 440))
        clarity.append(b)
    if not votes or min(clarity) > 0.4:
        raise InputError(
            "no clear pitch was found in the note", hint="name it <instrument>_<midi>.wav, or give --pitch"
        )
    order = np.argsort(clarity)[: max(1, len(votes) // 2)]
    return float(np.median(np.array(votes)[order]))
