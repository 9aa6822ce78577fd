"""Texts as people write them: durations and gains, and the names of devices, encodings and front-ends."""

from __future__ import annotations

import math

from audiokit.errors import ParameterError


def seconds(text: str, name: str) -> float:
    """Read a duration such as 6s, 250ms, 1.5 or 1:30 (minutes:seconds).

    Raises:
        ParameterError: it is not a positive duration.

    >>> seconds("6s", "--chunk"), seconds("250ms", "--chunk"), seconds("1:30", "--chunk")
    (6.0, 0.25, 90.0)
    """
    text = text.strip().lower()
    try:
        if ":" in text:
            minutes, _, rest = text.partition(":")
            value = 60 * int(minutes) + float(rest)
        elif text.endswith("ms"):
            value = float(text[:-2]) / 1000
        else:
            value = float(text.removesuffix("s"))
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise ParameterError(f"{name} {text!r}: not a duration", hint="write for example 6s, 250ms or 1:30")
    return value


def words(text: str, name: str) -> tuple[str, ...]:
    """Read names with commas between them.

    >>> words("vocals, drums", "--stems")
    ('vocals', 'drums')
    """
    return tuple(word.strip() for word in text.split(",") if word.strip())


def decibels(text: str, name: str) -> float:
    """Read a gain such as -3dB or -3.

    Raises:
        ParameterError: it is no finite number of decibels.

    >>> decibels("-3dB", "--gain"), decibels("1.5", "--gain")
    (-3.0, 1.5)
    """
    try:
        value = float(text.strip().lower().removesuffix("db"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ParameterError(f"{name} {text!r}: not a gain", hint="write for example -3dB")
    return value


def bits(text: str, name: str) -> int:
    """Read bits per second: 192k, 192000 or 0.2M.

    Raises:
        ParameterError: anything else, or outside 6k to 2M.

    >>> bits("192k", "--bitrate"), bits("0.2M", "--bitrate"), bits("96000", "--bitrate")
    (192000, 200000, 96000)
    """
    number = text.strip().lower()
    factor = {"k": 1e3, "m": 1e6}.get(number[-1:], 1.0)
    try:
        value = float(number.rstrip("km")) * factor
    except ValueError:
        value = math.nan
    if not 6000 <= value <= 2e6:
        raise ParameterError(f"{name} {text!r}: not a bit rate between 6k and 2M", hint="write for example 192k")
    return round(value)


def device(text: str, name: str) -> str:
    """Check the name of a device; whether it is here is seen when a network is loaded.

    Raises:
        ParameterError: nothing has that name.

    >>> device("cuda:1", "--device")
    'cuda:1'
    """
    kind, _, number = text.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or not f"{number}0".isdigit():
        raise ParameterError(f"{name} {text}: not one of auto, cpu, cuda, mps", hint="auto takes the fastest here")
    return text


def encoding(text: str, name: str) -> str:
    """Check an encoding's name; whether a format holds it is seen when the output is known.

    Raises:
        ParameterError: no encoding has that name.

    >>> encoding("pcm_16", "--subtype")
    'PCM_16'
    """
    from audiokit.io.writer import encodings

    if text.upper() not in (known := encodings()):
        raise ParameterError(f"{name} {text}: no such encoding", hint=f"there are {', '.join(known)}")
    return text.upper()


def front_end(text: str, name: str) -> str:
    """Check the name of a known system's front-end.

    Raises:
        ParameterError: none has that name.

    >>> front_end("melgan", "--preset")
    'melgan'
    """
    from audiokit.dsp.spectrum.presets import find_preset

    find_preset(text)
    return text
