"""Front-ends: the reference systems' numbers, and an exact way back from what keeps its phase."""

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiokit.dsp.spectrum.presets import PRESETS, find_preset, matching_presets
from audiokit.dsp.spectrum.stft import istft
from audiokit.dsp.spectrum.transform import Transform, decode, encode, energies, forward
from audiokit.errors import DamagedError, ParameterError


def music(rng, rate, seconds=2.0, channels=1):
    t = np.arange(int(rate * seconds)) / rate
    tones = sum(np.sin(2 * np.pi * f * t) / (k + 1) for k, f in enumerate([220, 440, 1100, 3000]))
    decay = np.exp(-3 * (t % 0.5))
    y = 0.2 * tones * decay + 0.002 * rng.standard_normal((channels, t.size))
    return y.astype(np.float32)


def preset(name):
    return find_preset(name).transform(name)


def test_cyclegan_music_equals_its_recipe(rng):
    import librosa

    y = music(rng, 22050, 3)
    X, resolved = forward(y, preset("cyclegan-music"))
    mel = librosa.feature.melspectrogram(y=y[0], sr=22050)
    expected = np.clip((librosa.power_to_db(mel, ref=np.max) + 80) / 80 * 2 - 1, -1, 1)
    np.testing.assert_allclose(X[0], expected, atol=2e-4)
    assert resolved.reference == pytest.approx(mel.max(), rel=1e-4)


def test_vocal_cyclegan_equals_its_recipe(rng):
    import librosa

    y = music(rng, 44100)
    X, _ = forward(y, preset("vocal-cyclegan"))
    expected = librosa.power_to_db(librosa.feature.melspectrogram(y=y[0], sr=44100))
    np.testing.assert_allclose(X[0], expected, atol=5e-3)


def test_mel_front_end_equals_the_reference_array(shared):
    golden = shared / "golden" / "models" / "dsp"
    y = np.load(golden / "mono_22050.npy")[None]
    transform = Transform(rate=22050, kind="mel", n_mels=128, power=2)
    expected = np.load(golden / "librosa_melspectrogram.npy")
    np.testing.assert_allclose(forward(y, transform)[0][0][:, : expected.shape[1]], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "folder", "given", "expected", "tolerance"),
    [
        ("melgan", "melgan_neurips", "audio2mel_in.npy", "audio2mel_out.npy", 2e-4),
        ("hifigan", "hifigan", "mel_in.npy", "mel_fmax8000_out.npy", 5e-4),
        ("vocos", "vocos", "audio_in.npy", "small_center_features_out.npy", 5e-4),
        ("parallel-wavegan", "melgan_parallelwavegan", "logmel_in.npy", "logmel_out.npy", 1e-3),
    ],
)
def test_vocoder_front_ends_equal_their_golden_output(shared, name, folder, given, expected, tolerance):
    golden = shared / "golden" / "models" / folder
    y = np.load(golden / given).reshape(1, -1)
    target = np.load(golden / expected)
    target = target.T if name == "parallel-wavegan" else target[0]
    transform = preset(name)
    X, _ = forward(y, transform)
    # Bands far below the rest are rounding noise of a float32 transform: compare them on a linear scale too.
    base = 10 if transform.scale == "log10" else np.e
    found, rounding = X[0, :, : target.shape[1]], 1e-7 * base ** target.max()
    close = np.abs(found - target) < tolerance
    assert (close | (np.abs(base**found - base**target) < rounding)).all()
    assert close.mean() > 0.97
    assert X.shape[2] - target.shape[1] in (0, 1)


def test_nsynth_ri_equals_scipy_on_16_bit_samples(rng):
    from scipy.signal import stft

    y = np.round(music(rng, 16000, 4) * 32767) / 32768
    X, _ = forward(y.astype(np.float32), preset("nsynth-ri"))
    expected = stft(y[0] * 32768, fs=16000, nperseg=1000)[2]
    assert X.shape == (2, 501, 129)
    np.testing.assert_allclose(X[0] + 1j * X[1], expected, atol=2e-3)


def test_gansynth_equals_its_recipe(rng):
    y = music(rng, 16000, 4)
    X, _ = forward(y, preset("gansynth"))
    padded = np.concatenate([np.zeros(3072), y[0]])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    S = np.array([np.fft.rfft(padded[k * 512 : k * 512 + 2048] * window)[1:] for k in range(128)]).T
    step = np.diff(np.unwrap(np.angle(S), axis=1), axis=1) / np.pi
    assert X.shape == (2, 1024, 128)
    np.testing.assert_allclose(X[0], np.log(np.abs(S) + 1e-6), atol=2e-3)
    loud = (np.abs(S[:, 1:]) > 1e-2) & (np.abs(S[:, :-1]) > 1e-2)
    difference = np.abs(X[1, :, 1:] - step)[loud]
    assert np.minimum(difference, 2 - difference).max() < 2e-3


