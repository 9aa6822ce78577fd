"""Everyday files: what people have is read, what they want is written, and tags and covers come along."""

import io
import itertools
import os

import av
import numpy as np
import pytest
from PIL import Image

import audiokit
from audiokit.engine.parse import bits
from audiokit.errors import DamagedError, ParameterError, UsageError
from audiokit.io import audio
from audiokit.io.lossy import CODECS
from audiokit.io.media import Picture, read_tags, retag
from tests import signals

COMPRESSED = {".flac": "flac", ".mp3": "mp3", ".m4a": "mp4", ".ogg": "ogg", ".opus": "opus"}


def picture(kind="JPEG"):
    file = io.BytesIO()
    Image.fromarray(np.arange(48 * 48 * 3, dtype=np.uint8).reshape(48, 48, 3)).save(file, kind)
    return Picture(file.getvalue(), f"image/{kind.lower()}")


def tagged(path, y, rate, art):
    """A file as a shop sells it: with tags that libsndfile does not know, and a cover."""
    audio.write(path.with_name("plain" + path.suffix), y, rate)
    tags = {"title": "Titel", "artist": "Ärzte", "composer": "C. Omposer", "replaygain_track_gain": "-7.2 dB"}
    retag(path.with_name("plain" + path.suffix), path, COMPRESSED[path.suffix], tags, art)


def likeness(y, other):
    """Signal to difference in dB, without the ends, at the best gain."""
    n = min(y.shape[1], other.shape[1])
    a, b = y[:, 4000 : n - 4000], other[:, 4000 : n - 4000]
    return 20 * np.log10(np.std(a) / np.std(a - b))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("before", "after"), list(itertools.product(COMPRESSED, repeat=2)))
def test_tags_and_cover_survive(tmp_path, rng, before, after, kind):
    art = picture(kind)
    y = signals.plucks(rng, 1.0, 48_000, channels=2)
    source = tmp_path / f"source{before}"
    tagged(source, y, 48_000, art)
    assert read_tags(source)[1] == art
    made = tmp_path / f"made{after}"
    audiokit.normalize(source, to=-23.0).save(made)
    tags, found = read_tags(made)
    assert found == art
    assert (tags["title"], tags["artist"], tags["composer"]) == ("Titel", "Ärzte", "C. Omposer")
    assert "replaygain_track_gain" not in tags, "a gain measured before the level was changed"
    assert [entry["name"] for entry in audio.info(made).history] == ["normalize"]
    assert audio.read(made)[0].shape == y.shape


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".opus"])
@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000, 96_000])
def test_lossy_files_have_every_sample_at_its_place(tmp_path, rng, suffix, rate):
    y = 0.5 * signals.plucks(rng, 1.0, rate, channels=2)
    path = tmp_path / f"a{suffix}"
    warnings = audio.write(path, y, rate)
    back, info = audio.read(path, rate=rate)
    assert abs(back.shape[1] - y.shape[1]) <= 2 and likeness(y, back) > 15
    assert bool(warnings) == (info.rate != rate)
    if warnings:
        assert f"resampled from {rate} to {info.rate} Hz" in warnings[0]


@pytest.mark.parametrize("suffix", [".mp3", ".m4a", ".ogg", ".opus"])
@pytest.mark.parametrize("asked", ["96k", "192k"])
def test_bit_rates_are_kept(tmp_path, rng, cli, suffix, asked):
    y = (0.1 * rng.standard_normal((2, 48_000 * 4))).astype(np.float32)
    audiokit.write(tmp_path / "in.wav", y, 48_000)
    cli("normalize", "in.wav", "-o", f"out{suffix}", "--bitrate", asked)
    measured = os.path.getsize(tmp_path / f"out{suffix}") * 8 / 4
    assert 0.75 * bits(asked, "") < measured < 1.35 * bits(asked, "")


def test_a_lossy_input_is_not_made_worse(tmp_path, rng):
    y = 0.5 * signals.plucks(rng, 4.0, 44_100, channels=2)
    audiokit.write(tmp_path / "in.mp3", y, 44_100, bit_rate=320_000)
    audiokit.normalize(tmp_path / "in.mp3", to=-20.0).save(tmp_path / "out.mp3")
    audiokit.normalize(tmp_path / "in.mp3", to=-20.0).save(tmp_path / "out.m4a")
    before = audio.info(tmp_path / "in.mp3").bit_rate
    assert before > 300_000
    assert audio.info(tmp_path / "out.mp3").bit_rate > 0.98 * before
    assert audio.info(tmp_path / "out.m4a").bit_rate > 0.6 * before  # plucks are easy: AAC leaves some unused


