"""VocalCycleGAN: sizes, exact joins, no shift, the published checkpoints, discriminators with gradients."""

import numpy as np
import pytest
import torch

from audiokit.errors import InputError, ModelError
from audiokit.models.voice import vocal_cyclegan
from audiokit.models.voice.vocal_cyclegan import (
    RocketDiscriminator,
    VocalCycleGan,
    from_reference,
    import_vocal_cyclegan,
)

SMALL = {"vocal_channels": (8, 8, 8), "speech_channels": (8, 8, 8), "mels": 16}


@pytest.fixture
def gan():
    torch.manual_seed(0)
    return VocalCycleGan(**SMALL).eval()


def test_published_size_has_published_parameters():
    with torch.device("meta"):
        whole = VocalCycleGan()
    assert sum(p.numel() for p in whole.generator_vocal.parameters()) == 158_407_808
    assert sum(p.numel() for p in whole.generator_speech.parameters()) == 39_685_760


@pytest.mark.parametrize("frames", [1, 7, 256, 257, 300])
def test_any_length_keeps_its_length(gan, frames):
    x = torch.randn(2, 16, frames)
    with torch.no_grad():
        assert gan.sing(x, x).shape == x.shape == gan.speak(x).shape


def test_segments_join_exactly(gan, monkeypatch):
    x, a = torch.randn(1, 16, 400), torch.randn(1, 16, 400)
    with torch.no_grad():
        whole = gan.sing(x, a)
        monkeypatch.setattr(vocal_cyclegan, "SEGMENT", 64)
        np.testing.assert_allclose(gan.sing(x, a), whole, atol=1e-5)


def test_output_is_centred_on_its_input_and_the_published_one_is_late_by_a_frame(gan):
    """Mirroring time mirrors the output up to the alignment of the strided layers, so centres can be compared."""
    late = VocalCycleGan(**SMALL, shift=1).eval()
    late.load_state_dict(gan.state_dict())
    x = torch.zeros(1, 16, 256)
    loud = x.clone()
    loud[..., 128] = 10.0
    centres = []
    with torch.no_grad():
        for model in (gan, late):
            change = (model.speak(loud) - model.speak(x)).abs().sum(1)[0].numpy()
            reach = np.flatnonzero(change > 1e-7)
            centres.append((reach[0] + reach[-1]) / 2)
    assert abs(centres[0] - 128) <= 2
    assert 0.4 <= centres[1] - centres[0] <= 2.1


def test_published_padding_gives_published_frames(gan):
    """Inside a clip the shifted model is the network on the clip with 17 frames before it and 16 after."""
    late = VocalCycleGan(**SMALL, shift=1).eval()
    late.load_state_dict(gan.state_dict())
    clip = torch.randn(1, 16, 256)
    with torch.no_grad():
        raw = late.generator_speech(torch.nn.functional.pad(clip, (17, 16), value=-80.0))["speech"]
        inside = slice(64, 192)
        np.testing.assert_allclose(late.speak(clip)[..., inside], raw[..., inside], atol=1e-5)


def test_residual_of_a_silent_network_is_the_input():
    gan = VocalCycleGan(**SMALL, residual=True, centre_db=-20.0, scale_db=40.0).eval()
    for p in gan.generator_vocal.parameters():
        torch.nn.init.zeros_(p)
    x = torch.randn(1, 16, 50) * 10 - 30
    with torch.no_grad():
        np.testing.assert_allclose(gan.sing(x, torch.zeros_like(x)), x, atol=1e-4)


def test_reference_states_are_taken_over(gan):
    again = from_reference(gan.generator_vocal.state_dict(), gan.generator_speech.state_dict())
    assert again.config.shift == 1 and again.config.vocal_channels == [8, 8, 8]
    late = VocalCycleGan(**SMALL, shift=1)
    late.load_state_dict(gan.state_dict())
    x = torch.randn(1, 16, 40)
    with torch.no_grad():
        assert again.config.mels == 16 and torch.equal(again.speak(x), late.speak(x))
    with pytest.raises(ModelError, match="missing"):
        from_reference({"conv.weight": torch.zeros(1)})


def test_model_without_the_other_direction_says_so():
    gan = VocalCycleGan(vocal_channels=(8, 8, 8), speech_channels=(), mels=16)
    with pytest.raises(ModelError, match="only sings"):
        gan.speak(torch.zeros(1, 16, 8))


def test_discriminator_teaches_the_vocal_and_sees_the_accompaniment(rng):
    torch.manual_seed(0)
    judge = RocketDiscriminator(32, 64, hidden=16, num_features=500)
    real = torch.randn(8, 32, 64)
    judge.rocket.fit(real, rng=rng)
    judge.eval()
    x = torch.randn(4, 32, 64, requires_grad=True)
    judge(x).sum().backward()
    gradient = x.grad.abs().sum((0, 2))
    assert float(gradient[:16].sum()) > 0 and float(gradient[16:].sum()) > 0
    with torch.no_grad():
        other = x.clone()
        other[:, 16:] = torch.randn(4, 16, 64)
        assert float((judge(other) - judge(x)).abs().max()) > 1e-5


def test_published_files_are_imported_from_their_folder(tmp_path, gan):
    torch.save(gan.generator_vocal.state_dict(), tmp_path / "generator_state_vocal_dict_20250421-033033.pt")
    torch.save(gan.generator_speech.state_dict(), tmp_path / "generator_state_speech_dict_20250421-033033.pt")
    network, card = import_vocal_cyclegan(str(tmp_path))
    assert card["kind"] == "sing" and network.config.shift == 1
    one, _ = import_vocal_cyclegan(str(tmp_path / "generator_state_vocal_dict_20250421-033033.pt"))
    x = torch.randn(1, 16, 30)
    with torch.no_grad():
        assert torch.equal(one.sing(x, x), network.sing(x, x))
    with pytest.raises(ModelError, match="only sings"):
        one.speak(x)
    with pytest.raises(InputError, match="inside"):
        import_vocal_cyclegan(str(tmp_path.parent))


@pytest.mark.parametrize("frames", [1, 7, 100, 300])
@pytest.mark.parametrize("shift", [0, 1])
def test_arrays_and_tensors_slide_alike(frames, shift, monkeypatch):
    from audiokit.models.folder.runtime import TorchNetwork
    from audiokit.models.voice import vocal_slide

    torch.manual_seed(0)
    gan = VocalCycleGan(**SMALL, centre_db=-20.0, scale_db=40.0, residual=True, shift=shift).eval()
    x, a = torch.randn(1, 16, frames) * 20 - 30, torch.randn(1, 16, frames) * 20 - 30
    monkeypatch.setattr(vocal_slide, "SEGMENT", 64)
    generators = vocal_slide.VocalGenerators(TorchNetwork(gan, {}))
    with torch.no_grad():
        sung, spoken = gan.sing(x, a)[0].numpy(), gan.speak(x)[0].numpy()
    np.testing.assert_allclose(generators.sing(x[0].numpy(), a[0].numpy()), sung, atol=1e-4)
    np.testing.assert_allclose(generators.speak(x[0].numpy()), spoken, atol=1e-4)
    both = np.concatenate([x[0].numpy(), a[0].numpy()])
    parts = [*generators.sing_parts(np.array_split(both, 3, axis=1))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), sung, atol=1e-4)
    silent = vocal_slide.VocalGenerators(TorchNetwork(VocalCycleGan(**{**SMALL, "speech_channels": ()}), {}))
    with pytest.raises(ModelError, match="only sings"):
        silent.speak(x[0].numpy())
