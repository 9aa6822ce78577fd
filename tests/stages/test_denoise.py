"""`audiokit denoise`: what it does to files, streams, speech, music and mistakes."""

import json

import numpy as np
import pytest
import soxr

from audiokit import denoise, generate, write
from audiokit.engine.sound import Sound
from audiokit.errors import InputError, ParameterError, UsageError
from audiokit.io.audio import read
from audiokit.models.voice.auto_denoiser import AutoDenoiser, Denoising, choose
from tests.signals import noise, plucks, syllables


def sdr_db(reference, estimate):
    return 10 * np.log10(np.sum(reference**2) / np.sum((estimate - reference) ** 2))


def match_db(reference, estimate):
    scale = np.sum(reference * estimate) / np.sum(reference**2)
    return sdr_db(scale * reference, estimate)


@pytest.fixture
def speech(shared):
    """Two sentences by speakers the shipped network was not trained on."""
    folder = shared / "audio" / "speech"
    one, _ = read(folder / "audiomentations" / "p286_011.wav", rate=16_000)
    two, _ = read(folder / "pyroomacoustics" / "input_samples" / "cmu_arctic_us_axb_a0004.wav")
    return one[:, :64_000], two


def test_a_file_keeps_rate_channels_length_and_depth(cli, tmp_path, rng):
    y = syllables(rng, seconds=1.7, rate=44_100, channels=2)
    write(tmp_path / "in.wav", y, 44_100, subtype="PCM_24")
    report = json.loads(cli("denoise", "in.wav", "-o", "out.wav", "--json").stdout)
    back, info = read(tmp_path / "out.wav")
    assert (info.rate, info.subtype, back.shape) == (44_100, "PCM_24", y.shape)
    assert (report["engine"], report["content"]) == ("neural", "speech")
    assert info.history[-1]["name"] == "denoise"


@pytest.mark.parametrize("engine", ["wiener", "neural"])
def test_pipes_give_the_bytes_of_files(cli, tmp_path, rng, engine):
    y = syllables(rng, seconds=2, rate=22_050) + noise(rng, seconds=2, amplitude=0.02)
    write(tmp_path / "in.wav", y, 22_050, subtype="FLOAT")
    cli("denoise", "in.wav", "-o", "out.wav", "--engine", engine)
    piped = cli("denoise", "-", "-o", "-", "--engine", engine, stdin=(tmp_path / "in.wav").read_bytes())
    assert piped.stdout[:4] == b"RIFF"
    stream = np.frombuffer(piped.stdout[-4 * y.shape[1] :], "<f4")
    assert np.array_equal(stream, read(tmp_path / "out.wav")[0][0])


@pytest.mark.parametrize("snr_db", [0, 8])
def test_the_network_removes_noise_from_unknown_voices(speech, rng, snr_db):
    for clean in speech:
        hiss = rng.standard_normal(clean.shape).astype(np.float32)
        hiss *= np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
        result = denoise(clean + hiss, rate=16_000)
        assert match_db(clean, result) > match_db(clean, clean + hiss) + 3


def test_clean_speech_stays_clean(speech):
    import pesq

    for clean in speech:
        result = denoise(clean, rate=16_000)
        assert pesq.pesq(16_000, clean[0], result[0], "wb") > 4.3


@pytest.mark.parametrize("snr_db", [2.5, 7.5, 12.5, 17.5])
def test_no_word_is_lost_to_the_network(speech, rng, snr_db):
    """Where there is little noise, a mask that asks for much costs more intelligibility than the noise does."""
    from pystoi import stoi

    for clean in speech:
        hiss = rng.standard_normal(clean.shape).astype(np.float32)
        noisy = clean + hiss * np.sqrt(np.mean(clean**2)) * 10 ** (-snr_db / 20)
        before, after = (stoi(clean[0], y[0], 16_000) for y in (noisy, denoise(noisy, rate=16_000, content="speech")))
        assert after >= before


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_any_rate_and_a_band_above_the_network(rng, rate, speech):
    y = np.repeat(soxr.resample(speech[0][0, :48_000], 16_000, rate)[None], 2, axis=0)
    mixed = y + noise(rng, seconds=3, rate=rate, amplitude=0.02, channels=2)[:, : y.shape[1]]
    result = denoise(mixed, rate=rate)
    assert result.shape == y.shape and sdr_db(y, result) > sdr_db(y, mixed)
    if rate > 16_000:
        # A whistle above 8 kHz is no noise, and hiss up there is.
        t = np.arange(y.shape[1]) / rate
        whistle = (0.1 * np.sin(2 * np.pi * 9_500 * t) * (np.sin(5 * t) > 0)).astype(np.float32)
        kept = denoise(y + whistle, rate=rate) - denoise(y, rate=rate)
        assert 0.5 < np.linalg.norm(kept) / np.linalg.norm(np.stack([whistle] * 2)) <= 1.1


