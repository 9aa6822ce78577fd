import numpy as np
import pytest
import torch

from audiokit.dsp.spectrum.stft import stft
from audiokit.errors import ParameterError
from audiokit.models.folder import checkpoint
from audiokit.models.folder.runtime import open_network
from audiokit.models.separation.band_masks import BandMasks
from audiokit.models.separation.band_unet import BandUnet
from audiokit.models.separation.repetition import MOMENTS, repeated_levels


def test_sorting_moments_by_swaps_is_sorting():
    """Frames that are all alike to look at, but for one band: the ranks are those of its sorted values."""
    g = torch.Generator().manual_seed(0)
    pattern = torch.rand(1, 1, 30, 8, generator=g).repeat(1, 1, MOMENTS + 1, 1)
    noisy = pattern.clone()
    noisy[..., 5] += 1e-3 * torch.rand(noisy[..., 5].shape, generator=g)
    low, median = repeated_levels(noisy, memory=1000, gap=20)[0]
    at, others = 100, [10 + 30 * k for k in range(MOMENTS + 1) if k != 3]
    values = noisy[0, 0, others, 5].sort().values
    assert torch.allclose(low[at, 5], values[1]) and torch.allclose(median[at, 5], values[3])


def test_a_voice_over_a_loop_stands_out_of_what_repeats():
    g = torch.Generator().manual_seed(1)
    loop = torch.rand(1, 2, 25, 64, generator=g).repeat(1, 1, 12, 1)
    mix = loop.clone()
    mix[:, :, 130:160, 20:30] += 1.0
    median = repeated_levels(mix, memory=200, gap=31)[:, 2:]  # else a long note is its own repetition
    assert (mix - median)[:, :, 132:158, 20:30].mean() > 0.9
    assert (mix - median)[:, :, :100].abs().mean() < 0.05


@pytest.mark.parametrize("frames", [1, 5, 30])
def test_what_is_too_short_to_repeat_is_its_own_repetition(frames):
    levels = torch.rand(1, 2, frames, 8)
    assert torch.equal(repeated_levels(levels, memory=100, gap=40), levels.repeat(1, 2, 1, 1))


def test_the_answer_does_not_depend_on_what_lies_beyond_its_reach():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    net = BandUnet(n_fft=256, hop=64, rate=8000, bands=32, single=12, widths=(4, 6), memory=60).eval()
    y = rng.standard_normal((2, 64 * 500)).astype(np.float32)
    X = torch.from_numpy(np.abs(stft(y, n_fft=256, hop=64)))[None]
    reach, start = net.config.reach, 200
    with torch.inference_mode():
        whole = net(X)[..., start : start + 40]
        part = net(X[..., start - reach : start + 40 + reach])[..., reach : reach + 40]
    assert torch.allclose(whole, part, atol=1e-5)


def test_a_memory_needs_bands_in_four_ranges():
    with pytest.raises(ParameterError, match="multiple of 4"):
        BandUnet(n_fft=256, bands=34, single=12, widths=(4,), memory=10)
    with pytest.raises(ParameterError, match="negative"):
        BandUnet(memory=-1)


def test_held_to_news_the_first_stem_leaves_what_repeats_to_the_others():
    torch.manual_seed(0)
    settings = {"n_fft": 256, "bands": 32, "single": 12, "widths": (4, 4), "memory": 400}
    plain = BandUnet(**settings, stems=["vocals", "drums", "other"]).eval()
    held = BandUnet(**settings, stems=["vocals", "drums", "other"], novelty=1.0).eval()
    held.load_state_dict(plain.state_dict())
    loop = torch.rand(1, 2, 129, 64, generator=torch.Generator().manual_seed(0)).repeat(1, 1, 1, 12)
    with torch.inference_mode():
        masks, before = held(loop), plain(loop)
    assert torch.allclose(masks.sum(dim=1), torch.ones(()), atol=1e-5)
    assert masks[:, 0, ..., 300:460].max() < 1e-3 < before[:, 0].min()
    assert torch.allclose(masks[:, 1] / masks[:, 2], before[:, 1] / before[:, 2], rtol=0.3, atol=0.05)
    with pytest.raises(ParameterError, match="novelty"):
        BandUnet(novelty=0.5)


def test_without_torch_the_first_stem_is_held_alike_or_left_alone(tmp_path):
    """Where another way looks after repetition, `held=False` gives the masks of a network without novelty."""
    torch.manual_seed(0)
    settings = {"n_fft": 256, "hop": 64, "rate": 8000, "bands": 32, "single": 12, "widths": (4, 4), "memory": 200}
    plain, held = BandUnet(**settings).eval(), BandUnet(**settings, novelty=0.5).eval()
    held.load_state_dict(plain.state_dict())
    card = {"architecture": "band-unet", "settings": held.settings, "kind": "split", "labels": ["a", "b"]}
    checkpoint.save(tmp_path / "m", held, card)
    network = open_network(str(tmp_path / "m"), kind="split", device="cpu")
    rng = np.random.default_rng(0)
    loop = np.tile(rng.standard_normal((2, 64 * 40)), 6).astype(np.float32)
    X = stft(loop, n_fft=256, hop=64)
    for way, net in (({}, held), ({"held": False}, plain)):
        with torch.inference_mode():
            wanted = net(torch.from_numpy(np.abs(X))[None]).numpy()
        np.testing.assert_allclose(BandMasks(network, **way)(X[None]), wanted, atol=1e-3)  # roots of nothing
