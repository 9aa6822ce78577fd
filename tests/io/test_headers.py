"""Headers that do not say how long the audio is: nothing is lost, and it is told."""

import io
import json
import struct

import numpy as np
import pytest
import soundfile as sf

from audiokit.errors import DamagedError
from audiokit.io.audio import Reader, info, write
from audiokit.io.headers import LEFT_OPEN, look
from audiokit.io.told import FileWarning, heard
from audiokit.io.wav import header
from tests.headers import LENGTH, LYING, OPEN, RATE, tone, wav, whole


def opened(path, **part):
    with heard() as told, Reader(path, **part) as reader:
        y = reader.read()
    return y, reader.info, told


@pytest.mark.parametrize("name", [*LYING, *OPEN])
def test_everything_is_read_and_it_is_told(tmp_path, name):
    (tmp_path / name).write_bytes({**LYING, **OPEN}[name])
    y, about, told = opened(tmp_path / name)
    if "adpcm" in name:  # blocks of a few hundred samples, the last one filled up
        assert LENGTH <= y.shape[1] < LENGTH + 600 and np.abs(y[:, 100:LENGTH] - tone()[:, 100:]).max() < 0.05
    else:
        assert np.array_equal(y, tone()) and about.length == LENGTH and about.rate == RATE
    assert len(told) == 1 and told[0].startswith(f"{tmp_path / name}: the header")
    assert about.fault == (LEFT_OPEN if name in OPEN else told[0].partition(": ")[2])


@pytest.mark.parametrize("name", ["zero.wav", "zeros.rf64", "none.aiff", "open.flac", "zero.w64", "open.caf"])
def test_a_part_of_it_is_the_right_part(tmp_path, name):
    (tmp_path / name).write_bytes({**LYING, **OPEN}[name])
    y, _, _ = opened(tmp_path / name, start=3000, stop=3900)
    assert np.array_equal(y, tone()[:, 3000:3900])


def test_python_callers_are_warned_where_a_header_lies(tmp_path):
    (tmp_path / "a.wav").write_bytes(wav(0))
    with pytest.warns(FileWarning, match="there are no samples, but 8000 bytes follow"):
        assert info(tmp_path / "a.wav").length == LENGTH
    (tmp_path / "b.wav").write_bytes(wav(0xFFFFFFFF))
    assert info(tmp_path / "b.wav").fault == LEFT_OPEN


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "FLAC", "W64", "CAF", "AU", "RF64"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_whole_and_empty_files_have_no_fault(tmp_path, kind, subtype):
    for name, y in (("whole", tone()), ("empty", tone()[:, : int(kind == "FLAC")])):  # libsndfile writes no empty FLAC
        path = tmp_path / f"{name}.{kind.lower()}"
        sf.write(path, y.T, RATE, format=kind, subtype=subtype)
        read, about, told = opened(path)
        assert read.shape == y.shape and not told and not about.fault


def test_an_empty_wav_with_tags_behind_its_samples_is_empty(tmp_path):
    write(tmp_path / "a.wav", tone()[:, :0], RATE, subtype="PCM_16")
    tag = b"LIST" + struct.pack("<I", 14) + b"INFOINAM" + struct.pack("<I", 2) + b"x\0"
    data = (tmp_path / "a.wav").read_bytes() + tag
    (tmp_path / "a.wav").write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    y, _, told = opened(tmp_path / "a.wav")
    assert y.shape == (1, 0) and not told


def test_samples_past_four_gigabytes(tmp_path):
    path, count = tmp_path / "long.wav", 1_100_000_000
    start = header(RATE, 1)
    with open(path, "wb") as file:  # a file with a hole in it: only its last samples take room
        file.write(start)
        file.seek(len(start) + 4 * (count - 2))
        file.write(np.array([0.25, 0.5], "<f4").tobytes())
    y, about, _ = opened(path, start=count - 2)
    assert about.length == count and y.tolist() == [[0.25, 0.5]]


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "W64", "CAF", "AU", "RF64", "FLAC"])
@pytest.mark.parametrize("missing", [1, 901])
def test_less_than_promised_is_damage_in_every_format(tmp_path, kind, missing):
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(whole(kind)[:-missing])
    with pytest.raises(DamagedError, match=r"cut.*(cut short|damaged at)"):
        opened(path)