def test_the_stereo_image_does_not_move(rng):
    y = syllables(rng, seconds=3, rate=16_000) + noise(rng, seconds=3, rate=16_000, amplitude=0.02)
    for engine in ("neural", "wiener", "gate"):
        result = denoise(np.concatenate([y, -0.4 * y]), rate=16_000, engine=engine)
        np.testing.assert_allclose(result[1], -0.4 * result[0], atol=1e-5)


def test_blocks_give_the_whole(rng):
    y = syllables(rng, seconds=3, rate=24_000) + noise(rng, seconds=3, rate=24_000, amplitude=0.02)
    stream = AutoDenoiser(channels=1, rate=24_000)
    parts = [stream.push(y[:, a : a + 1000]) for a in range(0, y.shape[1], 1000)]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()], axis=1), denoise(y, rate=24_000), atol=1e-5)


def test_memory_is_bounded(rng):
    """What comes out lags behind by less than the first look plus three seconds."""
    stream = AutoDenoiser(Denoising("wiener"), channels=1, rate=8_000)
    block, pushed, popped = noise(rng, seconds=1, rate=8_000), 0, 0
    for _ in range(60):
        pushed += block.shape[1]
        popped += stream.push(block).shape[1]
        assert pushed - popped < 24 * 8_000
    assert pushed - popped < 4 * 8_000


def test_music_is_never_worse(rng):
    music = plucks(rng, seconds=10, rate=22_050, channels=2)
    assert choose(music, rate=22_050).content == "music"
    for engine in ("auto", "neural", "wiener", "gate", "mask"):
        assert sdr_db(music, denoise(music, rate=22_050, engine=engine)) > 25
    mixed = music + noise(rng, seconds=10, amplitude=0.01, channels=2)
    assert sdr_db(music, denoise(mixed, rate=22_050)) > sdr_db(music, mixed)
    assert "plain engine" in choose(music, rate=22_050, engine="neural").warning


@pytest.mark.parametrize("engine", ["auto", "wiener", "gate", "mask", "neural"])
def test_silence_and_nothing(engine):
    assert not np.any(denoise(np.zeros((2, 30_000), np.float32), rate=44_100, engine=engine))
    for length in (0, 1, 400):
        assert denoise(np.full((1, length), 0.1, np.float32), rate=44_100, engine=engine).shape == (1, length)


@pytest.mark.parametrize("engine", ["neural", "wiener"])
def test_strength_zero_is_the_input(rng, engine):
    y = syllables(rng, seconds=1, rate=44_100)
    np.testing.assert_allclose(denoise(y, rate=44_100, engine=engine, strength=0), y, atol=1e-5)


