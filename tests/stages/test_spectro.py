"""spectro: chunk sets, arrays, streams and pictures say what they are, and nothing of the sound is lost."""

import io
import json
import os
import tarfile

import numpy as np
import pytest
import soundfile as sf

import audiokit
from audiokit.dsp.spectrum.choice import make_transform
from audiokit.dsp.spectrum.windows import windows
from audiokit.errors import ParameterError, UsageError
from audiokit.io.chunkset import open_chunks
from tests.signals import noise, plucks


@pytest.fixture
def song(tmp_path, rng):
    path = tmp_path / "song.wav"
    sf.write(path, plucks(rng, 3.0, 22_050, channels=2).T, 22_050, subtype="PCM_16")
    return path


def test_chunks_are_windows_of_one_spectrum(cli, song):
    cli("spectro", song, "-o", "song.chunks", "--chunk", "1s", "--overlap", "250ms", "--n-fft", 512)
    set_ = open_chunks(song.parent / "song.chunks")
    set_.verify()
    y, rate = sf.read(song, dtype="float32", always_2d=True)
    whole, _ = audiokit.spectro(y.T, rate, n_fft=512)
    assert (set_.head.chunk, set_.head.hop) == (172, 129)
    assert set_.head.length == len(y)
    assert set_.head.source["subtype"] == "PCM_16"
    for item, values in set_:
        np.testing.assert_array_equal(values, whole[:, :, item.start : item.stop])
    assert set_.items[-1].stop == whole.shape[2]
    assert [entry["name"] for entry in set_.head.history] == ["spectro"]


def test_array_with_its_description(cli, song):
    cli("spectro", song, "-o", "x.npy", "--preset", "melgan", "--mono")
    values = np.load(song.parent / "x.npy")
    about = json.loads((song.parent / "x.json").read_text())
    assert values.shape[:2] == (1, 80)
    assert about["transform"]["preset"] == "melgan"
    assert about["length"] == 66_150


def test_picture_shows_a_tone_where_it_is(cli, tmp_path):
    rate = 16_000
    t = np.arange(2 * rate) / rate
    sf.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 2000 * t), rate)
    cli("spectro", "tone.wav", "-o", "tone.png")
    from matplotlib.image import imread

    picture = imread(tmp_path / "tone.png")[:, :, :3].sum(axis=2)
    height, width = picture.shape
    column = picture[int(0.1 * height) : int(0.85 * height), int(0.4 * width)]
    brightest = column.argmax() / column.size
    assert 0.65 < brightest < 0.85  # 2 kHz of 8 kHz, counted from the top


@pytest.mark.parametrize("name", ["a$x_{$b", "two\nlines", "\u66f2\u540d", os.fsdecode(b"\xe9")], ids=ascii)
def test_any_name_can_stand_over_a_picture(cli, song, name):
    """Names are no formulas and need not be text; what the font lacks is no news."""
    song.rename(song.with_name(f"{name}.wav"))
    for line in (("spectro", f"{name}.wav", "-o", "x.png"), ("align-beats", f"{name}.wav", "--picture", "beats.png")):
        assert b"Warning" not in cli(*line).stderr
    assert {"x.png", "beats.png"} <= set(os.listdir(song.parent))


