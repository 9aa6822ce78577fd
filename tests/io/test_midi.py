"""MIDI files: round trips, hand-made bytes, and bytes nobody should have written."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.errors import AudiokitError, DamagedError, InputError, ParameterError
from audiokit.io.midi import parse_midi, read_midi, write_midi
from audiokit.io.midi_format import Note, Score, format_midi


def _track(body: bytes) -> bytes:
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _file(*tracks: bytes, kind: int = 0, division: int = 96) -> bytes:
    header = b"".join(v.to_bytes(2, "big") for v in (kind, len(tracks), division))
    return b"MThd\x00\x00\x00\x06" + header + b"".join(_track(t) for t in tracks)


END = b"\x00\xff\x2f\x00"


def test_hand_made_bytes_with_running_status_and_velocity_zero():
    body = b"\x00\x90\x3c\x40" + b"\x60\x3c\x00" + b"\x00\x40\x50" + b"\x60\x40\x00" + END
    notes = parse_midi(_file(body)).notes
    assert [(n.start_s, n.end_s, n.pitch, n.velocity) for n in notes] == [(0, 0.5, 60, 64), (0.5, 1, 64, 80)]


def test_tempo_change_moves_later_notes_only():
    half = b"\x60\xff\x51\x03\x03\xd0\x90"  # after one beat: 250,000 microseconds, 240 BPM
    body = b"\x00\x90\x3c\x40" + half + b"\x00\x80\x3c\x00" + b"\x00\x90\x3e\x40" + b"\x60\x80\x3e\x00" + END
    score = parse_midi(_file(body))
    assert [(n.start_s, n.end_s) for n in score.notes] == [(0, 0.5), (0.5, 0.75)]
    assert score.tempos == [(0.0, 120.0), (0.5, 240.0)]


def test_film_time_division_counts_ticks_per_second():
    division = (256 - 25) << 8 | 40  # 25 frames of 40 ticks: 1000 ticks per second
    body = b"\x83\x74\x90\x3c\x40" + b"\x83\x74\x80\x3c\x00" + END  # 500 ticks each
    (note,) = parse_midi(_file(body, division=division)).notes
    assert note.start_s == pytest.approx(0.5) and note.end_s == pytest.approx(1.0)


def test_unknown_chunks_sysex_and_pedals_are_passed_over():
    body = (
        b"\x00\xf0\x03\x01\x02\xf7" + b"\x00\xb0\x40\x7f" + b"\x00\xe0\x00\x40" + b"\x00\x90\x3c\x40\x60\x3c\x00" + END
    )
    data = _file(body)
    strange = data[:14] + b"XFIH\x00\x00\x00\x02ab" + data[14:]
    assert len(parse_midi(strange).notes) == 1


def test_note_never_ended_ends_with_the_track_and_is_told():
    score = parse_midi(_file(b"\x00\x90\x3c\x40" + b"\x60\xff\x2f\x00"))
    assert score.notes[0].end_s == pytest.approx(0.5)
    assert "never end" in score.warnings[0]


def test_riff_wrapper_is_opened():
    inner = _file(b"\x00\x90\x3c\x40\x60\x3c\x00" + END)
    assert len(parse_midi(b"RIFF" + b"\0\0\0\0" + b"RMID" + b"data\0\0\0\0" + inner).notes) == 1


@st.composite
def scores(draw):
    tempos = [(0.0, draw(st.floats(40, 240)))]
    for gap in draw(st.lists(st.floats(0.1, 3), max_size=3)):
        tempos.append((tempos[-1][0] + gap, draw(st.floats(40, 240))))
    taken: dict[tuple, float] = {}
    notes = []
    for _ in range(draw(st.integers(0, 12))):
        channel, pitch, track = draw(st.integers(0, 3)), draw(st.integers(0, 127)), draw(st.integers(0, 2))
        start = taken.get((channel, pitch, track), 0.0) + draw(st.floats(0.01, 2))
        end = start + draw(st.floats(0.02, 2))
        taken[channel, pitch, track] = end
        notes.append(Note(start, end, pitch, draw(st.integers(1, 127)), channel, 0, track))
    return Score(notes, tempos=tempos, lyrics=[(0.25, "grün")], meters=[(0.0, 3, 4)])


@settings(max_examples=60, deadline=None)
@given(scores())
def test_round_trip_keeps_every_note_within_a_tick(score):
    back = parse_midi(format_midi(score))
    assert len(back.notes) == len(score.notes)
    order = sorted(score.notes, key=lambda n: (n.track, n.channel, n.pitch, n.start_s))
    again = sorted(back.notes, key=lambda n: (n.track, n.channel, n.pitch, n.start_s))
    for a, b in zip(order, again, strict=True):
        assert (a.pitch, a.velocity, a.channel) == (b.pitch, b.velocity, b.channel)
        np.testing.assert_allclose([b.start_s, b.end_s], [a.start_s, a.end_s], atol=2e-3)
    assert back.lyrics[0][1] == "grün" and back.meters[0][1:] == (3, 4)
    np.testing.assert_allclose([b for _, b in back.tempos], [b for _, b in score.tempos], rtol=1e-4)


def test_file_round_trip_with_instruments_and_names(tmp_path):
    notes = [
        Note(0, 1, 60, program=4, track=0),
        Note(1, 2, 38, channel=9, track=1),
        Note(1, 2, 62, program=7),
    ]
    write_midi(tmp_path / "a.mid", Score(notes, names={0: "voice"}))
    back = read_midi(tmp_path / "a.mid")
    assert sorted((n.pitch, n.program, n.channel) for n in back.notes) == [(38, 0, 9), (60, 4, 0), (62, 7, 0)]
    assert back.names == {0: "voice"} and {n.track for n in back.notes if n.channel == 9} == {1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.mid"]


def test_every_truncation_is_reported_as_damage():
    whole = format_midi(Score([Note(0, 1, 60), Note(1, 2, 62)], lyrics=[(0, "la")]))
    for stop in range(4, len(whole)):
        with pytest.raises(DamagedError):
            parse_midi(whole[:stop])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_arbitrary_track_bytes_give_a_score_or_an_error_of_ours(body):
    try:
        score = parse_midi(_file(body))
    except AudiokitError:
        return
    assert all(n.end_s > n.start_s >= 0 and 0 <= n.pitch <= 127 for n in score.notes)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_one_wrong_byte_never_escapes_the_error_family(where, value):
    data = bytearray(format_midi(Score([Note(0, 1, 60), Note(1, 2, 62)], meters=[(0, 4, 4)])))
    data[where % len(data)] = value
    with contextlib.suppress(AudiokitError):
        parse_midi(bytes(data))


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF0000RMIDxx", b"hello world, not MIDI"])
def test_other_files_are_refused(data):
    with pytest.raises(InputError, match="not a MIDI file"):
        parse_midi(data)


@pytest.mark.parametrize(
    "score",
    [
        Score([Note(0, 1, 128)]),
        Score([Note(0, 1, 60, velocity=0)]),
        Score([Note(1, 1, 60)]),
        Score([Note(-1, 1, 60)]),
        Score([Note(0, float("inf"), 60)]),
        Score([Note(0, 1, 60, channel=16)]),
        Score(tempos=[(0.0, 0.0)]),
        Score(tempos=[(1.0, 120.0)]),
        Score(meters=[(0.0, 4, 3)]),
    ],
)
def test_values_midi_cannot_hold_are_refused(score):
    with pytest.raises(ParameterError):
        format_midi(score)
