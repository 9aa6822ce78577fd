"""What trainings read: lists of other projects, folders, and recordings that are broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audiokit.errors import InputError
from audiokit.io import audio
from audiokit.training.engine.sources import find_files, read_each, read_list
from audiokit.training.sound.denoiser import read_groups
from audiokit.training.sound.mel2linear import load_sounds
from audiokit.training.sound.stem_mixes import Part, StemMixer
from audiokit.training.sound.voices import load_voices


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("wavs/a", "wavs/b", "wavs/c", "other/d")):
        audio.write(tmp_path / f"{name}.wav", np.full((1, 800), 0.1 * (number + 1), np.float32), 8000)
    return tmp_path


def names(paths: list[str]) -> list[str]:
    return [Path(path).stem for path in paths]


def test_a_folder_with_lists_gives_the_part_asked_for_once_each(folder):
    (folder / "train_files.txt").write_text("wavs/b.wav\nwavs/a.wav\n\nwavs/b.wav\n")
    (folder / "test_files.txt").write_text("wavs/c.wav\n")
    assert names(find_files([folder])) == ["b", "a"]
    assert names(find_files([folder], part="test")) == ["c"]
    assert names(find_files([folder / "test_files.txt", folder / "other"])) == ["c", "d"]


def test_a_folder_without_lists_is_searched(folder):
    assert names(find_files([folder / "wavs"])) == ["a", "b", "c"]


def test_paths_in_a_list_start_at_the_list(folder, monkeypatch):
    (folder / "lists").mkdir()
    (folder / "lists" / "mine.txt").write_text("../wavs/a.wav")
    monkeypatch.chdir("/")
    assert read_groups([str(folder / "lists" / "mine.txt")], rate=8000)[0][0][0] == pytest.approx(0.1, abs=1e-3)


def test_lists_that_name_nothing_or_are_no_text_are_refused(folder):
    (folder / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match="empty list"):
        read_list(folder / "empty.txt")
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not a text list"):
        read_list(folder / "binary.txt")


def test_broken_and_missing_recordings_are_left_out_and_named(folder, capsys):
    (folder / "wavs" / "b.wav").write_text("no audio at all")
    (folder / "train_files.txt").write_text("wavs/a.wav\nwavs/b.wav\nwavs/gone.wav\n")
    groups = read_groups([str(folder)], rate=8000)
    assert [len(group) for group in groups] == [1]
    said = capsys.readouterr().err
    assert "b.wav" in said and "gone.wav" in said and said.count("left out") == 2


def test_when_nothing_can_be_read_the_first_reason_is_given(folder):
    for name in ("a", "b"):
        (folder / f"{name}.wav").write_text("text")
    with pytest.raises(InputError, match=r"none of 2 files can be read; the first: .*a\.wav"):
        read_groups([str(folder / "a.wav"), str(folder / "b.wav")], rate=8000)
    with pytest.raises(InputError, match=r"gone\.wav"):
        list(read_each(["gone.wav"], lambda path: audio.read(path)))


@pytest.mark.parametrize(
    "read",
    [
        lambda folder, cache: read_groups([str(folder)], rate=8000),
        lambda folder, cache: load_sounds(find_files([folder]), 8000),
        lambda folder, cache: load_voices(folder, cache=cache, paired=False),
    ],
    ids=["groups", "sounds", "voices"],
)
def test_a_training_on_nothing_but_silence_is_refused(tmp_path, read):
    for name in ("a", "b"):
        audio.write(tmp_path / "quiet" / f"{name}.wav", np.zeros((1, 48_000), np.float32), 8000)
    with pytest.raises(InputError, match=r"a\.wav: only silence to learn from"):
        read(tmp_path / "quiet", tmp_path / "cache")


def test_silent_recordings_among_others_are_left_out(folder):
    audio.write(folder / "wavs" / "e.wav", np.zeros((1, 800), np.float32), 8000)
    assert [len(group) for group in read_groups([str(folder / "wavs")], rate=8000)] == [3]


def test_a_silent_stem_is_no_stem_to_learn():
    silent, tone = (Part(np.full((2, 60_000), value, np.int16)) for value in (0, 1000))
    with pytest.raises(InputError, match=r"0\.0 s of vocals found in which something is heard"):
        StemMixer(["vocals", "other"], [{"vocals": silent, "other": tone}], rate=8000)