def test_every_length_of_flac_is_found(rng):
    from audiokit.io.flac import count_samples

    for k in range(40):
        length, rate = int(rng.integers(1, 30_000)), int(rng.choice([8000, 11_025, 44_100, 96_000]))
        y = rng.choice([0, 1e-3, 0.3]) * rng.standard_normal((length, 1 + k % 2))
        file = io.BytesIO()
        sf.write(file, y, rate, format="FLAC", subtype=["PCM_16", "PCM_24", "PCM_S8"][k % 3])
        assert count_samples(file, 42) == (length, True)
        file.truncate(file.seek(0, 2) - 1)
        cut = count_samples(file, 42)
        assert cut is not None and cut[0] < length and not cut[1]


def test_a_flac_cut_off_is_read_to_its_last_whole_frame(tmp_path):
    (tmp_path / "a.flac").write_bytes(OPEN["open.flac"])
    file = io.BytesIO()
    y = np.random.default_rng(1).standard_normal((20_000, 1)) * 0.1
    sf.write(file, y, RATE, format="FLAC")
    data = file.getvalue()
    (tmp_path / "a.flac").write_bytes(data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:-500])
    read, about, told = opened(tmp_path / "a.flac")
    assert read.shape == (1, 16_384) and about.length == 16_384 and "a frame is cut off" in told[0]


def test_bytes_that_are_no_header_are_left_to_libsndfile(tmp_path, rng):
    for start in (b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"fLaC", b"caff", b".snd", b"riff.\x91\xcf\x11"):
        for size in (0, 3, 40, 900):
            path = tmp_path / "x"
            path.write_bytes(start + rng.bytes(size))
            found = look(path)
            assert found is None or found.there >= 0


COMMANDS = {
    "normalize": "-o out.wav",
    "split": "-o out.wav --engine center --stem vocals",
    "denoise": "-o out.wav --engine wiener",
    "spectro": "-o out.chunks",
    "chunk": "-o out/ --every 0.2s",
    "augment": "-o out.wav --seed 1",
    "stylize": "-o out.wav --strength 0",
    "align-beats": "",
    "mix": "good.wav -o out.wav",
    "morph": "good.wav -o out.wav --engine fade",
    "score": "--ref good.wav --metrics si_sdr",
    "info": "--check",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_reads_to_the_end_and_says_so(cli, tmp_path, name):
    (tmp_path / "song.wav").write_bytes(wav(0))
    write(tmp_path / "good.wav", tone(), RATE, subtype="PCM_16")
    done = cli(name, "song.wav", *COMMANDS[name].split())
    told = (done.stdout if name == "info" else done.stderr).decode()
    assert "says that there are no samples, but 8000 bytes follow it; read to the end" in told
    if (tmp_path / "out.wav").is_file():
        assert opened(tmp_path / "out.wav")[0].shape[1] >= LENGTH


def test_references_pipes_and_processes_are_heard_too(cli, tmp_path):
    (tmp_path / "song.wav").write_bytes(wav(0))
    (tmp_path / "other.aiff").write_bytes(LYING["none.aiff"])
    done = cli("normalize", "song.wav", "other.aiff", "-o", "out/", "--jobs", "2", "--json")
    for report in map(json.loads, done.stdout.splitlines()):
        assert report["seconds"] == LENGTH / RATE and "no samples" in report["warnings"][0]
    done = cli("normalize", "-", "-o", "a.wav", "--reference", "other.aiff", stdin=wav(0))
    assert b"audiokit: -: the header says" in done.stderr and b"audiokit: other.aiff: the header" in done.stderr
    for data in (wav(0), LYING["zeros.rf64"], LYING["none.aiff"], LYING["zero.w64"]):
        done = cli("info", "-", "--json", stdin=data)
        assert json.loads(done.stdout)["length"] == LENGTH and "no samples" in json.loads(done.stdout)["header"]
    for data in (wav(0xFFFFFFFF), OPEN["open.flac"]):  # on a pipe that is how it must be
        assert "header" not in json.loads(cli("info", "-", "--json", stdin=data).stdout)
    assert b"the header" not in cli("normalize", "song.wav", "-o", "b.wav", "--quiet").stderr


def test_damage_on_a_pipe_is_not_blamed_on_a_temporary_file(cli, tmp_path):
    for kind in ("FLAC", "AIFF", "W64", "CAF"):
        done = cli("normalize", "-", "-o", "a.wav", stdin=bytes(whole(kind)[:-901]), status=4)
        assert done.stderr.startswith(b"audiokit: standard input: ") and b"/tmp" not in done.stderr
