"""Audio files keep what they are: samples, depth, rate, tags, history; faults have a sentence and a status."""

import io
import os
import struct
import subprocess

import numpy as np
import pytest
import soundfile as sf

from audiokit.errors import AudiokitError, DamagedError, InputError, UsageError
from audiokit.io import audio
from audiokit.io.wav import WavFileWriter, WavStreamReader, encode, header
from tests import signals


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_wav_samples_survive_and_libsndfile_agrees(tmp_path, rng, subtype, channels):
    y = rng.uniform(-0.99, 0.99, (channels, 1001)).astype(np.float32)
    path = tmp_path / "a.wav"
    assert audio.write(path, y, 96_000, subtype=subtype) == []
    back, info = audio.read(path)
    step = {"PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-24}.get(subtype, 0)
    assert np.abs(back - y).max() <= step / 2 + 1e-9
    assert (info.rate, info.channels, info.length, info.subtype) == (96_000, channels, 1001, subtype)
    np.testing.assert_array_equal(sf.read(path, dtype="float32", always_2d=True)[0].T, back)


@pytest.mark.parametrize("ext", ["wav", "flac", "aiff"])
def test_integer_files_pass_through_bit_for_bit(tmp_path, rng, ext):
    whole = rng.integers(-(2**15), 2**15, (4000, 2)).astype(np.int16)
    source, target = tmp_path / f"in.{ext}", tmp_path / f"out.{ext}"
    sf.write(source, whole, 44_100, subtype="PCM_16")
    y, info = audio.read(source)
    audio.write(target, y, info.rate, like=info)
    np.testing.assert_array_equal(sf.read(target, dtype="int16")[0], whole)


def test_tags_and_history_travel(tmp_path):
    first, second = tmp_path / "a.flac", tmp_path / "b.wav"
    with sf.SoundFile(first, "w", 8000, 1, "PCM_16") as f:
        f.title, f.artist = "Étude", "Nobody"
        f.write(np.zeros(100))
    y, info = audio.read(first)
    audio.write(second, y, info.rate, like=info, history=[audio.history_entry("one", {"to": -14.0}, 3)])
    y, info = audio.read(second)
    assert info.tags == {"title": "Étude", "artist": "Nobody"}
    third = tmp_path / "c.wav"
    audio.write(third, y, info.rate, like=info, history=[audio.history_entry("two", {"text": "x" * 3000})])
    names = [entry["name"] for entry in audio.info(third).history]
    assert names == ["one", "two"] and audio.info(third).history[1]["options"]["text"] == "x" * 3000


def test_same_samples_same_bytes(tmp_path, rng, monkeypatch):
    y = signals.noise(rng, 0.1)
    audio.write(tmp_path / "a.wav", y, 44_100)
    monkeypatch.setattr("time.time", lambda: 4e9)
    audio.write(tmp_path / "b.wav", y, 44_100)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_over_full_scale_is_never_silent(tmp_path):
    y = signals.sine(440, 0.2, amplitude=2.0)
    warnings = audio.write(tmp_path / "a.wav", y, 22_050, subtype="PCM_24")
    assert len(warnings) == 1 and "6.0 dB over" in warnings[0]
    back = audio.read(tmp_path / "a.wav")[0]
    assert np.abs(back - y / 2).max() < 1e-3 * 2  # one gain, no clipping
    warnings = audio.write(tmp_path / "b.wav", y, 22_050, subtype="PCM_16", clip="allow")
    assert "clipped" in warnings[0] and np.abs(audio.read(tmp_path / "b.wav")[0]).max() <= 1
    assert audio.write(tmp_path / "c.wav", y, 22_050, subtype="FLOAT") == []
    np.testing.assert_array_equal(audio.read(tmp_path / "c.wav")[0], y)


def test_resampled_in_blocks_equals_whole(tmp_path, rng):
    import soxr

    y = signals.plucks(rng, 2.0, 44_100, channels=2)
    audio.write(tmp_path / "a.wav", y, 44_100)
    with audio.Reader(tmp_path / "a.wav", rate=16_000) as reader:
        blocks = list(reader.blocks(1000))
        assert reader.length == sum(block.shape[1] for block in blocks) == 32_000
    whole = soxr.resample(y.T, 44_100, 16_000, quality="HQ").T
    assert np.abs(np.concatenate(blocks, axis=1) - whole).max() < 1e-5


def test_rf64_past_four_gigabytes():
    """Sizes past 32 bits go to ds64; the file is only pretended to be that long."""

    class Sparse(io.BytesIO):
        def write(self, data):
            return len(data) if len(data) > 1 << 20 else super().write(data)

    stream = Sparse()
    writer = WavFileWriter(stream, 44_100, 2, "FLOAT")
    block = bytes(1 << 30)
    for _ in range(5):
        writer.write(block)
    writer.close()
    data = stream.getvalue()
    assert data[:4] == b"RF64" and data[12:16] == b"ds64"
    assert struct.unpack("<Q", data[28:36])[0] == 5 << 30
    head = WavStreamReader(io.BytesIO(data))
    assert head.length == (5 << 30) // 8


def test_stream_header_is_read_by_others(tmp_path):
    y = signals.sine(440, 0.1, channels=2)
    data = header(22_050, 2, "audiokit test") + encode(y, "FLOAT")
    stream = WavStreamReader(io.BytesIO(data))
    np.testing.assert_array_equal(np.concatenate(list(stream.blocks(100)), axis=1), y)
    assert stream.software == "audiokit test" and stream.length is None
    (tmp_path / "s.wav").write_bytes(data)
    np.testing.assert_array_equal(sf.read(tmp_path / "s.wav", dtype="float32")[0].T, y)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_streams_of_every_encoding(tmp_path, rng, subtype):
    sf.write(tmp_path / "a.wav", rng.uniform(-1, 1, (999, 3)), 8000, subtype=subtype)
    with open(tmp_path / "a.wav", "rb") as file:
        stream = WavStreamReader(file)
        y = np.concatenate(list(stream.blocks(64)), axis=1)
    np.testing.assert_allclose(y, sf.read(tmp_path / "a.wav", dtype="float32")[0].T, atol=1e-7)


def test_every_cut_of_a_stream_is_an_error_or_whole():
    y = signals.sine(440, 0.01, 8000, channels=2)
    buffer = io.BytesIO()
    sf.write(buffer, y.T, 8000, format="WAV", subtype="PCM_16")
    data = buffer.getvalue()
    for cut in range(len(data)):
        with pytest.raises((DamagedError, InputError)):
            for _ in WavStreamReader(io.BytesIO(data[:cut])).blocks(16):
                pass


def _text(path):
    path.write_text("this is not audio\n" * 50)


def _empty(path):
    path.write_bytes(b"")


def _truncated(path):
    sf.write(path, np.zeros((5000, 2)), 44_100, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-4000])


