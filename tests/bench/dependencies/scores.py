"""MIDI files, sound and odd ones, beside mido."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from audiokit.errors import AudiokitError
from audiokit.io.midi import parse_midi
from audiokit.io.midi_format import Note, Score, format_midi
from tests.bench.dependencies.measuring import Inputs, Row, timed

_OURS = "from audiokit.io.midi import parse_midi"
_END = b"\x00\xff\x2f\x00"
_ONE = b"\x00\x90\x3c\x40\x60\x80\x3c\x00"  # middle C for a beat of 96 ticks

#: Notes: start and end in seconds, pitch.
Notes = list[tuple[float, float, int]]


def _file(*tracks: bytes, kind: int = 1, division: int = 96, prefix: bytes = b"") -> bytes:
    head = b"MThd\x00\x00\x00\x06" + b"".join(v.to_bytes(2, "big") for v in (kind, len(tracks), division))
    return head + prefix + b"".join(b"MTrk" + len(t).to_bytes(4, "big") + t for t in tracks)


def odd_files() -> dict[str, tuple[bytes, Notes]]:
    """Files that the standard allows, and the notes they hold."""
    half = b"\x60\xff\x51\x03\x03\xd0\x90"  # after a beat: 240 BPM
    beat = [(0.0, 0.5, 60)]
    riff = _file(_ONE + _END, kind=0)
    wrapped = b"RIFF" + (len(riff) + 12).to_bytes(4, "little") + b"RMIDdata" + len(riff).to_bytes(4, "little") + riff
    film = (256 - 25) << 8 | 40
    return {
        "format 0": (_file(_ONE + _END, kind=0), beat),
        "running status, velocity 0": (_file(b"\x00\x90\x3c\x40\x60\x3c\x00" + _END), beat),
        "format 1, tempo in another track": (
            _file(half + _END, b"\x60\x90\x3c\x40\x60\x80\x3c\x00" + _END), [(0.5, 0.75, 60)]
        ),
        "tempo changes inside a note": (_file(half + _END, b"\x00\x90\x3c\x40\x81\x40\x80\x3c\x00" + _END),
                                        [(0.0, 0.75, 60)]),
        "format 2": (_file(_ONE + _END, _ONE + _END, kind=2), beat),
        "film time, 25 x 40 ticks": (_file(b"\x83\x74\x90\x3c\x40\x83\x74\x80\x3c\x00" + _END, division=film),
                                     [(0.5, 1.0, 60)]),
        "RIFF wrapper": (wrapped, beat),
        "unknown chunk": (_file(_ONE + _END, prefix=b"XFIH\x00\x00\x00\x02ab"), beat),
        "system exclusive, pedal, bend": (
            _file(b"\x00\xf0\x03\x01\x02\xf7\x00\xb0\x40\x7f\x00\xe0\x00\x40" + _ONE + _END), beat
        ),
        "equal notes overlap": (
            _file(b"\x00\x90\x3c\x40\x30\x90\x3c\x40\x30\x80\x3c\x00\x30\x80\x3c\x00" + _END),
            [(0.0, 0.5, 60), (0.25, 0.75, 60)],
        ),
        "a note that never ends": (_file(b"\x00\x90\x3c\x40\x60\xff\x2f\x00"), beat),
        "lyrics in UTF-8 and Latin-1": (_file(b"\x00\xff\x05\x02\xc3\xa9\x00\xff\x05\x01\xe9" + _ONE + _END), beat),
        "no end-of-track": (_file(_ONE), beat),
        "key signature of no key": (_file(b"\x00\xff\x59\x02\x09\x00" + _ONE + _END), beat),
    }  # fmt: skip


def broken_files() -> dict[str, bytes]:
    """Files that nobody should have written; a reader has to say so."""
    whole = _file(_ONE + _END)
    return {
        "empty": b"",
        "text": b"this is no music",
        "cut in the header": whole[:10],
        "cut in a track": whole[:-6],
        "a track is missing": whole[:10] + b"\x00\x02" + whole[12:],
        "data without a status": _file(b"\x00\x3c\x40" + _END),
        "tempo of 0": _file(b"\x00\xff\x51\x03\x00\x00\x00" + _ONE + _END),
        "division of 0": _file(_ONE + _END, division=0),
        "a status no file has": _file(b"\x00\xf4" + _ONE + _END),
        "endless length": _file(b"\xff\xff\xff\xff\xff\x90\x3c\x40" + _END),
        "data byte over 127": _file(b"\x00\x90\xbc\x40" + _END),
    }


def read_ours(data: bytes) -> Notes:
    """Notes by our reader."""
    return [(note.start_s, note.end_s, note.pitch) for note in parse_midi(data).notes]


def read_mido(data: bytes) -> Notes:
    """Notes as a short program with mido finds them: messages in seconds, the oldest equal note ends first."""
    import mido

    now, sounding, notes = 0.0, {}, []
    for message in mido.MidiFile(file=BytesIO(data)):
        now += message.time
        if message.type == "note_on" and message.velocity:
            sounding.setdefault((message.channel, message.note), []).append(now)
        elif message.type in ("note_on", "note_off") and sounding.get((message.channel, message.note)):
            notes.append((sounding[message.channel, message.note].pop(0), now, message.note))
    notes += [(start, now, pitch) for (_, pitch), starts in sounding.items() for start in starts]
    return sorted(notes)


def write_mido(score: Score) -> bytes:
    """The same score as a program with mido writes it."""
    import mido

    ticks = 960
    track, file = mido.MidiTrack(), mido.MidiFile(ticks_per_beat=ticks)
    events = []
    for note in score.notes:
        events.append((round(2 * ticks * note.start_s), 1, "note_on", note.pitch, note.velocity))
        events.append((round(2 * ticks * note.end_s), 0, "note_off", note.pitch, 64))
    last = 0
    for tick, _, kind, pitch, velocity in sorted(events):
        track.append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - last))
        last = tick
    file.tracks.append(track)
    out = BytesIO()
    file.save(file=out)
    return out.getvalue()


def _right(reader, data: bytes, truth: Notes) -> bool:
    try:
        found = reader(data)
    except Exception:  # whatever a reader dies of, it has not read the file
        return False
    return len(found) == len(truth) and all(
        pitch == wanted[2] and abs(start - wanted[0]) < 1e-3 and abs(end - wanted[1]) < 1e-3
        for (start, end, pitch), wanted in zip(found, truth, strict=True)
    )


def _says(reader, data: bytes) -> str:
    try:
        reader(data)
    except AudiokitError:
        return "a sentence"
    except Exception as error:  # the kind of it is what is asked
        return type(error).__name__
    return "nothing"


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparisons."""
    try:
        import mido  # noqa: F401
    except ImportError:
        return
    start = (_OURS, "import mido")
    good, bad = odd_files(), broken_files()
    ours = {name: _right(read_ours, data, truth) for name, (data, truth) in good.items()}
    theirs = {name: _right(read_mido, data, truth) for name, (data, truth) in good.items()}
    missed = ", ".join(name for name, right in theirs.items() if not right) or "none"
    yield Row(
        f"MIDI: {len(good)} odd files", "io/midi.py", "mido", "notes right", f"{sum(ours.values())}",
        f"{sum(theirs.values())} (not: {missed})", None, start,
    )  # fmt: skip
    told = [_says(read_ours, data) for data in bad.values()]
    said = {name: _says(read_mido, data) for name, data in bad.items()}
    silent = ", ".join(name for name, word in said.items() if word == "nothing") or "none"
    kinds = ", ".join(sorted({word for word in said.values() if word != "nothing"}))
    yield Row(
        f"MIDI: {len(bad)} broken files", "io/midi.py", "mido", "told so",
        f"{told.count('a sentence')}, one kind of error", f"{len(bad) - list(said.values()).count('nothing')}"
        f" ({kinds}; silent: {silent})", None, start,
    )  # fmt: skip

    score = Score([Note(0.1 * k, 0.1 * k + 0.25, 36 + 7 * k % 60, 1 + k % 127) for k in range(10_000)])
    own_s, data = timed(lambda: format_midi(score))
    mido_s, other = timed(lambda: write_mido(score))
    same = "same notes" if [n[2] for n in read_ours(data)] == [n[2] for n in read_ours(other)] else "other notes"
    yield Row("MIDI: write 10,000 notes", "io/midi_format.py", "mido", "read back", same, same, (own_s, mido_s), start)
    own_s, mine = timed(lambda: read_ours(data))
    mido_s, found = timed(lambda: read_mido(data))
    same = "same notes" if all(abs(a[0] - b[0]) < 1e-6 for a, b in zip(mine, found, strict=True)) else "other notes"
    yield Row("MIDI: read 10,000 notes", "io/midi.py", "mido", "the two", same, same, (own_s, mido_s), start)
