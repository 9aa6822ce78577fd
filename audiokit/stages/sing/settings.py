"""How a vocal is made, as one object that travels through the making."""

from __future__ import annotations

import re
from dataclasses import dataclass

from audiokit.errors import ParameterError


@dataclass(frozen=True)
class Singing:
    """How a vocal is made.

    Attributes:
        engine: "world" (default), "gan" or "both".
        scale: scale of composed melodies on the backing's tonic; "auto" is the key's.
        range: "auto", or lowest and highest note such as "48-60" or "C3-C4".
        transpose: semitones added to every note.
        bpm, key: of the backing, where they are known.
        start_s: earliest time of the first note.
        fit: what happens when speech and backing differ in length: "phrase" sings the whole phrases that fit,
            "trim" stops at the end of the backing, "loop" repeats the shorter of the two.
        pitch_correction: 0 the speaker's own intonation, 1 the melody.
        vibrato_cents, portamento, formant_db, breath, evenness: see `audiokit.dsp.voice.singing.Expression`.
        harmony: added voices: "third", "fifth", "octave".
        balance_lu: loudness of the vocal over the backing; None for the published gains.
        quality: "best" tracks pitch with Harvest and iterates longer; "fast" with DIO.
        pitch_tracker: who measures the pitch of the guide, see `audiokit.dsp.voice.pitch`.
        model: of the gan engine: name or folder.
        device: where the network runs.
        seed: of fluctuations, and of the melody (0 gives the plainest one).
    """

    engine: str
    scale: str
    range: str
    transpose: float
    bpm: float | None
    key: str | None
    start_s: float
    fit: str
    pitch_correction: float
    vibrato_cents: float
    portamento: float
    formant_db: float
    harmony: tuple[str, ...]
    balance_lu: float | None
    quality: str
    pitch_tracker: str
    model: str | None
    device: str
    seed: int
    breath: float = 0.5
    evenness: float = 0.3


def balance_of(text: str, name: str = "--balance") -> float | None:
    """Read the loudness over the backing: LU, or None for "reference", the published gains.

    Raises:
        ParameterError: it is neither.

    >>> balance_of("-2.5"), balance_of("reference")
    (-2.5, None)
    """
    if text == "reference":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not -40 <= value <= 40:
        raise ParameterError(f"{name} {text!r} is neither LU nor 'reference'", hint="such as 1 or -2.5")
    return value


def read_range(text: str) -> tuple[float, float]:
    """Read a range of notes such as "C3-C4" or "48-60" (60 is C4).

    Raises:
        ParameterError: it is no range, or narrower than a fifth.

    >>> read_range("C3-Bb3"), read_range("48-60")
    ((48.0, 58.0), (48.0, 60.0))
    """
    from audiokit.dsp.notes.names import parse_pitch

    parts = re.fullmatch(r"\s*(\d+|[A-Ga-g][#b]?-?\d)\s*-\s*(\d+|[A-Ga-g][#b]?-?\d)\s*", text)
    if not parts:
        raise ParameterError(f"--range {text!r} is no range of notes", hint="write auto, or for example C3-C4 or 48-60")
    ends = [float(parse_pitch(part)) for part in parts.groups()]
    if not 24 <= ends[0] <= ends[1] - 5 <= 91:
        raise ParameterError(f"--range {text!r} is narrower than five semitones or outside 24 to 96")
    return ends[0], ends[1]