def _nan(path):
    y = np.zeros((1, 500), np.float32)
    y[0, 300] = np.nan
    path.write_bytes(header(8000, 1) + encode(y, "FLOAT"))


def _infinite(path):
    y = np.zeros((1, 500), np.float32)
    y[0, 3] = np.inf
    path.write_bytes(header(8000, 1) + encode(y, "FLOAT"))


def _enormous(path):
    y = np.zeros((2, 8000), np.float32)
    y[1, 4000] = -3e30
    path.write_bytes(header(8000, 2) + encode(y, "FLOAT"))


def _cut_flac(path):
    sf.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (30_000, 1)), 8000, format="FLAC")
    path.write_bytes(path.read_bytes()[:-20_000])


def _missing(path):
    pass


def _folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "status", "words"),
    [
        (_text, 3, "not audio"),
        (_empty, 3, "empty"),
        (_truncated, 4, "cut short: the header promises 5000 samples"),
        (_nan, 4, "NaN"),
        (_infinite, 4, "NaN or infinity, first at 0.000 s"),
        (_enormous, 4, r"a sample of 3e\+30 \(full scale is 1\), first at 0.500 s"),
        (_cut_flac, 4, "damaged at"),
        (_missing, 3, "no such file"),
        (_folder, 3, "folder"),
    ],
)
def test_odd_inputs_have_a_sentence_and_a_status(tmp_path, make, status, words):
    path = tmp_path / "odd.wav"
    make(path)
    with pytest.raises(AudiokitError, match=words) as caught:
        audio.read(path)
    assert caught.value.status == status
    if status == 4:
        assert caught.value.hint


def test_badly_scaled_floats_are_still_audio(tmp_path):
    """Whole numbers of 32 bits that were written as floating point are loud, not damaged."""
    y = np.array([[2.0**31, -(2.0**31), 5e11]], np.float32)
    audio.write(tmp_path / "loud.wav", y, 8000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read(tmp_path / "loud.wav")[0], y)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "m4a"])
