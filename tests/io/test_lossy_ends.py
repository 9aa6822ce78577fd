"""Lossy files that were cut short are told from whole ones, and an MP3 is read to its end, wherever that is."""

import json

import numpy as np
import pytest

import audiokit
from audiokit.errors import DamagedError
from audiokit.io.audio import Reader, info, write
from audiokit.io.mpeg import frame_at
from audiokit.io.told import FileWarning, heard
from tests import signals

RATE = 44_100
#: What other programs put behind the last frame.
TAGS = {"none": b"", "ID3v1": b"TAG" + b"Title".ljust(125, b"\0"), "APE": b"APETAGEX" + bytes(300)}


@pytest.fixture
def song(rng):
    return signals.plucks(rng, 2.0, RATE, channels=2)


def opened(path, **part):
    with heard() as told, Reader(path, **part) as reader:
        y = reader.read()
    return y, reader.info, told


def frames(path, start):
    """The bytes of an MP3 from its first frame on, without what the encoder says about them all."""
    data = path.read_bytes()
    at = data.index(start)
    return data[at + frame_at(data[at:]).size :]


def without_header(folder, song):
    """An MP3 whose frames get smaller, and that does not say how many there are: what it holds, and its samples."""
    parts = []
    for name, bit_rate in (("large", 320_000), ("small", 64_000)):
        audiokit.write(folder / f"{name}.mp3", song, RATE, bit_rate=bit_rate)
        parts.append(frames(folder / f"{name}.mp3", b"\xff\xfb"))
    count = sum(1 for part in parts for _ in walk(part))
    return b"".join(parts), 1152 * count


def walk(data):
    at = 0
    while at < len(data):
        yield at
        at += frame_at(data[at:]).size


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("rate", [44_100, 22_050, 8000])
def test_a_whole_mp3_has_no_fault(tmp_path, song, rate, tag):
    write(tmp_path / "a.mp3", song, rate)
    with open(tmp_path / "a.mp3", "ab") as file:
        file.write(TAGS[tag])
    y, about, told = opened(tmp_path / "a.mp3")
    assert y.shape == song.shape and about.length == song.shape[1] and not told


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_an_mp3_that_was_cut_short_is_damaged(tmp_path, cli, song, kept):
    write(tmp_path / "a.mp3", song, RATE)
    data = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "cut.mp3").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(DamagedError, match=rf"cut\.mp3: cut short: {song.shape[1]} samples promised, \d+ could be"):
        opened(tmp_path / "cut.mp3")
    assert opened(tmp_path / "cut.mp3", stop=10_000)[0].shape == (2, 10_000), "as far as it goes it can be read"
    for command in (["info", "--check", "cut.mp3"], ["normalize", "cut.mp3", "-o", "out.wav"]):
        said = cli(*command, status=4).stderr.decode()
        assert said.startswith("audiokit: cut.mp3: cut short") and "Xing" not in said
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("tag", TAGS)
def test_an_mp3_that_does_not_say_its_length_is_read_to_its_end(tmp_path, song, tag):
    data, length = without_header(tmp_path, song)
    (tmp_path / "a.mp3").write_bytes(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + data + TAGS[tag])
    y, about, told = opened(tmp_path / "a.mp3")
    assert y.shape[1] == about.length and length - 1152 < about.length <= length and not told
    assert np.abs(y[:, -8000:]).max() > 0.01, "the end is heard"
    part = opened(tmp_path / "a.mp3", start=150_000, stop=160_000)[0]
    assert np.abs(part - y[:, 150_000:160_000]).max() < 1e-4


def test_an_mp3_with_something_between_its_frames_is_counted_past_it(tmp_path, song):
    data, length = without_header(tmp_path, song)
    middle = list(walk(data))[40]
    (tmp_path / "a.mp3").write_bytes(data[:middle] + bytes(700) + data[middle:])
    assert length - 1152 < info(tmp_path / "a.mp3").length <= length


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_an_ogg_without_its_end_is_told_of(tmp_path, cli, song, suffix):
    whole, half, last = (tmp_path / f"{name}{suffix}" for name in ("whole", "half", "last"))
    write(whole, np.tile(song, 3), 48_000)  # several pages
    assert opened(whole)[2] == []
    data = whole.read_bytes()
    half.write_bytes(data[: len(data) // 2])
    last.write_bytes(data[:-1])
    for path in (half, last):
        assert opened(path)[2] == [f"{path}: the stream has no end: it was cut short, or recorded from a broadcast"]
    with pytest.warns(FileWarning, match="has no end"):
        info(half)
    assert b"audiokit: half" in cli("normalize", half.name, "-o", "out.wav").stderr
    assert json.loads(cli("info", half.name, "--json").stdout)["stream"].startswith("has no end")


def test_what_lies_before_the_first_frame_is_passed_over_and_a_hole_is_damage(tmp_path, song):
    data, length = without_header(tmp_path, song)
    (tmp_path / "before.mp3").write_bytes(bytes(1000) + data)
    assert length - 1152 < opened(tmp_path / "before.mp3")[0].shape[1] <= length
    middle = list(walk(data))[40]
    (tmp_path / "hole.mp3").write_bytes(data[:middle] + bytes(80_000) + data[middle:])
    with pytest.raises(DamagedError):
        opened(tmp_path / "hole.mp3")


FOLLOWED = "the stream is followed by another, which is not read"


@pytest.mark.parametrize("said", [True, False], ids=["header", "no header"])
def test_an_mp3_behind_an_mp3_is_told_of(tmp_path, song, said):
    write(tmp_path / "a.mp3", song, 44_100)
    write(tmp_path / "b.mp3", song, 44_100 if said else 48_000)
    first = (tmp_path / "a.mp3").read_bytes() if said else without_header(tmp_path, song)[0]
    (tmp_path / "both.mp3").write_bytes(first + (tmp_path / "b.mp3").read_bytes())
    y, _, told = opened(tmp_path / "both.mp3")
    assert told == [f"{tmp_path / 'both.mp3'}: {FOLLOWED}"] and y.shape[1] > song.shape[1] - 1152


@pytest.mark.parametrize("suffix", [".ogg", ".opus"])
def test_an_ogg_behind_an_ogg_is_told_of(tmp_path, song, suffix):
    for name in "ab":
        write(tmp_path / f"{name}{suffix}", song, 48_000)
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "ab")
    assert first[14:18] != second[14:18], "streams have numbers of their own"
    both = tmp_path / f"both{suffix}"
    both.write_bytes(first + second)
    assert opened(both)[2] == [f"{both}: {FOLLOWED}"]
    both.write_bytes(first + bytes(300_000))  # what another program left behind the end
    assert opened(both)[2] == []


def test_an_opus_that_is_damaged_inside_is_no_shorter_whole(tmp_path, song):
    write(tmp_path / "a.opus", np.tile(song, 3), 48_000)
    data = bytearray((tmp_path / "a.opus").read_bytes())
    middle = data.index(b"OggS", len(data) // 2)
    data[middle + 30 : middle + 80] = bytes(50)
    (tmp_path / "a.opus").write_bytes(data)
    with pytest.raises(DamagedError, match="samples promised"):
        opened(tmp_path / "a.opus")