@pytest.mark.parametrize("name", PRESETS)
def test_presets_keep_level_stereo_and_tail(name, rng):
    transform = preset(name)
    length = transform.hop * 12 + 7
    y = music(rng, transform.rate, 1.0, channels=2)[:, :length]
    X, resolved = forward(y, transform)
    quiet, quiet_resolved = forward(y * np.float32(0.1), transform)
    loud, soft = (decode(values, t) for values, t in ((X, resolved), (quiet, quiet_resolved)))
    ratio = np.abs(loud).sum() / np.abs(soft).sum()
    assert ratio == pytest.approx(10**transform.power if transform.kind == "mel" else 10, rel=0.02)
    assert X.shape[0] == 2 * transform.planes
    alone, _ = forward(y[1:], resolved)
    np.testing.assert_allclose(X[transform.planes :], alone, atol=2e-5)
    assert (X.shape[2] - 1) * transform.hop + transform.n_fft - transform.sides[0] >= length


@pytest.mark.parametrize("name", ["nsynth-ri", "gansynth"])
def test_presets_with_phase_return_the_audio(name, rng):
    transform = preset(name)
    y = music(rng, 16000, 1.0, channels=2)
    X, resolved = forward(y, transform)
    back = istft(decode(X, resolved), **transform.synthesis, length=y.shape[1])
    inside = slice(0, -transform.hop)  # the last hop is seen by one window's edge only
    # GANSynth's front-end drops DC, so what there is of it in the signal is gone.
    assert np.abs(back - y)[:, inside].max() < 6e-3 * np.abs(y).max()


def test_a_tone_keeps_its_pitch_through_nsynth_ri():
    rate, pitch = 16000, 261.63
    y = np.sin(2 * np.pi * pitch / rate * np.arange(rate)).astype(np.float32)[None]
    transform = preset("nsynth-ri")
    back = istft(decode(forward(y, transform)[0], transform), **transform.synthesis, length=rate)
    assert abs(np.abs(np.fft.rfft(back[0])).argmax() - pitch) <= 1


@st.composite
def transforms(draw):
    kind = draw(st.sampled_from(["magnitude", "mel"]))
    scale = draw(st.sampled_from(["linear", "log", "log10", "db"]))
    return Transform(
        rate=16000,
        kind=kind,
        n_fft=512,
        hop=128,
        power=draw(st.sampled_from([1, 2])),
        n_mels=40 if kind == "mel" else None,
        scale=scale,
        floor=draw(st.sampled_from([1e-10, 1e-12])),
        floor_rule=draw(st.sampled_from(["clip", "add"])),
        reference=draw(st.sampled_from([1.0, 3.0, None])),
        gain=draw(st.sampled_from([1.0, 0.01])),
        slope=draw(st.sampled_from([1.0, 0.05])),
        offset=0.0 if scale == "linear" else draw(st.sampled_from([0.0, 1.0])),
    )


@given(transforms())
@settings(max_examples=60, deadline=None)
def test_decode_undoes_the_scale(transform):
    generator = np.random.default_rng(0)
    S = generator.uniform(0.1, 3, (2, 257, 9)) * np.exp(2j * np.pi * generator.random((2, 257, 9)))
    S = S.astype(np.complex64)
    resolved = transform if transform.reference else Transform(**{**transform.to_dict(), "reference": 7.0})
    plain = Transform(rate=16000, kind=transform.kind, n_fft=512, hop=128, n_mels=transform.n_mels)
    expected = energies(S, Transform(**{**plain.to_dict(), "power": transform.power}))
    if transform.kind == "magnitude" and transform.power == 2:
        expected = np.sqrt(expected)
    np.testing.assert_allclose(decode(encode(S, resolved), resolved), expected, rtol=2e-3, atol=1e-4)


def test_silence_is_zero_again_and_never_divides_by_zero():
    y = np.zeros((1, 4000), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in PRESETS:
            X, resolved = forward(y, preset(name))
            assert np.isfinite(X).all()
            assert not decode(X, resolved).any()
            if not resolved.is_complex:
                np.testing.assert_allclose(X, resolved.silence, atol=1e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_the_record_survives_json(name):
    transform = preset(name)
    assert Transform.from_dict(json.loads(json.dumps(transform.to_dict()))) == transform
    assert matching_presets(transform) == [name]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "cqt"},
        {"kind": "stft", "scale": "db"},
        {"kind": "mel"},
        {"kind": "mel", "n_mels": 40, "fmax": 9000.0},
        {"hop": 4096},
        {"power": 3},
        {"kind": "magnitude", "scale": "log", "floor": 0},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError):
        Transform(**{"rate": 16000, **wrong})


def test_a_record_that_makes_no_sense_is_damaged():
    with pytest.raises(DamagedError, match="rate"):
        Transform.from_dict({"kind": "mel"})
    with pytest.raises(DamagedError, match="makes no sense"):
        Transform.from_dict({"rate": 16000, "hop": "many"})


def test_an_array_of_another_shape_is_damaged():
    with pytest.raises(DamagedError, match="80 bins"):
        decode(np.zeros((1, 128, 5), np.float32), preset("melgan"))