def test_a_stream_is_the_same_set(cli, song):
    options = ("--preset", "cyclegan-music", "--chunk", "64f", "--overlap", "16f")
    cli("spectro", song, "-o", "file.chunks", *options)
    tar = cli("spectro", "-", "-o", "-", *options, stdin=song.read_bytes()).stdout
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames()[0] == "__audiokit__/head.json"
    (song.parent / "s.tar").write_bytes(tar)
    stored, streamed = open_chunks(song.parent / "file.chunks"), open_chunks(song.parent / "s.tar")
    assert streamed.head.transform == stored.head.transform
    for (_, one), (_, other) in zip(stored, streamed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_preset_brings_its_rate_and_its_chunks(cli, song):
    done = cli("spectro", song, "-o", "v.chunks", "--preset", "vocal-cyclegan", "--json")
    report = json.loads(done.stdout)
    assert report["rate"] == 44_100
    assert report["resampled_from"] == 22_050
    head = open_chunks(song.parent / "v.chunks").head
    assert (head.chunk, head.hop, head.rate) == (256, 128, 44_100)
    assert head.transform["lowest"] is not None


def test_the_peak_of_the_whole_file_sets_the_reference(cli, tmp_path, rng):
    """The loudest part comes last: earlier chunks must know of it."""
    y = np.concatenate([0.01 * noise(rng, 4.0, amplitude=1.0), noise(rng, 1.0, amplitude=0.5)], axis=1)
    sf.write(tmp_path / "late.wav", y.T, 22_050, subtype="FLOAT")
    cli("spectro", "late.wav", "-o", "late.chunks", "--preset", "cyclegan-music", "--chunk", "32f", "--overlap", "0f")
    values = [values for _, values in open_chunks(tmp_path / "late.chunks")]
    assert max(v.max() for v in values) == pytest.approx(1.0, abs=1e-5)
    assert values[0].max() < 0.5


@pytest.mark.parametrize("length", [0, 1, 300, 5000])
@pytest.mark.parametrize("preset", ["melgan", "nsynth-ri", "cyclegan-music"])
def test_short_sounds_have_a_spectrum(length, preset):
    rate = make_transform({"preset": preset}, 0).rate
    X, transform = audiokit.spectro(np.ones((1, length), np.float32), rate, preset=preset)
    assert np.isfinite(X).all()
    back = audiokit.invert(X, transform, length=length, iterations=1, model="none")
    assert back.shape == (1, length)


def test_windows_cover_everything_once_and_overlap():
    S = np.arange(100.0).reshape(1, 1, 100)
    found = list(windows(iter(np.split(S, [7, 30, 31, 90], axis=2)), 20, 5))
    for values, start, stop in found:
        np.testing.assert_array_equal(values, S[:, :, start:stop])
    assert [start for _, start, _ in found] == [0, 15, 30, 45, 60, 75, 90][: len(found)]
    assert found[-1][2] == 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_mels": 80}, "kind mel"),
        ({"hop": 2048}, "gaps"),
        ({"n_fft": 512, "hop": 700}, "hop 700"),
        ({"kind": "cqt"}, "unknown kind"),
        ({"scale": "db"}, "scale"),
        ({"preset": "jazz"}, "unknown preset"),
        ({"kind": "mel", "fmax": 20_000.0}, "mel band"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        make_transform(options, 22_050)


def test_statuses(cli, song, tmp_path):
    assert (
        b"not one of stft, magnitude, mel" in cli("spectro", song, "-o", "a.chunks", "--kind", "cqt", status=2).stderr
    )
    cli("spectro", song, "-o", "a.chunks", "--chunk", "1s", "--overlap", "2s", status=2)
    cli("spectro", "missing.wav", "-o", "a.chunks", status=3)
    (tmp_path / "text.wav").write_text("not audio")
    cli("spectro", "text.wav", "-o", "a.chunks", status=3)
    assert not (tmp_path / "a.chunks").exists()


def test_python_callers_get_values_or_a_set(song):
    y, rate = audiokit.read(song)
    before = y.copy()
    values, transform = audiokit.spectro(y, rate, preset="melgan")
    np.testing.assert_array_equal(y, before)
    assert values.shape[:2] == (2, 80) and values.dtype == np.float32 and transform.preset == "melgan"
    chunks = audiokit.spectro(song, preset="melgan", chunk="32f", overlap="8f")
    assert isinstance(chunks, audiokit.Chunks) and (chunks.rate, chunks.head.hop) == (22_050, 24)
    assert chunks.head.source["sha256"]
    found, same = chunks.plain()
    np.testing.assert_array_equal(found, values)
    assert same == transform
    for name in ("a.chunks", "a.tar", "a.npy"):
        audiokit.spectro(song, preset="melgan").save(song.parent / name)
        np.testing.assert_array_equal(audiokit.Chunks.open(song.parent / name).plain()[0], values)
    audiokit.spectro(song).save(song.parent / "a.png")
    assert (song.parent / "a.png").read_bytes().startswith(b"\x89PNG")


def test_python_callers_may_ask_for_another_rate(song):
    y, rate = audiokit.read(song)
    values, transform = audiokit.spectro(y, rate, rate=8000, n_fft=512)
    assert transform.rate == 8000 and values.shape == (2, 257, 1 + 24_000 // 128)


@pytest.mark.parametrize(
    ("y", "rate", "options", "says"),
    [
        (np.zeros((2, 800), np.float32), None, {}, "rate of the audio is None"),
        (np.zeros((2, 800), np.complex64), 8000, {}, "not complex64"),
        (np.zeros((800, 2), np.float32), 8000, {}, "channels, samples"),
        (np.zeros((2, 800), np.float32), 8000, {"preset": "jazz"}, "unknown preset"),
        (np.zeros((2, 800), np.float32), 8000, {"n_fft": 1}, "--n-fft 1: must be at least 2"),
        (np.zeros((2, 800), np.float32), 8000, {"format": "gif"}, "--format gif: not one of chunks, npy, tar, png"),
    ],
    ids=["no rate", "complex", "transposed", "preset", "range", "choice"],
)
def test_python_callers_are_refused_in_one_sentence(y, rate, options, says):
    with pytest.raises(ParameterError, match=says):
        audiokit.spectro(y, rate, **options)


def test_a_data_set_is_made_of_many_files_by_a_command_line_alone(cli, song):
    """A chain, or a call for one sound, would leave --split and --shards aside without a word."""
    said = cli("run", "spectro --split train:1", song, "-o", "sets/", status=2).stderr.decode()
    assert "--split looks at all inputs together" in said and "hint: audiokit spectro INPUT... -o FOLDER/" in said
    with pytest.raises(UsageError, match="--shards looks at all inputs"):
        audiokit.spectro(song, shards="1MB")
    with pytest.raises(UsageError, match="--split looks at all inputs"):
        audiokit.spectro.step(split="train:1")


def test_spectro_and_invert_declare_the_numbers_of_a_spectrum_alike(cli):
    made, read = (json.loads(cli(name, "--schema").stdout)["options"] for name in ("spectro", "invert"))
    shared = ("preset", "kind", "n_fft", "hop", "window", "n_mels", "fmin", "fmax", "scale", "rate")
    assert {name: made[name] for name in shared} == {name: read[name] for name in shared}
    assert made["scale"]["enum"] == ["linear", "log", "log10", "db"] and made["n_fft"]["minimum"] == 2


@pytest.mark.parametrize("kind", ["stft", "mel", "magnitude-if", "real-imag"])
@pytest.mark.parametrize("name", ["a.chunks", "a.npy", "a.tar"])
def test_one_chunk_of_everything_is_whole_wherever_it_is_kept(tmp_path, rng, kind, name):
    """More frames than are made at once; what is read back is what Python is given."""
    sf.write(tmp_path / "a.wav", noise(rng, 3.0)[0], 8000, subtype="PCM_16")
    options = {"kind": kind, "n_fft": 64, "hop": 16, **({"n_mels": 8} if kind == "mel" else {})}
    y, rate = audiokit.read(tmp_path / "a.wav")
    values, _ = audiokit.spectro(y, rate, **options)
    audiokit.spectro(str(tmp_path / "a.wav"), chunk="all", **options).save(tmp_path / name)
    made = audiokit.Chunks.open(tmp_path / name)
    ((item, found),) = list(made)
    np.testing.assert_array_equal(found, values)
    assert (item.start, item.stop, made.head.length) == (0, values.shape[2], y.shape[1]) and values.shape[2] > 2048
    if name != "a.tar":  # a stream says what it is before it is known how long it gets
        assert made.head.chunk == made.head.hop == values.shape[2]
