import numpy as np
import pytest
import torch

from audiokit.errors import ModelError
from audiokit.models.folder.checkpoint import save
from audiokit.models.folder.runtime import open_network
from audiokit.models.separation.band_masks import BandMasks
from audiokit.models.separation.band_unet import BandUnet
from audiokit.models.separation.combination import (
    GLOBAL,
    LEAST,
    LOCAL,
    WAYS,
    CombinedMasks,
    logarithms,
    of_bands,
    of_moments,
)

ONE, NONE = 0.5413248546, -40.0  # softplus of them is 1 and 0


def biases(*values):
    return [[[value] + [0.0] * (LOCAL + GLOBAL) for value in values]]


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    torch.manual_seed(3)
    net = BandUnet(n_fft=512, hop=128, bands=64, single=16, widths=(4, 4), memory=40, stems=("a", "b", "c"))
    with torch.no_grad():
        net.head.weight.mul_(20)
    folder = tmp_path_factory.mktemp("m") / "m"
    card = {"kind": "split", "architecture": "band-unet", "labels": ["a", "b", "c"], "settings": net.settings}
    save(folder, net, card)
    return open_network(str(folder), kind="split", device="cpu")


def known(rng, frames=300):
    """What is known of the bands of one pair: (1, 3, 2, bands, n)."""
    power = rng.standard_normal((1, 1, 2, 64, frames)) ** 2
    return np.concatenate([power, *rng.random((2, 1, 1, 2, 64, frames))], axis=1).astype(np.float32)


def masks_of(masks, told, core=10**6, sizes=()):
    """Masks of all stems but the last (1, S - 1, 2, bands, n)."""
    pieces = np.split(told, np.cumsum(sizes).astype(int), axis=-1) if len(sizes) else [told]
    return np.concatenate(list(masks.weighed(masks.told(iter(pieces), core), core)), axis=-1)


def test_the_network_alone_where_only_it_has_an_exponent(rng, network):
    told = known(rng)
    found = masks_of(CombinedMasks(network, biases(ONE, NONE, NONE, NONE)), told)
    wanted, _ = BandMasks(network, held=False).of_bands(told[0, 0], 0, 300)
    np.testing.assert_allclose(found[0].swapaxes(2, 3), wanted[:-1], atol=2e-4)  # masks are not let below that


def test_bins_are_shared_out_among_all_stems(rng, network):
    masks = CombinedMasks(network, rng.normal(0, 0.3, (2, WAYS, 1 + LOCAL + GLOBAL)))
    found = np.concatenate(list(masks.spread(masks_of(masks, known(rng)).swapaxes(3, 4))), axis=4)
    assert found.shape == (1, 3, 2, 257, 300)
    assert found.min() >= -1e-6
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_repet_alone_where_only_it_has_an_exponent(rng, network):
    told = known(rng)
    told[:, 1] = 0.3
    found = masks_of(CombinedMasks(network, biases(NONE, ONE, NONE, NONE)), told)
    np.testing.assert_allclose(found[:, 0], 0.3, atol=1e-4)


def test_network_and_repet_never_lose_their_say(rng, network):
    told = known(rng)
    told[:, 1], told[:, 2] = 0.25, 1
    found = masks_of(CombinedMasks(network, biases(NONE, -8.0, NONE, ONE)), told)  # of the two only REPET has any
    np.testing.assert_allclose(found[:, 0], 0.25 ** float(LEAST), atol=1e-3)


@pytest.mark.parametrize(("own", "kept"), [(0.5, 1.0), (0.15, 0.658), (0.01, 1.0)])
def test_where_little_voice_is_found_more_is_let_through(rng, network, monkeypatch, own, kept):
    masks = CombinedMasks(network, biases(ONE, NONE, NONE, NONE))
    taken_apart = masks.known

    def says(*arguments):
        found = taken_apart(*arguments)
        return (np.full_like(found[0], own), *found[1:])

    monkeypatch.setattr(masks, "known", says)
    np.testing.assert_allclose(masks_of(masks, known(rng))[:, 0], own**kept, atol=2e-3)


def test_what_comes_back_is_the_band_unless_the_network_knows_a_voice():
    one = np.ones((2, 3, 8), np.float32)
    for own, wanted in ((0.2, 0.3), (0.9, 0.9)):
        np.testing.assert_allclose(logarithms(own * one, one, one, 0.3 * one)[3], np.log(wanted), rtol=1e-5)


@pytest.mark.parametrize("core", [1, 40, 333])
def test_segments_leave_no_trace(rng, network, core):
    weights = rng.normal(0, 0.3, (2, WAYS, 1 + LOCAL + GLOBAL))
    masks, told = CombinedMasks(network, weights), known(rng, 1000)
    whole = masks_of(masks, told)
    assert whole.shape == (1, 2, 2, 64, 1000)
    if core == 1:  # one frame at a time takes as long as all together, each
        told, whole = told[..., :40], masks_of(masks, told[..., :40])
    np.testing.assert_allclose(masks_of(masks, told, core, rng.integers(1, 90, 9)), whole, atol=1e-4)


def test_sets_of_exponents_are_averaged(rng, network):
    told = known(rng)
    told[:, 1] = 0.25
    sets = [*biases(NONE, ONE, NONE, NONE), *biases(NONE, NONE, NONE, NONE)]
    np.testing.assert_allclose(masks_of(CombinedMasks(network, sets), told)[:, 0], 0.5, atol=1e-4)


def test_evidence_tells_how_much_is_taken_for_voice_and_how_much_comes_back():
    shape = (2, 400, 8)
    one = np.ones(shape, np.float32)
    fresh = np.where(np.arange(8) < 2, 0.1, 1) * one  # in a quarter of the bands
    told = (0.1 * one, 0.5 * one, one, fresh, one, one, one)
    local, overall = of_bands(*told), of_moments(*told)
    assert local.shape == (LOCAL, *shape)
    assert overall.shape == (GLOBAL, 400)
    np.testing.assert_allclose(overall[:2], np.log10(0.01) / 2, atol=1e-4)
    np.testing.assert_allclose(overall[2:4], np.log10(0.25) / 2, atol=1e-4)
    np.testing.assert_allclose(overall[14:], np.log10(0.25) / 2, atol=1e-4)
    np.testing.assert_allclose(local[1], 0, atol=1e-6)  # even odds
    np.testing.assert_allclose(local[14], 0, atol=1e-5)  # as loud as ever


@pytest.mark.parametrize("weights", [[], [[[0.0] * 5] * 3]])
def test_weights_that_do_not_fit_are_refused(network, weights):
    with pytest.raises(ModelError, match="combination"):
        CombinedMasks(network, weights)
