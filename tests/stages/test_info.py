"""`info`: facts of anything audiokit reads or writes, and what --check finds."""

import json
from pathlib import Path

import numpy as np
import pytest

import audiokit
from audiokit.io import audio


def facts(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def tone(tmp_path):
    y = 0.5 * np.sin(2 * np.pi * 440 * np.arange(22_050) / 22_050, dtype=np.float32)
    audiokit.write(tmp_path / "a.wav", y, 22_050, subtype="PCM_24", tags={"title": "A"})
    return tmp_path / "a.wav"


def test_facts_of_a_file(tone, cli):
    [found] = facts(cli("info", tone, "--json"))
    expected = {"format": "WAV", "subtype": "PCM_24", "rate": 22_050, "channels": 1, "length": 22_050, "seconds": 1.0}
    assert {key: found[key] for key in expected} == expected
    assert found["tags"] == {"title": "A"} and found["history"] == []


def test_levels_are_those_of_the_samples(tone, cli):
    [found] = facts(cli("info", tone, "--check", "--json"))
    assert abs(found["peak_dbfs"] - -6.02) < 0.02 and abs(found["rms_dbfs"] - -9.03) < 0.02
    assert max(map(abs, found["dc"])) < 1e-3


def test_chunks_streams_and_models(tone, cli):
    cli("spectro", tone, "-o", "a.chunks")
    stream = cli("spectro", tone, "-o", "-").stdout
    for found in (
        facts(cli("info", "a.chunks", "--check", "--json"))[0],
        facts(cli("info", "-", "--chunks", "--json", stdin=stream))[0],
    ):
        assert found["what"] == "chunk set" and found["rate"] == 22_050 and found["history"][0]["name"] == "spectro"


def test_what_check_finds(tone, cli, tmp_path):
    whole = tone.read_bytes()
    (tmp_path / "short.wav").write_bytes(whole[:-9000])
    audio.write(tmp_path / "nan.wav", np.array([[0.0, 1.0, 0.5]], np.float32), 8000, subtype="FLOAT")
    data = bytearray((tmp_path / "nan.wav").read_bytes())
    data[-8:-4] = b"\x00\x00\xc0\x7f"
    (tmp_path / "nan.wav").write_bytes(data)
    cli("info", "short.wav", "--check", status=4)
    assert b"nan.wav" in cli("info", "nan.wav", "--check", status=4).stderr


def test_one_that_cannot_be_read_does_not_hide_the_others(tone, cli, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    done = cli("info", tone, "text.wav", "nowhere.wav", "--json", status=7)
    found = facts(done)
    assert found[0]["path"] == str(tone) and found[0]["length"] == 22_050
    assert [other["status"] for other in found[1:]] == [3, 3] and "length" not in found[1]
    assert b"text.wav" in done.stderr and b"nowhere.wav" in done.stderr


def test_check_looks_into_arrays_that_nothing_describes(cli, tmp_path):
    spectrum = np.ones((4, 6), np.float32)
    np.save(tmp_path / "whole.npy", spectrum)
    spectrum[2, 5] = np.nan
    np.save(tmp_path / "holed.npy", spectrum)
    assert b"checked      True" in cli("info", "--check", "whole.npy").stdout
    assert b"holds NaN or infinity, first at [2, 5]" in cli("info", "--check", "holed.npy", status=4).stderr


def test_a_table_of_numbers_on_a_card_is_told_by_its_size(cli):
    from audiokit.models.folder.checkpoint import shipped

    fields = json.loads(cli("info", "--json", shipped()["notes"]).stdout)
    assert fields["touch"] == "102 x 39 numbers"
    assert fields["labels"]["instruments"][0]["name"] == "grand_piano"


def test_a_folder_stands_for_what_is_inside(tone, cli, tmp_path):
    """Audio, chunk sets and arrays, not the files that chunk sets are made of; one that is damaged is told by name."""
    cli("spectro", tone, "-o", "inside/a.chunks")
    (tmp_path / "inside" / "deep").mkdir()
    tone.rename(tmp_path / "inside" / "deep" / "a.wav")
    np.save(tmp_path / "inside" / "x.npy", np.zeros(3, np.float32))
    found = facts(cli("info", "inside", "--check", "--json"))
    expected = [("inside/a.chunks", "chunk set"), ("inside/deep/a.wav", "audio"), ("inside/x.npy", "array")]
    assert [(one["path"], one["what"]) for one in found] == expected
    (tmp_path / "inside" / "deep" / "b.wav").write_bytes(b"no audio")
    done = cli("info", "inside", "--check", status=7)
    assert b"1 of 4 failed" in done.stderr and b"inside/deep/b.wav" in done.stderr


def test_a_folder_of_models_and_one_of_nothing(cli, tmp_path):
    weights = Path(audiokit.__file__).parent / "weights"
    found = facts(cli("info", weights, "--json"))
    assert [Path(one["path"]).name for one in found] == sorted(p.parent.name for p in weights.glob("*/model.json"))
    (tmp_path / "empty").mkdir()
    assert b"empty: no audio files, chunk sets or models inside" in cli("info", "empty", status=3).stderr
    done = cli("info", "empty", weights / "notes", "--json", status=7)
    assert [one.get("what", one.get("error")) for one in facts(done)] == [
        "empty: no audio files, chunk sets or models inside",
        "model",
    ]
