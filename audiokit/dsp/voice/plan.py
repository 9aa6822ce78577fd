"""What a sung vocal is made of before it is sound: the music around it, its syllables and its notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from audiokit.dsp.voice.syllables import Syllable
from audiokit.errors import ParameterError

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "major-pentatonic": (0, 2, 4, 7, 9),
    "minor-pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "chromatic": tuple(range(12)),
}
PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True)
class Music:
    """The backing as a singer hears it.

    Attributes:
        beats_s: every beat from the start to the end of the backing (B,).
        downbeats: which beats begin a bar (B,), bool.
        end_s: length of the backing.
        tonic: pitch class of the key, 0 is C.
        mode: "major" or "minor".
        chords: pitch classes of the chord over each beat (B of them), empty where there is none.
        bpm: tempo.
        notes: sentences about what was not found and what was assumed instead.
    """

    beats_s: np.ndarray
    downbeats: np.ndarray
    end_s: float
    tonic: int = 0
    mode: str = "major"
    chords: tuple[tuple[int, ...], ...] = ()
    bpm: float = 120.0
    notes: tuple[str, ...] = ()

    @property
    def key_name(self) -> str:
        """The key in words, such as "A minor"."""
        return f"{PITCH_CLASSES[self.tonic]} {self.mode}"

    def beat_at(self, time_s: float | np.ndarray) -> np.ndarray:
        """Fractional beat index of a time, beyond the last beats too."""
        beats = self.beats_s
        inside = np.interp(time_s, beats, np.arange(len(beats)))
        before = (np.asarray(time_s) - beats[0]) / (beats[1] - beats[0])
        after = (np.asarray(time_s) - beats[-1]) / (beats[-1] - beats[-2])
        return np.where(before < 0, before, np.where(after > 0, len(beats) - 1 + after, inside))

    def time_of(self, beat: float | np.ndarray) -> np.ndarray:
        """Time of a fractional beat index."""
        beats = self.beats_s
        index = np.asarray(beat, float)
        inside = np.interp(index, np.arange(len(beats)), beats)
        before = beats[0] + index * (beats[1] - beats[0])
        after = beats[-1] + (index - len(beats) + 1) * (beats[-1] - beats[-2])
        return np.where(index < 0, before, np.where(index > len(beats) - 1, after, inside))

    def chord_at(self, time_s: float) -> tuple[int, ...]:
        """Pitch classes that sound at a time; the tonic triad where no chord is known."""
        index = int(np.clip(np.floor(self.beat_at(time_s) + 1e-6), 0, len(self.beats_s) - 1))
        chord = self.chords[index] if index < len(self.chords) else ()
        third = 4 if self.mode == "major" else 3
        return chord or tuple((self.tonic + step) % 12 for step in (0, third, 7))

    def scale(self, name: str = "auto") -> tuple[int, ...]:
        """Pitch classes of a scale on the tonic; "auto" is the key's own.

        Raises:
            ParameterError: no scale has that name.
        """
        check_scale(name)
        steps = SCALES[self.mode if name == "auto" else name]
        return tuple((self.tonic + step) % 12 for step in steps)


def check_scale(name: str) -> None:
    """Refuse a name that no scale has (ParameterError)."""
    if name not in ("auto", *SCALES):
        raise ParameterError(f"scale {name!r} is unknown", hint=f"choose one of {', '.join(['auto', *SCALES])}")


def even_music(end_s: float, *, bpm: float = 100.0, beats_per_bar: int = 4, offset_s: float = 0.0, **known) -> Music:
    """Make the music of a metronome: even beats, no chords.

    Args:
        end_s: length in seconds.
        bpm: tempo, 20 to 400.
        beats_per_bar: beats in a bar.
        offset_s: time of a downbeat.
        known: any other attribute of `Music`.

    Returns:
        The music.

    Raises:
        ParameterError: tempo out of range.

    >>> even_music(2.0, bpm=120).beats_s
    array([0. , 0.5, 1. , 1.5, 2. ])
    """
    if not 20 <= bpm <= 400:
        raise ParameterError(f"a tempo of {bpm:g} BPM is outside 20..400")
    period = 60 / bpm
    first = -int(offset_s // period)
    count = max(2, int(np.floor((end_s - offset_s) / period + 1e-9)) - first + 1)
    index = np.arange(first, first + count)
    return Music(offset_s + index * period, index % beats_per_bar == 0, end_s, bpm=float(bpm), **known)


@dataclass(frozen=True)
class SungNote:
    """One note of the vocal.

    Attributes:
        start_s: when the vowel begins, in seconds of the backing.
        end_s: when the note ends.
        pitch: MIDI number.
        syllable: index of the syllable that is sung; consecutive notes with the same one are a slur.
        phrase: index of the phrase.
    """

    start_s: float
    end_s: float
    pitch: float
    syllable: int
    phrase: int = 0


@dataclass
class Plan:
    """Everything that was decided about a vocal; edit it and sing it again.

    Attributes:
        notes: in order, not overlapping.
        syllables: of the source speech.
        music: of the backing.
        warnings: what the user should know.
    """

    notes: list[SungNote]
    syllables: list[Syllable]
    music: Music
    warnings: list[str] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        """When the last note ends."""
        return max((note.end_s for note in self.notes), default=0.0)


def check_notes(notes: Sequence[SungNote], count: int) -> list[SungNote]:
    """Put edited notes in order, shorten those that overlap, and refuse what cannot be sung.

    Args:
        notes: notes in any order.
        count: number of syllables there are.

    Returns:
        Notes in order, none overlapping.

    Raises:
        ParameterError: a note has no length, no possible pitch, or a syllable that does not exist.

    >>> [n.end_s for n in check_notes([SungNote(1, 2, 60, 0), SungNote(0, 1.5, 62, 0)], 1)]
    [1, 2]
    """
    ordered = sorted(notes, key=lambda note: note.start_s)
    for index, note in enumerate(ordered):
        where = f"note {index} at {note.start_s:g} s"
        if not (np.isfinite([note.start_s, note.end_s, note.pitch]).all() and 0 <= note.start_s < note.end_s):
            raise ParameterError(f"{where}: start, end and pitch must be numbers and the end after the start")
        if not 24 <= note.pitch <= 96:
            raise ParameterError(f"{where}: pitch {note.pitch:g} is outside 24..96")
        if not 0 <= note.syllable < count:
            raise ParameterError(f"{where}: syllable {note.syllable} does not exist, the speech has {count}")
        if index and ordered[index - 1].end_s > note.start_s:
            ordered[index - 1] = replace(ordered[index - 1], end_s=note.start_s)
    return [note for note in ordered if note.end_s - note.start_s > 0.02]


def loop_beats(music: Music) -> tuple[int, int]:
    """Beats between which a backing repeats: the first downbeat and the last, or the first beat and the last.

    >>> loop_beats(even_music(5.0, bpm=60)), loop_beats(even_music(3.0, bpm=60))
    ((0, 4), (0, 3))
    """
    down = np.flatnonzero(music.downbeats)
    return (int(down[0]), int(down[-1])) if len(down) > 1 else (0, len(music.beats_s) - 1)


def repeat_music(music: Music, until_s: float) -> Music:
    """Repeat beats and chords, whole bars where there are any, until a time."""
    a, b = loop_beats(music)
    period = float(music.beats_s[b] - music.beats_s[a])
    beats, flags = [music.beats_s[:b]], [music.downbeats[:b]]
    chords = list(music.chords[:b])
    offset = float(music.beats_s[b] - music.beats_s[a])
    while beats[-1][-1] < until_s:
        beats.append(music.beats_s[a:b] + offset)
        flags.append(music.downbeats[a:b])
        chords += music.chords[a:b]
        offset += period
    return replace(
        music, beats_s=np.concatenate(beats), downbeats=np.concatenate(flags), chords=tuple(chords), end_s=until_s
    )
