"""Note models: shapes, what they accept, and what the shipped one plays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from audiokit.dsp.notes.bands import N_BANDS
from audiokit.dsp.notes.notes import N_GROUPS, N_HALVES, SINGLE, midi_to_hz
from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder.checkpoint import save, shipped
from audiokit.models.notes import layers as note_layers
from audiokit.models.notes import scale as note_scale
from audiokit.models.notes.autoencoder import NoteAutoencoder
from audiokit.models.notes.cgan import NoteCgan, NoteCgCritic, condition
from audiokit.models.notes.decoder import CHANNELS, CONSTANTS, FRAMES, NoteDecoder
from audiokit.models.notes.gan import NoteCritic, NoteGan
from audiokit.models.notes.making import NoteSettings, draw_sounds, make_note, path_between, vary
from audiokit.models.notes.notes import Sound, Wish, between, load

LABELS = {
    "pitch": [36, 84],
    "instruments": [
        {"name": "oboe", "family": "reed", "source": "acoustic", "qualities": ["bright"], "low": 36, "high": 84},
        {"name": "pipe", "family": "organ", "source": "acoustic", "qualities": [], "low": 36, "high": 84},
        {"name": "hammond", "family": "organ", "source": "electronic", "qualities": ["dark"], "low": 36, "high": 84},
    ],
}


@pytest.fixture
def tiny(tmp_path):
    """An untrained model whose notes are one steady partial."""
    torch.manual_seed(0)
    network = NoteDecoder(latent=4, width=16, depth=2, basis=8, instruments=3)
    with torch.no_grad():
        network.basis.weight.mul_(0.02)
        levels = torch.full((CHANNELS, FRAMES), -2.0)
        levels[0] = 1.4
        levels[1] = 1.0
        network.basis.bias.copy_(levels.flatten())
        network.constants.weight.zero_()
        network.constants.bias.zero_()
        network.constant_mean[-6] = -1.5
        network.centres.copy_(torch.eye(4)[:3])
        network.scatter.fill_(0.1)
    sizes = {"latent": 4, "width": 16, "depth": 2, "basis": 8, "instruments": 3}
    card = {"architecture": "note-decoder", "settings": sizes, "kind": "generate", "labels": LABELS}
    save(tmp_path / "tiny", network, card)
    return load(str(tmp_path / "tiny"))


def pitch_of(y, rate, near):
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 4 * len(y)))
    step = rate / 4 / len(y)
    low, high = int(near / 1.06 / step), int(near * 1.06 / step) + 1
    return (low + spectrum[low:high].argmax()) * step


def test_constants_agree_with_the_description():
    assert CHANNELS == N_GROUPS + N_BANDS + N_HALVES
    assert CONSTANTS == SINGLE + N_GROUPS + 6


def test_scaling_is_undone(rng):
    levels = rng.uniform(-1.9, 1.9, (CHANNELS, FRAMES)).astype(np.float32)
    constants = rng.uniform(0.1, 0.9, CONSTANTS).astype(np.float32)
    again = note_scale.scale(note_scale.unscale(levels, constants))
    assert np.abs(again[0] - levels).max() < 1e-5
    bounded = np.abs(again[1] - constants)
    assert bounded[:-6].max() < 1e-5
    assert bounded[-5:].max() < 1e-5


def test_decoder_shapes_and_chosen_frames():
    network = NoteDecoder(latent=4, width=16, depth=2, basis=8).eval()
    z, pitch, velocity = torch.randn(3, 4), torch.tensor([40.0, 60, 80]), torch.tensor([20.0, 60, 120])
    levels, constants = network(z, pitch, velocity)
    assert levels.shape == (3, CHANNELS, FRAMES)
    assert constants.shape == (3, CONSTANTS)
    some, _ = network(z, pitch, velocity, frames=torch.tensor([0, 5, 87]))
    assert torch.allclose(some, levels[:, :, [0, 5, 87]], atol=1e-5)
    mean, variance = network.encode(levels, constants, pitch, velocity, torch.ones(3, 2))
    assert mean.shape == variance.shape == (3, 4)


def test_pictures_go_back_to_magnitudes():
    bins = torch.rand(2, note_layers.BINS + 1, 1) * 50
    decaying = bins * torch.exp(-0.05 * torch.arange(note_layers.FRAMES))
    for magnitude in (bins.expand(-1, -1, note_layers.FRAMES), decaying):
        picture = note_layers.to_picture(magnitude)
        assert picture.shape == (2, note_layers.FOLD, note_layers.ROWS, note_layers.COLUMNS)
        assert picture.abs().max() < 1.1
        again = note_layers.from_picture(picture)[:, 1:, :115]  # the last, wide column is flat at its end
        assert torch.allclose(again, magnitude[:, 1:, :115], rtol=1e-2, atol=2e-3)


def test_a_comb_marks_the_partials_of_its_pitch():
    near, parity, _ = note_layers.comb(torch.tensor([69.0])).unflatten(1, (3, note_layers.FOLD)).unbind(1)
    bins = near[0, :, :, 0].T.flatten()  # bin 1 first
    at = np.array([440 * k * note_layers.N_FFT / note_layers.RATE for k in (1, 2, 5)])
    assert (bins[np.round(at).astype(int) - 1] > 0.7).all()
    assert (bins[np.round(at * 1.25).astype(int) - 1] < 0.01)[0]
    signs = parity[0, :, :, 0].T.flatten()[np.round(at).astype(int) - 1]
    assert signs[0] < -0.7 < 0.7 < signs[1]


def test_painters_and_viewers():
    wanted = condition(torch.tensor([24, 96]), torch.tensor([0, 10]), torch.tensor([1, 127]), torch.zeros(2, 10))
    assert wanted.sum(1).shape == (2,)
    assert (wanted[0, 0], wanted[1, 72]) == (1, 1)
    z = torch.randn(2, 8)
    for picture in (NoteGan(8, 4)(z), NoteCgan(8, 4)(z, wanted), NoteAutoencoder(8, 4)(z, wanted)):
        assert picture.shape == (2, note_layers.FOLD, note_layers.ROWS, note_layers.COLUMNS)
    assert NoteCritic(4)(picture).shape == (2,)
    score, family = NoteCgCritic(4)(picture, wanted)
    assert (score.shape, family.shape) == ((2,), (2, 11))
    assert NoteAutoencoder(8, 4).encode(picture, wanted).shape == (2, 8)


def test_a_key_never_heard_is_painted_in_its_place():
    torch.manual_seed(0)
    network = NoteCgan(4, 8)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    def task(keys):
        wanted = condition(keys, torch.zeros(len(keys)), torch.full((len(keys),), 75), torch.zeros(len(keys), 10))
        near = note_layers.comb(keys)[:, : note_layers.FOLD].expand(-1, -1, -1, note_layers.COLUMNS)
        return wanted, 1.4 * near - 0.7

    for _ in range(30):
        wanted, target = task(torch.arange(48, 72, 3))
        loss = (network(torch.randn(8, 4), wanted) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    wanted, target = task(torch.tensor([55]))
    with torch.no_grad():
        painted = network(torch.randn(1, 4), wanted)
    assert np.corrcoef(painted.flatten(), target.flatten())[0, 1] > 0.8


def test_the_prior_of_the_autoencoder_follows_its_labels():
    torch.manual_seed(0)
    network = NoteAutoencoder(4, 4)
    pitch = torch.randint(24, 97, (400,))
    wanted = condition(pitch, torch.zeros(400), torch.full((400,), 75), torch.zeros(400, 10))
    latents = torch.stack([pitch / 50.0, -pitch / 50.0, torch.zeros(400), torch.ones(400)], 1) + 0.05 * torch.randn(
        400, 4
    )
    network.fit_prior(latents, wanted)
    drawn = network.draw(torch.randn(400, 4), wanted)
    assert (drawn - latents).abs().mean() < 0.15
    assert 0.02 < (drawn - network.draw(torch.zeros(400, 4), wanted)).std() < 0.25
    other = condition(pitch, torch.full((400,), 3), torch.full((400,), 75), torch.zeros(400, 10))
    network.fit_prior(torch.cat([latents, 5 - latents]), torch.cat([wanted, other]))
    assert (network.draw(torch.randn(400, 4), other) - (5 - latents)).abs().mean() < 0.15


def test_a_wish_chooses_among_the_instruments(tiny):
    assert {tiny.draw(Wish("organ"), np.random.default_rng(n)).instrument for n in range(20)} == {"pipe", "hammond"}
    assert tiny.draw(Wish("organ", "electronic"), np.random.default_rng(0)).instrument == "hammond"
    assert tiny.draw(Wish(qualities=("bright",)), np.random.default_rng(0)).instrument == "oboe"
    tiny.instruments[2]["high"] = 50
    assert {tiny.draw(Wish("organ", span=(60, 70)), np.random.default_rng(n)).instrument for n in range(9)} == {"pipe"}
    assert tiny.draw(Wish("organ", "electronic", span=(60, 70)), np.random.default_rng(0)).instrument == "hammond"
    exact = tiny.draw(Wish(instrument="oboe", variety=0.0), np.random.default_rng(0))
    assert np.allclose(exact.latent, [1, 0, 0, 0], atol=1e-3)


@pytest.mark.parametrize(
    ("wish", "hint"),
    [
        (Wish("kazoo"), "organ, reed"),
        (Wish(source="wooden"), "acoustic, electronic"),
        (Wish(instrument="flugel"), "hammond, oboe, pipe"),
        (Wish(qualities=("shiny",)), "bright, dark"),
        (Wish("reed", qualities=("dark",)), "qualities bright"),
    ],
)
def test_unknown_words_list_the_known(tiny, wish, hint):
    with pytest.raises(ParameterError) as caught:
        tiny.draw(wish, np.random.default_rng(0))
    assert hint in caught.value.hint


def test_sounds_do_not_depend_on_how_many_are_drawn(tiny):
    few, many = draw_sounds(tiny, Wish(), 2, 5), draw_sounds(tiny, Wish(), 6, 5)
    assert all((a.latent == b.latent).all() for a, b in zip(few, many, strict=False))
    assert not (few[0].latent == draw_sounds(tiny, Wish(), 1, 6)[0].latent).all()


def test_notes_have_their_pitch_length_and_bytes(tiny):
    sound = draw_sounds(tiny, Wish(), 1, 0)[0]
    settings = NoteSettings(seconds=1.5, rate=16000, seed=3)
    for pitch in (36, 57, 84):
        y, _ = make_note(tiny, sound, pitch, 100, settings, key=0)
        assert y.shape == (24000,)
        assert abs(1200 * np.log2(pitch_of(y[:16000], 16000, midi_to_hz(pitch)) / midi_to_hz(pitch))) < 6
        assert (y == make_note(tiny, sound, pitch, 100, settings, key=0)[0]).all()


def test_envelope_controls_are_followed(tiny):
    sound = draw_sounds(tiny, Wish(), 1, 0)[0]
    y, _ = make_note(tiny, sound, 60, 100, NoteSettings(seconds=3.0, attack_s=0.5, release_s=0.5, rate=16000), key=0)
    rms = lambda a, b: float(np.sqrt((y[int(a * 16000) : int(b * 16000)] ** 2).mean()))  # noqa: E731
    assert rms(0, 0.1) < 0.2 * rms(1, 2)
    assert rms(2.4, 2.5) > 0.8 * rms(1, 2)
    assert rms(2.7, 2.8) < 0.15 * rms(1, 2)


def test_variations_and_paths(tiny):
    a, b = Sound(np.zeros(4, np.float32), "reed"), Sound(np.ones(4, np.float32), "organ")
    path = path_between(a, b, 5)
    assert [float(s.latent[0]) for s in path] == [0, 0.25, 0.5, 0.75, 1]
    assert between(a, b, 0.2).family == "reed"
    kept, changed = vary(tiny, a, 2, 0, 1.0)
    assert (kept.latent == a.latent).all()
    assert 0 < np.abs(changed.latent).max() < 1
    with pytest.raises(ParameterError):
        path_between(a, b, 1)


def test_latents_of_another_size_are_refused(tiny):
    assert tiny.check_latent(np.zeros((1, 4))).shape == (4,)
    for bad in (np.zeros(5), np.zeros((2, 4)), np.array(["a"] * 4)):
        with pytest.raises(ModelError):
            tiny.check_latent(bad)
    with pytest.raises(ModelError, match="NaN"):
        tiny.check_latent(np.full(4, np.nan))


def test_encoding_a_note_gives_a_latent(tiny):
    y, _ = make_note(tiny, draw_sounds(tiny, Wish(), 1, 0)[0], 60, 100, NoteSettings(2.0, rate=16000), key=0)
    assert tiny.encode(y, 16000, 60, 100).latent.shape == (4,)


def test_an_imitation_keeps_what_the_latent_cannot_hold(tiny):
    t = np.arange(2 * 16000) / 16000
    y = (0.2 * np.sin(2 * np.pi * midi_to_hz(60) * t) + 0.2 * np.sin(6 * np.pi * midi_to_hz(60) * t)).astype(np.float32)
    sound = tiny.encode(y, 16000, 60, 100)
    again = tiny.render(
        sound, 60, 100, held_s=1.5, release_s=0.5, decay_s=None, rate=16000, rng=np.random.default_rng(0)
    )
    spectrum = np.abs(np.fft.rfft(again[4000:20000]))
    assert spectrum[round(3 * midi_to_hz(60))] > 0.3 * spectrum[round(midi_to_hz(60))]
    assert between(sound, tiny.draw(Wish("reed"), np.random.default_rng(0)), 0.25).detail is not None


def test_picture_models_make_notes_and_refuse_what_they_cannot(tmp_path):
    torch.manual_seed(0)
    for name, network in (
        ("note-gan", NoteGan(8, 4)),
        ("note-cgan", NoteCgan(8, 4)),
        ("note-autoencoder", NoteAutoencoder(8, 4)),
    ):
        card = {
            "architecture": name,
            "settings": {"latent": 8, "width": 4},
            "kind": "generate",
            "labels": {"pitch": [24, 96]},
        }
        save(tmp_path / name, network, card)
        model = load(str(tmp_path / name))
        sound = model.draw(Wish(family="organ"), np.random.default_rng(0))
        y, _ = make_note(model, sound, 60, 100, NoteSettings(2.0, rate=22050), key=0)
        assert y.shape == (44100,)
        assert np.isfinite(y).all() and y.any()
        with pytest.raises(ParameterError, match="up to 4 s"):
            make_note(model, sound, 60, 100, NoteSettings(6.0), key=0)
        with pytest.raises(ModelError, match="no encoder"):
            model.encode(y, 22050, 60, 100)


@pytest.mark.skipif("notes" not in shipped(), reason="the default model is not built")
class TestShippedModel:
    """The default model, judged by ear-independent measures."""

    def test_size_families_and_range(self):
        model = load("notes")
        size = sum(f.stat().st_size for f in shipped()["notes"].iterdir())
        assert size <= 12e6
        assert len({i["family"] for i in model.instruments}) >= 8
        assert (model.low, model.high) == (24, 96)

    @pytest.mark.parametrize("family", ["brass", "keyboard", "string", "organ"])
    def test_pitch_velocity_and_cleanness(self, family):
        model = load("notes")
        sound = draw_sounds(model, Wish(family), 1, 1)[0]
        for pitch in (40, 64, 88):
            settings = NoteSettings(2.0, rate=32000)
            soft, _ = make_note(model, sound, pitch, 30, settings, key=0)
            loud, _ = make_note(model, sound, pitch, 120, settings, key=0)
            # By the loudest of the first partials: an organ's fundamental may be faint.
            f0 = midi_to_hz(pitch)
            spectrum = np.abs(np.fft.rfft(loud[3200:35200]))
            loudest = 1 + int(
                np.argmax([spectrum[round((k - 0.03) * f0) : round((k + 0.03) * f0) + 2].max() for k in range(1, 7)])
            )
            measured = pitch_of(loud[3200:35200], 32000, loudest * f0) / loudest
            assert abs(1200 * np.log2(measured / f0)) < 25
            assert loud.std() > 1.5 * soft.std()
            assert abs(loud.mean()) < 1e-3
            assert np.abs(loud[-3:]).max() < 1e-3

    def test_plucked_notes_decay_and_bowed_ones_do_not(self):
        model = load("notes")
        settings = NoteSettings(4.0, rate=16000)
        change = {}
        for name in ("nylon_guitar", "drawbar_organ"):
            sound = draw_sounds(model, Wish(instrument=name, variety=0.0), 1, 0)[0]
            y, _ = make_note(model, sound, 60, 100, settings, key=0)
            change[name] = 20 * np.log10(y[40000:44000].std() / y[3200:7200].std())
        assert change["nylon_guitar"] < -12
        assert change["nylon_guitar"] < change["drawbar_organ"] - 6

    def test_its_own_notes_are_encoded_to_their_instrument(self):
        model = load("notes")
        right = 0
        names = ("grand_piano", "trumpet", "flute", "violin", "drawbar_organ", "nylon_guitar")
        for name in names:
            sound = draw_sounds(model, Wish(instrument=name, variety=0.0), 1, 0)[0]
            y = model.render(
                sound, 60, 100, held_s=3.0, release_s=1.0, decay_s=None, rate=32000, rng=np.random.default_rng(0)
            )
            right += model.encode(y, 32000, 60, 100).family == sound.family
        assert right >= 5