def test_a_noise_file_is_used(cli, tmp_path, rng):
    rate = 16_000
    t = np.arange(3 * rate) / rate
    drone = (0.2 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)[None]
    hiss = noise(rng, seconds=3, rate=rate, amplitude=0.05)
    write(tmp_path / "in.wav", drone + hiss, rate, subtype="FLOAT")
    write(tmp_path / "noise.wav", noise(rng, seconds=1, rate=rate, amplitude=0.05), rate, subtype="FLOAT")
    report = json.loads(cli("denoise", "in.wav", "-o", "out.wav", "--noise", "noise.wav", "--json").stdout)
    assert report["engine"] == "wiener"
    assert sdr_db(drone, read(tmp_path / "out.wav")[0]) > sdr_db(drone, drone + hiss) + 6


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--engine", "magic"], 2, b"not one of"),
        (["--content", "noise"], 2, b"not one of"),
        (["--strength", "2"], 2, b"strength"),
        (["--hard"], 2, b"--engine mask"),
        (["--threshold", "-40"], 2, b"mask"),
        (["--engine", "gate", "--threshold", "1e300"], 2, b"1e+300 is not in the range"),
        (["--engine", "mask", "--threshold", "nan"], 2, b"--threshold nan: must be within"),
        (["--engine", "neural", "--noise", "in.wav"], 2, b"--noise is for --engine auto, wiener"),
        (["--noise", "absent.wav"], 3, b"no such file"),
        (["--engine", "gate", "--model", "denoiser"], 2, b"--model"),
        (["--model", "absent"], 5, b"no such model"),
    ],
)
def test_mistakes_are_explained(cli, tmp_path, arguments, status, message):
    write(tmp_path / "in.wav", np.ones((1, 4000), np.float32) * 0.1, 16_000)
    done = cli("denoise", "in.wav", "-o", "out.wav", *arguments, status=status)
    assert message in done.stderr and not (tmp_path / "out.wav").exists()


def test_python_refuses_what_the_shell_refuses():
    y = np.zeros((1, 100), np.float32)
    with pytest.raises(ParameterError, match="engine"):
        denoise(y, rate=8000, engine="magic")
    with pytest.raises(UsageError, match="--noise is for --engine"):
        denoise(y, rate=8000, engine="neural", noise=np.ones((1, 8000), np.float32))


def test_paths_sounds_and_arrays_give_the_same(rng, tmp_path):
    y = plucks(rng, seconds=1, rate=16_000, channels=2)
    hiss = noise(rng, seconds=1, rate=16_000, amplitude=0.02)
    write(tmp_path / "in.wav", y, 16_000, subtype="FLOAT")
    write(tmp_path / "noise.wav", hiss, 16_000, subtype="FLOAT")
    wanted = denoise(y, 16_000, engine="wiener", noise=hiss)
    sound = denoise(tmp_path / "in.wav", engine="wiener", noise=tmp_path / "noise.wav")
    assert isinstance(sound, Sound)
    np.testing.assert_array_equal(sound.samples, wanted)
    assert sound.notes.report["engine"] == "wiener"
    assert sound.history[-1]["options"]["noise"] == str(tmp_path / "noise.wav")
    other = denoise(Sound.of(y, 16_000), engine="wiener", noise=Sound.of(hiss, 16_000))
    np.testing.assert_array_equal(other.samples, wanted)


def test_a_warning_is_given_once_however_often_the_result_is_read(rng):
    y = plucks(rng, seconds=3, rate=22_050, channels=2)
    sound = denoise(Sound.of(y, 22_050), engine="neural", content="music")
    assert np.array_equal(sound.samples, sound.samples) and len(sound.notes.warnings) == 1


def test_a_noise_that_says_nothing_is_refused(rng):
    y = noise(rng, seconds=1, rate=44_100)
    with pytest.raises(InputError, match="silent"):
        denoise(y, 44_100, noise=np.zeros((1, 44_100), np.float32))
    with pytest.raises(InputError, match="8000 Hz says nothing"):
        denoise(y, 44_100, noise=Sound.of(y, 8000))


@pytest.mark.parametrize(
    ("y", "rate"),
    [(np.zeros((100, 2), np.float32), 8000), (np.zeros((1, 9), np.int16), 8000), (np.zeros((1, 9), np.float32), None)],
)
def test_wrong_arrays_are_refused_at_the_door(y, rate):
    with pytest.raises(ParameterError):
        denoise(y, rate=rate)


def test_the_schema_has_the_ranges(cli):
    options = json.loads(cli("denoise", "--schema").stdout)["options"]
    assert (options["strength"]["minimum"], options["strength"]["maximum"]) == (0, 1)
    assert options["noise"]["format"] == "path" and options["device"]["default"] == "auto"


@pytest.mark.parametrize("engine", ["gate", "mask"])
def test_a_note_that_ends_in_silence_stays_finite(engine):
    note = generate(pitch="60", seed=77).samples
    cleaned = denoise(note, 44_100, engine=engine, threshold=-40.0)
    assert np.isfinite(cleaned).all() and np.abs(cleaned).max() > 0.1
