"""invert: exact where the phase was kept, better than Griffin-Lim where it was not, seamless over chunks."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

import audiokit
from audiokit.dsp.spectrum.choice import make_transform
from audiokit.dsp.spectrum.presets import find_preset
from audiokit.dsp.spectrum.stft import stft
from audiokit.dsp.spectrum.transform import Transform, encode, forward
from audiokit.dsp.spectrum.windows import join_chunks, windows
from audiokit.errors import DamagedError, InputError, ParameterError, UsageError
from audiokit.io import audio, chunk_folder
from audiokit.io.chunkset import Item
from audiokit.models.vocoders.engines import Inversion, choose_engine
from audiokit.stages.invert.bare import shape_bare
from tests.signals import noise, plucks


def chunked(y, transform, chunk, overlap):
    S = stft(y, **transform.framing)
    for values, start, stop in windows(iter([S]), chunk, overlap):
        stored = encode(values, transform)
        yield Item(f"{start}.npy", start, stop, stored.shape, ""), stored


def back(y, transform, chunk, overlap, **options):
    engine = choose_engine(transform, y.shape[0], Inversion(**options))
    parts = [engine.push(f) for f in join_chunks(chunked(y, transform, chunk, overlap), transform, "x")]
    return np.concatenate([*parts, engine.finish(y.shape[1])], axis=1)


def error_db(found, y):
    return 20 * np.log10(np.abs(found - y).max(initial=0) / max(np.abs(y).max(initial=0), 1e-9) + 1e-12)


@st.composite
def framings(draw):
    n_fft = draw(st.sampled_from([64, 256, 500, 1000, 1024]))
    return {
        "n_fft": n_fft,
        "hop": draw(st.integers(n_fft // 8, n_fft // 2)),
        "window": draw(st.sampled_from(["hann", "sqrt-hann", "hamming"])),
    }


@given(
    framings(),
    st.integers(0, 9000),
    st.integers(1, 8),
    st.integers(1, 60),
    st.floats(0, 0.9),
)
@settings(max_examples=80, deadline=None)
def test_complex_round_trip_is_exact(framing, length, channels, chunk, share):
    y = np.random.default_rng(length).uniform(-1, 1, (channels, length)).astype(np.float32)
    transform = make_transform(framing, 44_100)
    found = back(y, transform, chunk, min(chunk - 1, int(share * chunk)))
    assert found.shape == y.shape
    assert error_db(found, y) < -120


@pytest.mark.parametrize("extra", ["sets", "stream"])
def test_round_trip_in_the_shell_is_exact(cli, tmp_path, rng, extra):
    y = np.clip(noise(rng, 1.37, 44_100, 0.3, channels=3), -1, 1)
    sf.write(tmp_path / "in.wav", y.T, 44_100, subtype="PCM_24")
    if extra == "sets":
        cli("spectro", "in.wav", "-o", "in.chunks", "--chunk", "0.2s", "--overlap", "50ms")
        cli("invert", "in.chunks", "-o", "out.wav")
    else:
        tar = cli("spectro", "in.wav", "-o", "-", "--chunk", "0.2s", "--overlap", "50ms").stdout
        (tmp_path / "out.wav").write_bytes(b"")
        cli("invert", "-", "-o", "out.wav", "--force", stdin=tar)
    given, _ = sf.read(tmp_path / "in.wav", dtype="float64")
    found, rate = sf.read(tmp_path / "out.wav", dtype="float64")
    assert rate == 44_100
    assert sf.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert error_db(found, given) < -120


def test_magnitude_set_beats_librosa(rng):
    import librosa

    y = plucks(rng, 3.0, 22_050)
    X, transform = audiokit.spectro(y, 22_050, kind="magnitude", n_fft=1024, hop=256)
    target = np.abs(stft(y, n_fft=1024, hop=256))[0]

    def convergence_db(found):
        return 20 * np.log10(
            np.linalg.norm(np.abs(stft(found, n_fft=1024, hop=256))[0] - target) / np.linalg.norm(target)
        )

    ours = audiokit.invert(X, transform, length=y.shape[1])
    theirs = librosa.griffinlim(target, n_iter=32, hop_length=256, length=y.shape[1], random_state=0)
    assert convergence_db(ours) < convergence_db(theirs[None]) - 6


@pytest.mark.parametrize("preset", ["cyclegan-music", "melgan", "vocos"])
def test_mel_set_gives_its_own_bands_and_level_back(preset, rng):
    transform = find_preset(preset).transform(preset)
    y = 0.3 * plucks(rng, 2.0, transform.rate, channels=2)
    X, transform = forward(y, transform)
    found = audiokit.invert(X, transform, length=y.shape[1], model="none")
    again, _ = forward(found, transform)
    middle = np.quantile(X, 0.8)
    per_db = transform.slope if transform.scale == "db" else {"log": 0.115, "log10": 0.05}[transform.scale]
    assert np.abs(again - X)[middle < X].mean() < 1.5 * per_db
    level = 20 * np.log10(np.linalg.norm(found) / np.linalg.norm(y))
    assert abs(level) < 1


def test_chunked_equals_whole_for_mel_sets(rng):
    y = plucks(rng, 2.0, 22_050)
    transform = make_transform({"kind": "mel", "n_fft": 512, "n_mels": 40}, 22_050)
    one = back(y, transform, None, 0, iterations=4)
    many = back(y, transform, 37, 11, iterations=4)
    np.testing.assert_allclose(many, one, atol=1e-3)


def test_changed_overlaps_are_cross_faded():
    """Chunks that a model changed differ where they overlap; the level glides from one to the next."""
    transform = make_transform({"kind": "magnitude", "n_fft": 256, "hop": 64, "scale": "linear"}, 8000)
    chunks = [
        (Item("a", 0, 20, (1, 129, 20), ""), np.full((1, 129, 20), 1.0, np.float32)),
        (Item("b", 10, 30, (1, 129, 20), ""), np.full((1, 129, 20), 2.0, np.float32)),
    ]
    level = np.concatenate(list(join_chunks(chunks, transform, "x")), axis=2)[0, 0]
    assert level.shape == (30,)
    assert (level[:10] == 1).all()
    assert (level[20:] == 2).all()
    assert (np.diff(level[9:21]) > 0).all()


def test_source_phase_in_the_shell(cli, tmp_path, rng):
    sf.write(tmp_path / "in.wav", plucks(rng, 2.0, 22_050).T, 22_050, subtype="FLOAT")
    cli("spectro", "in.wav", "-o", "m.chunks", "--kind", "magnitude")
    cli("invert", "m.chunks", "-o", "out.wav", "--source", "in.wav", "--iterations", 2)
    y, found = (sf.read(tmp_path / name)[0] for name in ("in.wav", "out.wav"))
    assert error_db(found, y) < -50


def test_same_seed_same_bytes_whatever_the_jobs(cli, tmp_path, rng):
    for name in ("a", "b"):
        (tmp_path / "in").mkdir(exist_ok=True)
        sf.write(tmp_path / "in" / f"{name}.wav", noise(rng, 0.3).T, 22_050)
    cli("spectro", "in", "-o", "sets/", "--kind", "magnitude")
    common = ("--init", "random", "--iterations", 2, "--seed", 5)
    cli("invert", "sets", "-o", "one/", *common)
    cli("invert", "sets", "-o", "two/", *common, "--jobs", 2)
    for name in ("a.wav", "b.wav"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_bare_arrays_of_the_reference_systems(cli, tmp_path, rng):
    y = plucks(rng, 13.0, 22_050)
    transform = find_preset("cyclegan-music").transform("cyclegan-music")
    X, _ = forward(y, transform)
    stacked = np.stack([X[:, :, a : a + 256] for a in range(0, X.shape[2] - 256, 128)])
    np.save(tmp_path / "jazz.npy", stacked)
    done = cli("invert", "jazz.npy", "-o", "jazz.wav", "--preset", "cyclegan-music", "--iterations", 0, "--json")
    report = json.loads(done.stdout)
    frames = 256 + 128 * (len(stacked) - 1)
    assert report["seconds"] == pytest.approx((frames - 1) * 512 / 22_050, abs=1e-3)
    assert "loudness is arbitrary" in report["warnings"][0]
    assert report["engine"].endswith("griffin-lim from pghi")
    assert b"--preset" in cli("invert", "jazz.npy", "-o", "other.wav", status=3).stderr
    cli("invert", "jazz.npy", "-o", "other.wav", "--preset", "melgan", status=4)


def test_cropped_note_keeps_its_pitch(tmp_path):
    """The lower 128 of 501 bins of a note at 261.63 Hz, as the reference system kept them."""
    rate = 16_000
    y = (0.3 * np.sin(2 * np.pi * 261.63 / rate * np.arange(4 * rate))).astype(np.float32)[None]
    transform = find_preset("nsynth-ri").transform("nsynth-ri")
    X, _ = forward(y, transform)
    [(_, values)] = shape_bare(np.moveaxis(X[:, :128, :128], 0, 2), transform, "x.npy", step=None)
    found = audiokit.invert(values, transform)
    spectrum = np.abs(np.fft.rfft(found[0] * np.hanning(found.shape[1])))
    assert abs(spectrum.argmax() * rate / found.shape[1] - 261.63) < 0.5


def test_gaps_and_wrong_items_are_damage():
    transform = make_transform({"n_fft": 256, "hop": 64}, 8000)
    values = np.zeros((1, 129, 10), np.complex64)
    gap = [(Item("a", 0, 10, values.shape, ""), values), (Item("b", 12, 22, values.shape, ""), values)]
    with pytest.raises(DamagedError, match="starts at frame 12"):
        list(join_chunks(gap, transform, "x"))
    with pytest.raises(DamagedError, match="covers"):
        list(join_chunks([(Item("a", 0, 9, values.shape, ""), values)], transform, "x"))
    with pytest.raises(DamagedError, match="NaN"):
        list(join_chunks([(Item("a", 0, 10, values.shape, ""), values * np.nan)], transform, "x"))


@pytest.mark.parametrize("kind", ["stft", "magnitude", "mel", "real-imag", "magnitude-if"])
@pytest.mark.parametrize("name", ["x.npy", "x.chunks"])
def test_long_arrays_are_read_in_parts_to_the_same_bit(tmp_path, rng, monkeypatch, kind, name):
    chunk = {} if name == "x.npy" else {"chunk": "1500f", "overlap": "300f"}
    audio.write(tmp_path / "y.wav", plucks(rng, 2.0, 16_000, channels=2), 16_000)
    audiokit.spectro(tmp_path / "y.wav", kind=kind, n_fft=64, hop=16, **chunk).save(tmp_path / name)
    made = audiokit.Chunks.open(tmp_path / name)
    whole = audiokit.invert(made).samples
    monkeypatch.setattr(chunk_folder, "PART", 1024)
    transform = Transform.from_dict(made.head.transform, name)
    assert (len(list(made.parts(transform))) == len(list(made))) == (kind == "magnitude-if")
    np.testing.assert_array_equal(audiokit.invert(made).samples, whole)


def test_wrong_options_are_refused():
    transform = make_transform({"kind": "magnitude"}, 8000)
    with pytest.raises(UsageError, match="no phase"):
        choose_engine(transform, 1, Inversion(method="istft"))
    with pytest.raises(ParameterError, match="unknown method"):
        Inversion(method="magic")
    with pytest.raises(ParameterError, match="unknown start"):
        choose_engine(transform, 1, Inversion(init="zero"))
    with pytest.raises(UsageError, match="source"):
        choose_engine(transform, 1, Inversion(init="source"))


def test_a_stream_that_dies_leaves_nothing(cli, tmp_path, rng):
    sf.write(tmp_path / "in.wav", noise(rng, 2.0).T, 22_050)
    tar = cli("spectro", "in.wav", "-o", "-", "--chunk", "0.5s").stdout
    cli("invert", "-", "-o", "out.wav", stdin=tar[: len(tar) // 2], status=4)
    assert not (tmp_path / "out.wav").exists()
    cli("invert", "in.wav", "-o", "out.wav", status=3)


def test_python_callers_give_arrays_paths_and_flows(tmp_path, rng):
    y = plucks(rng, 1.0, 22_050)
    audiokit.write(tmp_path / "in.wav", y, 22_050, subtype="FLOAT")
    values, transform = audiokit.spectro(y, 22_050, n_fft=512)
    before = values.copy()
    np.testing.assert_allclose(audiokit.invert(values, transform, length=y.shape[1]), y, atol=1e-6)
    np.testing.assert_array_equal(values, before)
    audiokit.spectro(tmp_path / "in.wav", n_fft=512).save(tmp_path / "in.chunks")
    for source in (tmp_path / "in.chunks", audiokit.spectro(tmp_path / "in.wav", n_fft=512)):
        sound = audiokit.invert(source)
        assert isinstance(sound, audiokit.Sound) and sound.notes.report["engine"] == "istft"
        np.testing.assert_allclose(sound.samples, y, atol=1e-6)
        np.testing.assert_array_equal(sound.samples, sound.samples)
        assert [entry["name"] for entry in sound.history] == ["spectro", "invert"]


def test_python_callers_name_the_source_as_array_path_or_sound(tmp_path, rng):
    y = plucks(rng, 1.0, 22_050)
    audiokit.write(tmp_path / "in.wav", y, 22_050, subtype="FLOAT")
    values, transform = audiokit.spectro(y, 22_050, kind="magnitude")
    for source in (y, tmp_path / "in.wav", audiokit.Sound.open(tmp_path / "in.wav")):
        found = audiokit.invert(values, transform, source=source, iterations=2, length=y.shape[1])
        assert error_db(found, y) < -50


def test_python_callers_say_what_a_bare_array_is(tmp_path, rng):
    np.save(tmp_path / "mel.npy", rng.uniform(-1, 0, (1, 128, 256)).astype(np.float32))
    sound = audiokit.invert(tmp_path / "mel.npy", preset="cyclegan-music", iterations=0, model="none")
    assert sound.rate == 22_050 and sound.samples.shape == (1, 255 * 512)
    assert "loudness is arbitrary" in sound.notes.warnings[0]
    with pytest.raises(InputError, match=r"no mel\.json beside it"):
        audiokit.invert(tmp_path / "mel.npy")
    with pytest.raises(InputError, match=r"no mel\.json beside it"):
        audiokit.invert(tmp_path / "mel.npy", kind="mel")


def test_python_callers_are_refused_in_one_sentence(rng):
    values, transform = audiokit.spectro(noise(rng, 0.2), 22_050, kind="magnitude")
    for about in (None, 22_050, {"rate": 22_050}):
        with pytest.raises(ParameterError, match="said by a Transform, not by"):
            audiokit.invert(values, about)
    with pytest.raises(ParameterError, match=r"spectra are \(channels, 1025, frames\)"):
        audiokit.invert(values[:, 1:], transform)
    with pytest.raises(ParameterError, match="values of kind magnitude are float32, not complex64"):
        audiokit.invert(values.astype(np.complex64), transform)
    with pytest.raises(DamagedError, match=r"the array: .*NaN"):
        audiokit.invert(values * np.nan, transform).any()
    with pytest.raises(ParameterError, match="--method magic: not one of"):
        audiokit.invert(values, transform, method="magic")
    with pytest.raises(ParameterError, match="--vocoder replaces"):
        audiokit.invert(values, transform, vocoder="x", model="y")


def test_the_schema_names_methods(cli):
    found = json.loads(cli("invert", "--schema").stdout)
    assert found["reads"] == ["chunks"] and found["writes"] == ["audio"]
    assert found["options"]["method"]["enum"] == ["auto", "istft", "pghi", "griffin-lim"]
    assert found["options"]["source"]["format"] == "path" and found["options"]["device"]["default"] == "auto"
    assert "length" not in found["options"]


def test_the_number_of_threads_changes_no_bit(tmp_path):
    """The search for phases would multiply what products of matrices on several threads round in another way."""
    audio.write(tmp_path / "a.wav", plucks(np.random.default_rng(0), 4.0, 22_050), 22_050)
    audiokit.spectro(tmp_path / "a.wav", preset="melgan").save(tmp_path / "a.chunks")
    made = []
    for threads in ("1", "2"):
        environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
        line = [sys.executable, "-m", "audiokit", "invert", "a.chunks", "-o", "a.wav", "--force", "-q"]
        subprocess.run(line, cwd=tmp_path, env={**environment, "OMP_NUM_THREADS": threads}, check=True)
        made.append((tmp_path / "a.wav").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize("turned", [False, True])
def test_a_long_bare_array_is_read_in_parts_with_the_same_result(cli, tmp_path, rng, turned):
    """Longer than what is read at once, with its frames side by side or one after the other."""
    X, transform = audiokit.spectro(noise(rng, 3.2), 22_050, n_fft=64, hop=16)
    assert X.shape[2] > chunk_folder.PART
    np.save(tmp_path / "x.npy", np.ascontiguousarray(X[0].T) if turned else X)
    words = ["--kind", "stft", "--rate", 22_050, "--n-fft", 64, "--hop", 16, "--subtype", "FLOAT"]
    cli("invert", "x.npy", "-o", "x.wav", *words)
    np.testing.assert_array_equal(audiokit.read(tmp_path / "x.wav")[0], audiokit.invert(X, transform))


def test_a_bare_array_that_is_damaged_further_on_is_refused(cli, tmp_path, rng):
    X, _ = audiokit.spectro(noise(rng, 3.2), 22_050, n_fft=64, hop=16)
    X[0, 3, 4100] = np.nan
    np.save(tmp_path / "x.npy", X)
    words = ["--kind", "stft", "--rate", 22_050, "--n-fft", 64, "--hop", 16]
    assert b"holds NaN or infinity" in cli("invert", "x.npy", "-o", "x.wav", *words, status=4).stderr
    assert not (tmp_path / "x.wav").exists()