@pytest.mark.parametrize("text", ["x", "4", "5M", "-192k", ""])
def test_bit_rates_that_are_none(text):
    with pytest.raises(ParameterError, match="not a bit rate"):
        bits(text, "--bitrate")


def test_bit_rate_of_what_has_none(tmp_path, rng):
    with pytest.raises(UsageError, match="for lossy formats"):
        audiokit.write(tmp_path / "a.wav", signals.plucks(rng, 0.2, 8000), 8000, bit_rate=64_000)
    assert not os.listdir(tmp_path)


def test_too_many_channels(tmp_path):
    with pytest.raises(UsageError, match="at most 2 channels"):
        audio.write(tmp_path / "a.mp3", np.zeros((6, 8000), np.float32), 48_000)
    assert not os.listdir(tmp_path)


def test_surround_keeps_its_channels(tmp_path):
    """Judged by FFmpeg too: Ogg files have an order of their own, which libsndfile passes on as it is."""
    seconds = np.arange(48_000) / 48_000
    hz = [200, 400, 600, 60, 1000, 1200]
    y = np.stack([0.3 * np.sin(2 * np.pi * f * seconds) for f in hz]).astype(np.float32)
    for suffix in (".m4a", ".opus", ".ogg", ".flac"):
        path = tmp_path / f"a{suffix}"
        audio.write(path, y, 48_000)
        with av.open(str(path)) as file:
            frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
        if frames[0].shape[0] == 1:  # interleaved
            frames = [frame.reshape(-1, 6).T for frame in frames]
        for heard in (audio.read(path)[0], np.concatenate(frames, axis=1)):
            spectra = [np.abs(np.fft.rfft(channel[4800:43_200].astype(float))) for channel in heard]
            # The low-frequency channel may be cut away above 120 Hz, and so lies at 60 Hz.
            assert [int(s.argmax() * 48_000 / 38_400) for s in spectra] == [*hz], suffix


def container(path, y, rate, codec, form):
    with av.open(str(path), "w", format=form) as file:
        stream = file.add_stream(codec, rate=rate, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("suffix", "codec", "form", "subtype"),
    [
        (".mp4", "aac", "mp4", "AAC"),
        (".mov", "aac", "mov", "AAC"),
        (".webm", "libopus", "webm", "OPUS"),
        (".mkv", "flac", "matroska", "PCM_16"),
        (".m4a", "alac", "ipod", "PCM_24"),
        (".wav", "aac", "mp4", "AAC"),  # a wrong name
    ],
)
def test_containers_are_read_by_file_and_pipe(tmp_path, rng, cli, suffix, codec, form, subtype):
    y = 0.5 * signals.plucks(rng, 1.0, 48_000, channels=2)
    path = tmp_path / f"in{suffix}"
    container(path, y, 48_000, codec, form)
    back, info = audio.read(path)
    assert info.subtype == subtype and likeness(y, back) > 15
    cli("normalize", path, "-o", "file.wav")
    cli("normalize", "-", "-o", "pipe.wav", stdin=path.read_bytes())
    assert (audio.read(tmp_path / "file.wav")[0] == audio.read(tmp_path / "pipe.wav")[0]).all()


def test_one_that_was_cut_short(tmp_path, rng, cli):
    y = 0.5 * rng.standard_normal((2, 48_000 * 3)).astype(np.float32).clip(-1, 1)
    audio.write(tmp_path / "whole.m4a", y, 48_000)
    data = (tmp_path / "whole.m4a").read_bytes()
    # The index to the front, so that the beginning can be played at all.
    with av.open(str(tmp_path / "whole.m4a")) as before:
        form = {"movflags": "faststart"}
        with av.open(str(tmp_path / "front.m4a"), "w", format="mp4", options=form) as after:
            track = after.add_stream_from_template(before.streams.audio[0])
            for packet in before.demux(before.streams.audio[0]):
                if packet.size:
                    packet.stream = track
                    after.mux(packet)
    front = (tmp_path / "front.m4a").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(front[: len(front) // 2])
    with pytest.raises(DamagedError, match=r"cut short|damaged at"):
        audio.read(tmp_path / "cut.m4a")
    (tmp_path / "headless.m4a").write_bytes(data[: len(data) // 2])
    done = cli("normalize", "headless.m4a", "cut.m4a", "-o", "out/", status=7)
    assert b"headless.m4a: not media that can be read" in done.stderr
    assert not list(tmp_path.glob("out/*"))


def test_video_without_sound(tmp_path, cli):
    with av.open(str(tmp_path / "mute.mp4"), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert b"has no audio track" in cli("normalize", "mute.mp4", "-o", "a.wav", status=3).stderr


def test_every_codec_is_there():
    assert all(codec.encoder in av.codecs_available for codec in CODECS.values() if codec.encoder)
