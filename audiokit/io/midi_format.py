"""Scores as the bytes of a MIDI file."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from audiokit.errors import ParameterError

#: Ticks per quarter note that the writer uses: half a millisecond at 120 BPM.
TICKS = 960


@dataclass(frozen=True, order=True)
class Note:
    """One note.

    Attributes:
        start_s: onset in seconds.
        end_s: end in seconds, after the onset.
        pitch: MIDI number, 60 is middle C.
        velocity: 1..127.
        channel: 0..15; channel 9 is percussion by convention.
        program: instrument number 0..127 (General MIDI) in force at the onset.
        track: index among the tracks that hold notes.
    """

    start_s: float
    end_s: float
    pitch: int
    velocity: int = 90
    channel: int = 0
    program: int = 0
    track: int = 0


@dataclass
class Score:
    """The musical content of a MIDI file, times in seconds.

    Attributes:
        notes: sorted by onset.
        tempos: (time_s, BPM) pairs, the first at 0.
        meters: (time_s, beats per bar, note value of a beat).
        lyrics: (time_s, syllable).
        names: names of the tracks that hold notes, by their index.
        warnings: sentences about what had to be guessed (notes never ended and the like).
    """

    notes: list[Note] = field(default_factory=list)
    tempos: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 120.0)])
    meters: list[tuple[float, int, int]] = field(default_factory=list)
    lyrics: list[tuple[float, str]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        """Time at which the last note ends, 0 without notes."""
        return max((note.end_s for note in self.notes), default=0.0)


def format_midi(score: Score) -> bytes:
    """Encode a score as the bytes of a format 1 MIDI file.

    Args:
        score: what to encode.

    Returns:
        The file's bytes: one conductor track, then one track per track index in use.

    Raises:
        ParameterError: a value MIDI cannot hold.

    >>> format_midi(Score())[:4]
    b'MThd'
    """
    to_tick = _ticker(score.tempos)
    conductor: list[tuple[int, int, bytes]] = []
    for time_s, bpm in score.tempos:
        micros = round(6e7 / bpm)
        conductor.append((to_tick(time_s), 0, b"\xff\x51\x03" + micros.to_bytes(3, "big")))
    for time_s, beats, value in score.meters:
        if not 1 <= beats <= 255 or value not in {2**power for power in range(8)}:
            raise ParameterError(f"a meter of {beats}/{value} does not fit a MIDI file")
        signature = bytes([beats, value.bit_length() - 1, 24, 8])
        conductor.append((to_tick(time_s), 0, b"\xff\x58\x04" + signature))
    tracks: dict[int, list[tuple[int, int, bytes]]] = defaultdict(list)
    for index, note in enumerate(score.notes):
        _check(note, index)
        tracks[note.track] += _note_events(note, to_tick)
    first = min(tracks, default=0)
    for time_s, text in score.lyrics:
        encoded = text.encode()
        tracks[first].append((to_tick(time_s), 2, b"\xff\x05" + variable_length(len(encoded)) + encoded))
    for index, title in score.names.items():
        encoded = title.encode()
        target = tracks.get(index, conductor)
        target.append((0, -1, b"\xff\x03" + variable_length(len(encoded)) + encoded))
    chunks = [_track(conductor), *(_track(tracks[index]) for index in sorted(tracks))]
    header = b"MThd" + (6).to_bytes(4, "big") + b"".join(v.to_bytes(2, "big") for v in (1, len(chunks), TICKS))
    return header + b"".join(chunks)


def _check(note: Note, index: int) -> None:
    ranges = {
        "pitch": (note.pitch, 0, 127),
        "velocity": (note.velocity, 1, 127),
        "channel": (note.channel, 0, 15),
        "program": (note.program, 0, 127),
    }
    for what, (value, low, high) in ranges.items():
        if not low <= value <= high or value != int(value):
            raise ParameterError(f"note {index}: {what} {value} is not in {low}..{high}")
    if not (math.isfinite(note.end_s) and 0 <= note.start_s < note.end_s):
        raise ParameterError(f"note {index}: {note.start_s} s to {note.end_s} s is not a span of time")


def _note_events(note: Note, to_tick: Callable[[float], int]) -> list[tuple[int, int, bytes]]:
    start = to_tick(note.start_s)
    end = max(to_tick(note.end_s), start + 1)
    channel, pitch = note.channel, int(note.pitch)
    # at one tick: ends (0) come before instruments (1), lyrics (2) and onsets (3)
    return [
        (start, 1, bytes([0xC0 | channel, note.program])),
        (start, 3, bytes([0x90 | channel, pitch, int(note.velocity)])),
        (end, 0, bytes([0x80 | channel, pitch, 64])),
    ]


def _ticker(tempos: list[tuple[float, float]]) -> Callable[[float], int]:
    if not tempos or tempos[0][0] != 0:
        raise ParameterError("the first tempo of a score must be at 0 s")
    times, ticks, bpms = [0.0], [0.0], [tempos[0][1]]
    for time_s, bpm in tempos:
        if not 3.6 <= bpm <= 6e7:
            raise ParameterError(f"a tempo of {bpm} BPM does not fit a MIDI file")
        if time_s < times[-1]:
            raise ParameterError("the tempos of a score must be in order of time")
        ticks.append(ticks[-1] + (time_s - times[-1]) * bpms[-1] / 60 * TICKS)
        times.append(time_s)
        # what the file says, rounded to a microsecond per beat, is what the reader will use
        bpms.append(6e7 / round(6e7 / bpm))

    def to_tick(time_s: float) -> int:
        i = bisect_right(times, time_s) - 1
        return round(ticks[i] + (time_s - times[i]) * bpms[i] / 60 * TICKS)

    return to_tick


def variable_length(value: int) -> bytes:
    """Write a number as MIDI files write times: seven bits a byte, the highest first, all but the last marked.

    Raises:
        ParameterError: it takes more than 28 bits.

    >>> variable_length(127), variable_length(128)
    (b'\\x7f', b'\\x81\\x00')
    """
    if value >= 1 << 28:
        raise ParameterError(f"{value} does not fit a MIDI file")
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def _track(events: list[tuple[int, int, bytes]]) -> bytes:
    body, last = bytearray(), 0
    programs: dict[int, int] = {}
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        if message[0] & 0xF0 == 0xC0:
            if programs.get(message[0], 0) == message[1]:
                continue
            programs[message[0]] = message[1]
        body += variable_length(tick - last) + message
        last = tick
    body += b"\x00\xff\x2f\x00"
    return b"MTrk" + len(body).to_bytes(4, "big") + bytes(body)