def test_names_that_are_no_text_are_names(tmp_path, cli, suffix):
    """Linux allows any bytes: archives of old systems hold names in Latin-1."""
    given, made = (os.fsdecode(b"\xe9t\xe9 %d." % number) + suffix for number in (1, 2))
    y = 0.5 * signals.sine(440, 0.5, rate=44_100)
    audio.write(tmp_path / given, y, 44_100)
    done = cli("normalize", given, "-o", made, "--to", "-20")
    assert rb"\xe9t\xe9 1" in done.stderr
    back, info = audio.read(tmp_path / made)
    assert info.history[0]["name"] == "normalize" and back.shape[1] >= y.shape[1]
    cli("info", made, "--check")


@pytest.mark.parametrize("length", [0, 1, 2])
@pytest.mark.parametrize("rate", [8000, 192_000])
def test_tiny_audio_is_audio(tmp_path, length, rate):
    y = np.full((2, length), 0.25, np.float32)
    audio.write(tmp_path / "a.wav", y, rate)
    back, info = audio.read(tmp_path / "a.wav")
    assert back.shape == (2, length) and info.rate == rate


def test_every_real_odd_file_has_an_outcome(shared):
    files = [p for p in (shared / "audio/odd").rglob("*") if p.is_file() and not p.name.startswith("_")]
    assert len(files) > 40
    read = 0
    for path in files:
        try:
            y, info = audio.read(path)
        except AudiokitError as error:
            assert error.status in (3, 4) and path.name in str(error)
        else:
            read += 1
            assert y.shape[0] == info.channels and np.isfinite(y).all()
    assert read >= 30


def test_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        audio.write(tmp_path / "a.xyz", np.zeros((1, 4)), 8000)
    assert not os.listdir(tmp_path)


def test_media_containers_through_pyav(tmp_path):
    import av

    y = signals.sine(440, 1.0, 48_000, channels=2)
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(y, format="fltp", layout="stereo")
        frame.rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    back, info = audio.read(path)
    assert info.rate == 48_000 and back.shape[0] == 2 and abs(back.shape[1] - 48_000) < 4096
    spectrum = np.abs(np.fft.rfft(back[0, 4800:43_200]))
    assert abs(np.argmax(spectrum) * 48_000 / 38_400 - 440) < 2


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_the_loudest_floats_are_cut_without_a_word(subtype):
    loudest = np.array([[3e38, -3e38, 1.0, -1.0]], np.float32)
    with np.errstate(all="raise"):
        assert encode(loudest, subtype) == encode(np.sign(loudest), subtype)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a", "opus", "wav", "aiff", "ogg"])
def test_no_samples_are_written_to_be_read_or_refused(tmp_path, suffix):
    path = tmp_path / f"empty.{suffix}"
    if suffix in ("flac", "mp3", "m4a", "opus"):
        with pytest.raises(UsageError, match="without samples"):
            audio.write(path, np.zeros((2, 0), np.float32), 44_100)
        assert not list(tmp_path.iterdir())
    else:
        audio.write(path, np.zeros((2, 0), np.float32), 44_100)
        assert audio.read(path)[0].shape == (2, 0)


def test_pipes_with_names_are_read_once_and_whole(tmp_path, cli, rng):
    """As a shell makes them of <(ffmpeg ...): read twice, or looked at and opened again, their beginning is lost."""
    y = rng.uniform(-0.5, 0.5, (2, 40_000)).astype(np.float32)
    audio.write(tmp_path / "a.wav", y, 8000, subtype="PCM_16")
    cli("normalize", "a.wav", "-o", "file.wav", "--to", "-20")
    os.mkfifo(tmp_path / "pipe.wav")
    for _ in range(2):
        feed = subprocess.Popen(["sh", "-c", "cat a.wav > pipe.wav"], cwd=tmp_path)
        cli("normalize", "pipe.wav", "-o", "piped.wav", "--to", "-20", "--force")
        assert feed.wait(10) == 0
        whole, piped = (audio.read(tmp_path / name)[0] for name in ("file.wav", "piped.wav"))
        assert np.array_equal(whole, piped)
    assert b"no data arrived" in cli("info", "/dev/null", status=3).stderr
