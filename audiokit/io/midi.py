"""Standard MIDI files as note events in seconds: a small reader and writer without dependencies.

Reference: MIDI Manufacturers Association (1996), Standard MIDI Files 1.0, RP-001.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from audiokit.errors import DamagedError, InputError
from audiokit.io.files import atomic_file
from audiokit.io.midi_format import Note, Score, format_midi


def read_midi(path: str | os.PathLike[str]) -> Score:
    """Read a MIDI file (formats 0 and 1, and the first sequence of format 2).

    Args:
        path: the file.

    Returns:
        Its notes, tempos, meters and lyrics in seconds.

    Raises:
        InputError: the file is not a MIDI file.
        DamagedError: it is one, but cut short or inconsistent.
    """
    return parse_midi(Path(path).read_bytes(), name=str(path))


def write_midi(path: str | os.PathLike[str], score: Score, *, force: bool = False) -> None:
    """Write a score as a format 1 MIDI file; the file appears whole or not at all.

    Args:
        path: the file to write.
        score: what to write. All times follow `score.tempos`.
        force: replace an existing file.

    Raises:
        InputError: the file exists.
        ParameterError: a value MIDI cannot hold.
    """
    data = format_midi(score)
    with atomic_file(Path(path), force=force) as temporary:
        temporary.write_bytes(data)


def parse_midi(data: bytes, *, name: str = "MIDI data") -> Score:
    """Decode the bytes of a MIDI file.

    Args:
        data: the file's bytes; a RIFF wrapper (.rmi) is accepted.
        name: how to call the file in errors.

    Returns:
        The score.

    Raises:
        InputError: the bytes do not start like a MIDI file.
        DamagedError: they do, but do not hold together.

    >>> score = Score([Note(0.5, 1.0, 64)], lyrics=[(0.5, "la")])
    >>> parse_midi(format_midi(score)).notes[0]
    Note(start_s=0.5, end_s=1.0, pitch=64, velocity=90, channel=0, program=0, track=0)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"RMID":
        start = data.find(b"MThd")
        data = data[start:] if start > 0 else b""
    if data[:4] != b"MThd":
        raise InputError(f"{name}: not a MIDI file", hint="give a Standard MIDI File (.mid)")
    if len(data) < 14:
        raise DamagedError(f"{name}: cut short inside the MIDI header ({len(data)} bytes)")
    header = int.from_bytes(data[4:8], "big")
    kind, count, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    if header < 6 or kind > 2:
        raise DamagedError(f"{name}: MIDI format {kind} with a {header}-byte header does not exist")
    chunks = _track_chunks(data, 8 + header, count, name)
    if kind == 2:
        chunks = chunks[:1]
    tracks = [_events(chunk, f"{name}: track {index}") for index, chunk in enumerate(chunks)]
    return _assemble(tracks, _Clock(tracks, division, name))


def _track_chunks(data: bytes, position: int, count: int, name: str) -> list[bytes]:
    chunks: list[bytes] = []
    while len(chunks) < count:
        if position + 8 > len(data):
            raise DamagedError(f"{name}: {count} tracks announced, {len(chunks)} found")
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        body = data[position + 8 : position + 8 + size]
        if len(body) < size:
            raise DamagedError(f"{name}: cut short inside track {len(chunks)} ({len(body)} of {size} bytes)")
        if data[position : position + 4] == b"MTrk":
            chunks.append(body)
        position += 8 + size
    return chunks


