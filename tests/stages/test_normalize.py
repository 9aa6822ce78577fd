"""`audiokit normalize` from the shell."""

import json
import os

import numpy as np
import pytest
import soundfile as sf

from audiokit.dsp.loudness.loudness import measure
from audiokit.io.audio import info, read, write
from tests.signals import noise, plucks

RATE = 44_100


@pytest.fixture
def song(tmp_path, rng):
    path = tmp_path / "song.wav"
    write(path, plucks(rng, 2, RATE, 2), RATE, subtype="PCM_16")
    return path


def test_lands_on_the_target_and_keeps_the_format(cli, song, tmp_path):
    with sf.SoundFile(song, "r+") as file:
        file.title = "Plucks"
    done = cli("normalize", "song.wav", "-o", "out.wav", "--to", "-8", "--json")
    report = json.loads(done.stdout)
    y, about = read(tmp_path / "out.wav")
    heard = measure(y, RATE)
    assert heard.integrated_lufs == pytest.approx(-8, abs=0.1) and heard.true_peak_dbtp <= -0.99
    assert report["after"]["integrated_lufs"] == pytest.approx(heard.integrated_lufs, abs=0.01)
    assert report["reduction_db"] > 0.5 and report["limited_s"] > 0
    assert (about.rate, about.channels, about.length, about.subtype) == (RATE, 2, 2 * RATE, "PCM_16")
    assert about.tags["title"] == "Plucks" and about.history[-1]["name"] == "normalize"


def test_through_pipes_in_two_passes(cli, song):
    first = cli("normalize", "-", "-o", "-", "--to", "-30", stdin=song.read_bytes())
    second = cli("normalize", "-", "--measure", stdin=first.stdout)
    assert json.loads(second.stdout)["integrated_lufs"] == pytest.approx(-30, abs=0.1)


def test_measure_prints_json_and_writes_nothing(cli, song, tmp_path):
    before = sorted(os.listdir(tmp_path))
    found = json.loads(cli("normalize", "song.wav", "--measure").stdout)
    assert {"integrated_lufs", "momentary_max_lufs", "short_term_max_lufs", "range_lu", "true_peak_dbtp"} <= set(found)
    assert found["integrated_lufs"] == pytest.approx(measure(read(song)[0], RATE).integrated_lufs, abs=0.001)
    assert sorted(os.listdir(tmp_path)) == before
    assert b"--measure" in cli("normalize", "song.wav", "--measure", "-o", "x.wav", status=2).stderr


def test_measuring_a_folder_names_the_bad_file(cli, song, tmp_path):
    (tmp_path / "songs").mkdir()
    song.rename(tmp_path / "songs/good.wav")
    (tmp_path / "songs/bad.wav").write_text("no audio")
    done = cli("normalize", "songs", "--measure", status=7)
    lines = {line["input"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert lines["songs/bad.wav"]["status"] == 3 and lines["songs/good.wav"]["range_lu"] == 0


def test_album_keeps_the_distance_between_its_files(cli, tmp_path, rng):
    (tmp_path / "album").mkdir()
    y = noise(rng, 3, RATE)
    write(tmp_path / "album/a.wav", 0.5 * y, RATE)
    write(tmp_path / "album/b.wav", 0.25 * y, RATE)
    cli("normalize", "album", "-o", "out/", "--album", "--to", "-20")
    a, b = (measure(read(tmp_path / "out" / name)[0], RATE) for name in ("a.wav", "b.wav"))
    assert a.integrated_lufs - b.integrated_lufs == pytest.approx(6.02, abs=0.02)
    together = measure(np.concatenate([read(tmp_path / "out" / n)[0] for n in ("a.wav", "b.wav")], axis=1), RATE)
    assert together.integrated_lufs == pytest.approx(-20, abs=0.15)


def test_an_album_goes_on_without_what_cannot_be_read(cli, tmp_path):
    for folder in ("whole", "album"):
        for name, level in (("a.wav", 0.5), ("b.wav", 0.1)):
            write(tmp_path / folder / name, level * noise(np.random.default_rng(1), 1, RATE), RATE)
    (tmp_path / "album/a0.wav").touch()
    write(tmp_path / "album/nan.wav", np.ones((1, RATE), np.float32), RATE, subtype="FLOAT")
    data = (tmp_path / "album/nan.wav").read_bytes()
    (tmp_path / "album/nan.wav").write_bytes(data[:-4] + b"\xff\xff\xff\xff")
    done = cli("normalize", "album", "-o", "out/", "--album", status=7)
    assert b"2 of 4 files failed" in done.stderr and b"without 2 of 4 files" in done.stderr
    cli("normalize", "whole", "-o", "wanted/", "--album")
    for name in ("a.wav", "b.wav"):
        assert np.array_equal(*(read(tmp_path / place / name)[0] for place in ("out", "wanted")))
    assert b"a0.wav: is empty" in cli("normalize", "album/a0.wav", "-o", "out2/", "--album", status=3).stderr


def test_reference_gives_the_level(cli, song, tmp_path, rng):
    write(tmp_path / "band.flac", noise(rng, 2, 48_000, 0.02), 48_000)
    cli("normalize", "song.wav", "-o", "out.wav", "--reference", "band.flac", "--spectrum")
    wanted = measure(read(tmp_path / "band.flac")[0], 48_000).integrated_lufs
    assert measure(read(tmp_path / "out.wav")[0], RATE).integrated_lufs == pytest.approx(wanted, abs=0.1)


def test_jobs_make_the_same_bytes(cli, tmp_path, rng):
    (tmp_path / "in").mkdir()
    for k in range(3):
        write(tmp_path / f"in/{k}.wav", plucks(rng, 1, RATE), RATE, subtype="PCM_24")
    cli("normalize", "in", "-o", "one/", "--to", "-10")
    cli("normalize", "in", "-o", "two/", "--to", "-10", "--jobs", "2")
    for k in range(3):
        assert (tmp_path / f"one/{k}.wav").read_bytes() == (tmp_path / f"two/{k}.wav").read_bytes()
        assert info(tmp_path / f"one/{k}.wav").subtype == "PCM_24"


def test_silence_is_left_alone_and_said(cli, tmp_path):
    write(tmp_path / "silence.wav", np.zeros((2, 1000), np.float32), RATE)
    done = cli("normalize", "silence.wav", "-o", "out.wav")
    assert b"silent" in done.stderr
    assert not read(tmp_path / "out.wav")[0].any()


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--to", "3"], 2, b"--to"),
        (["--mode", "louder"], 2, b"louder"),
        (["--mode", "match"], 2, b"--reference"),
        (["--reference", "gone.wav"], 3, b"gone.wav"),
        (["--reference", "song.wav", "--to", "-14"], 2, b"both say how loud"),
        (["--reference", "song.wav", "--mode", "peak"], 2, b"matches loudness"),
        (["--album", "--per-frame"], 2, b"--album"),
    ],
    ids=str,
)
def test_wrong_options(cli, song, tmp_path, options, status, says):
    done = cli("normalize", "song.wav", "-o", "out.wav", *options, status=status)
    assert says in done.stderr
    assert not (tmp_path / "out.wav").exists()
