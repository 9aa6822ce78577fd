"""Note folders in both layouts are read as they were written; what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from audiokit.errors import DamagedError, InputError, ParameterError
from audiokit.io.audio import write
from audiokit.io.nsynth import QUALITIES, example, guess_family, named_note, read_notes, write_examples


def entry(name="organ_electronic_000-060-100", **changes):
    values = {
        "instrument": "organ_electronic_000", "pitch": 60, "velocity": 100, "family": "organ", "source": "electronic",
        "qualities": ["bright", "reverb"], "rate": 16000,
    }  # fmt: skip
    return example(name, **{**values, **changes})


def make_set(folder: Path, entries):
    for name in entries:
        write(folder / "audio" / f"{name}.wav", np.full(100, 0.1, np.float32), 16000)
    write_examples(folder, entries)


def test_round_trip_keeps_every_field(tmp_path):
    entries = {"organ_electronic_000-060-100": {**entry(), "extra": 5}}
    make_set(tmp_path, entries)
    (note,) = read_notes(tmp_path)
    assert (note.pitch, note.velocity, note.family, note.source) == (60, 100, "organ", "electronic")
    assert note.qualities == ("bright", "reverb")
    assert note.fields["extra"] == 5
    assert note.path.name == "organ_electronic_000-060-100.wav"


def test_an_entry_has_all_the_fields_of_the_data_set():
    fields = entry()
    assert set(fields) == {
        "note", "note_str", "instrument", "instrument_str", "pitch", "velocity", "sample_rate", "qualities",
        "qualities_str", "instrument_family", "instrument_family_str", "instrument_source", "instrument_source_str",
    }  # fmt: skip
    assert fields["instrument_family"] == 6
    assert fields["instrument_source"] == 1
    assert [QUALITIES[i] for i, on in enumerate(fields["qualities"]) if on] == ["bright", "reverb"]


def test_words_outside_the_vocabulary_are_refused():
    for change in ({"family": "kazoo"}, {"source": "wood"}, {"qualities": ["shiny"]}):
        with pytest.raises(ParameterError, match="unknown") as caught:
            entry(**change)
        assert "known:" in caught.value.hint


def test_names_tell_instrument_pitch_and_family():
    note = named_note(Path("gm_pizzicato_strings_064_E4_VS_PizzStr_E3.flac"))
    assert (note.instrument, note.pitch, note.family) == ("gm_pizzicato_strings", 64, "string")
    assert named_note(Path("readme.txt")) is None
    assert named_note(Path("song_999.wav")) is None
    families = {
        "electric_piano": "keyboard", "bassoon": "reed", "finger_bass": "bass", "gm_acoustic_guitar_steel": "guitar",
        "steel_drum": "mallet", "war_tuba": "brass", "drawbar_organ": "organ", "saw_lead": "synth_lead",
    }  # fmt: skip
    assert {name: guess_family(name) for name in families} == families


def test_real_note_folder_is_read(shared):
    notes = read_notes(shared / "audio" / "notes")
    assert len(notes) > 900
    assert {"brass", "keyboard", "mallet", "flute", "string", "bass", "reed"} <= {note.family for note in notes}
    assert all(0 < note.pitch < 128 for note in notes)


def test_broken_sets_are_named(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_notes(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no examples\.json"):
        read_notes(tmp_path / "empty")
    make_set(tmp_path / "set", {"a": entry("a")})
    (tmp_path / "set" / "audio" / "a.wav").unlink()
    with pytest.raises(DamagedError, match=r"a\.wav is not there"):
        read_notes(tmp_path / "set")
    (tmp_path / "set" / "examples.json").write_text("{")
    with pytest.raises(DamagedError, match="JSON"):
        read_notes(tmp_path / "set")
    (tmp_path / "set" / "examples.json").write_text(json.dumps({"a": {"pitch": 60}}))
    with pytest.raises(DamagedError, match="'a' lacks"):
        read_notes(tmp_path / "set")


def test_a_name_cannot_lead_outside_its_folder(tmp_path):
    write(tmp_path / "secret.wav", np.zeros(10, np.float32), 16000)
    make_set(tmp_path / "set", {"a": entry("a")})
    (tmp_path / "set" / "audio" / "a.wav").unlink()
    fields = {**entry("a"), "file": "../secret.wav"}
    (tmp_path / "set" / "examples.json").write_text(json.dumps({"a": fields}))
    with pytest.raises(DamagedError):
        read_notes(tmp_path / "set")