def _variable(data: bytes, position: int, where: str) -> tuple[int, int]:
    """Read a variable-length number: (value, next position)."""
    value = 0
    for step in range(4):
        if position + step >= len(data):
            break
        byte = data[position + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position + step + 1
    raise DamagedError(f"{where}: bad variable-length number at byte {position}")


#: One event: tick, status byte (0xFF for meta), first data byte or meta type, then the payload.
_Event = tuple[int, int, int, bytes]


def _events(data: bytes, where: str) -> list[_Event]:
    events: list[_Event] = []
    position = tick = running = 0
    while position < len(data):
        delta, position = _variable(data, position, where)
        tick += delta
        if position >= len(data):
            raise DamagedError(f"{where}: ends inside an event")
        status = data[position]
        if status >= 0x80:
            position += 1
        elif running:
            status = running
        else:
            raise DamagedError(f"{where}: data byte {status} without a status at byte {position}")
        if status == 0xFF:
            if position >= len(data):
                raise DamagedError(f"{where}: ends inside an event")
            kind = data[position]
            payload, position = _payload(data, position + 1, where)
            if kind == 0x2F:
                events.append((tick, 0xFF, 0x2F, b""))
                return events
            events.append((tick, 0xFF, kind, payload))
        elif status in (0xF0, 0xF7):
            _, position = _payload(data, position, where)
            running = 0
        elif status < 0xF0:
            running = status
            size = 1 if status & 0xE0 == 0xC0 else 2
            values = data[position : position + size]
            if len(values) < size or max(values) > 127:
                raise DamagedError(f"{where}: bad event at byte {position}")
            events.append((tick, status, values[0], values[1:]))
            position += size
        else:
            raise DamagedError(f"{where}: status byte {status:#x} has no place in a file")
    return events


def _payload(data: bytes, position: int, where: str) -> tuple[bytes, int]:
    size, position = _variable(data, position, where)
    if position + size > len(data):
        raise DamagedError(f"{where}: ends inside an event")
    return data[position : position + size], position + size


class _Clock:
    """Ticks to seconds, through every tempo change."""

    def __init__(self, tracks: list[list[_Event]], division: int, name: str) -> None:
        self.ticks, self.times, self.seconds_per_tick = [0], [0.0], [0.5 / max(division, 1)]
        if division & 0x8000:
            frames = 256 - (division >> 8)
            rate = {29: 30000 / 1001}.get(frames, float(frames)) * (division & 0xFF)
            if not rate:
                raise DamagedError(f"{name}: a time division of 0 ticks")
            self.seconds_per_tick = [1 / rate]
            self.tempos = [(0.0, 120.0)]
            return
        if not division:
            raise DamagedError(f"{name}: a time division of 0 ticks")
        self.tempos = []
        changes = sorted(
            (tick, int.from_bytes(payload[:3], "big"))
            for track in tracks
            for tick, status, kind, payload in track
            if status == 0xFF and kind == 0x51 and len(payload) >= 3
        )
        for tick, micros in changes:
            if not micros:
                raise DamagedError(f"{name}: a tempo of 0 microseconds per beat")
            self.times.append(self(tick))
            self.ticks.append(tick)
            self.seconds_per_tick.append(micros * 1e-6 / division)
            self.tempos.append((self.times[-1], 6e7 / micros))
        if not self.tempos or self.tempos[0][0] > 0:
            self.tempos.insert(0, (0.0, 120.0))

    def __call__(self, tick: int) -> float:
        i = bisect_right(self.ticks, tick) - 1
        return self.times[i] + (tick - self.ticks[i]) * self.seconds_per_tick[i]


def _assemble(tracks: list[list[_Event]], clock: _Clock) -> Score:
    score = Score(tempos=clock.tempos)
    index = -1
    for track in tracks:
        # a track without notes (the conductor's) speaks for the whole score and has no index
        has_notes = any(status & 0xF0 == 0x90 and payload[0] for _, status, _, payload in track)
        index += has_notes
        sounding: dict[tuple[int, int], deque[Any]] = defaultdict(deque)
        programs = [0] * 16
        last = track[-1][0] if track else 0
        for tick, status, first, payload in track:
            channel, kind = status & 15, status & 0xF0
            if status == 0xFF:
                _meta(score, index if has_notes else None, clock(tick), first, payload)
            elif kind == 0xC0:
                programs[channel] = first
            elif kind == 0x90 and payload[0]:
                sounding[channel, first].append((tick, payload[0], programs[channel]))
            elif kind in (0x80, 0x90) and sounding[channel, first]:
                # the oldest of several equal notes ends first, as sequencers do
                _add(score, clock, sounding[channel, first].popleft(), tick, first, channel, index)
        left = [(key, note) for key, queue in sounding.items() for note in queue]
        for (channel, pitch), note in left:
            _add(score, clock, note, last, pitch, channel, index)
        if left:
            score.warnings.append(f"track {index}: {len(left)} notes never end; they end with the track")
    score.notes.sort()
    score.lyrics.sort(key=lambda item: item[0])
    score.meters.sort()
    return score


def _add(
    score: Score, clock: _Clock, begun: tuple[int, int, int], end: int, pitch: int, channel: int, track: int
) -> None:
    start, velocity, program = begun
    if end > start:
        score.notes.append(Note(clock(start), clock(end), pitch, velocity, channel, program, track))


def _meta(score: Score, track: int | None, time_s: float, kind: int, payload: bytes) -> None:
    if kind == 0x58 and len(payload) >= 2 and payload[0] and payload[1] < 8:
        score.meters.append((time_s, payload[0], 2 ** payload[1]))
    elif kind == 0x05:
        score.lyrics.append((time_s, _text(payload)))
    elif kind == 0x03 and track is not None:
        score.names[track] = _text(payload)


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode("latin-1")
