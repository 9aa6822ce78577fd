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
    MARGIN,
    WAYS,
    CombinedMasks,
    evidence,
    logarithms,
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


def spectra(rng, frames=300):
    X = rng.standard_normal((1, 2, 257, frames)) + 1j * rng.standard_normal((1, 2, 257, frames))
    return np.concatenate([X, rng.random(X.shape) * X, rng.random(X.shape) * X]).astype(np.complex64)


def test_the_network_alone_where_only_it_has_an_exponent(rng, network):
    X = spectra(rng)
    found = CombinedMasks(network, biases(ONE, NONE, NONE, NONE))(X)
    wanted = BandMasks(network, held=False)(X[:1])
    np.testing.assert_allclose(found[:, :1], wanted[:, :1], atol=2e-4)  # masks are not let below that
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_repet_alone_where_only_it_has_an_exponent(rng, network):
    X = spectra(rng)
    X[1] = 0.3 * X[0]
    found = CombinedMasks(network, biases(NONE, ONE, NONE, NONE))(X)
    np.testing.assert_allclose(found[:, 0], 0.3, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_network_and_repet_never_lose_their_say(rng, network):
    X = spectra(rng)
    X[1], X[2] = 0.25 * X[0], X[0]
    found = CombinedMasks(network, biases(NONE, -8.0, NONE, ONE))(X)  # of the two only REPET has any
    np.testing.assert_allclose(found[:, 0], 0.25 ** float(LEAST), atol=1e-3)


@pytest.mark.parametrize(("own", "kept"), [(0.5, 1.0), (0.15, 0.658), (0.01, 1.0)])
def test_where_little_voice_is_found_more_is_let_through(rng, network, monkeypatch, own, kept):
    masks = CombinedMasks(network, biases(ONE, NONE, NONE, NONE))
    known = masks.known

    def says(*arguments):
        found = known(*arguments)
        return (np.full_like(found[0], own), *found[1:])

    monkeypatch.setattr(masks, "known", says)
    np.testing.assert_allclose(masks(spectra(rng))[:, 0], own**kept, atol=2e-3)


def test_what_comes_back_is_the_band_unless_the_network_knows_a_voice():
    one = np.ones((2, 3, 8), np.float32)
    for own, wanted in ((0.2, 0.3), (0.9, 0.9)):
        np.testing.assert_allclose(logarithms(own * one, one, one, 0.3 * one)[3], np.log(wanted), rtol=1e-5)


def test_a_stretch_is_masked_as_in_the_whole(rng, network):
    weights = rng.normal(0, 0.3, (2, WAYS, 1 + LOCAL + GLOBAL))
    masks = CombinedMasks(network, weights)
    X = spectra(rng, 1000)
    reach = masks.config.reach + MARGIN
    start, stop = 480, 520
    first = start - reach
    part = masks(X[..., first : stop + reach], reach, reach + stop - start)
    np.testing.assert_allclose(part, masks(X, start, stop), atol=1e-4)
    np.testing.assert_allclose(part, masks(X)[..., start:stop], atol=1e-4)


def test_sets_of_exponents_are_averaged(rng, network):
    X = spectra(rng)
    X[1] = 0.25 * X[0]
    sets = [*biases(NONE, ONE, NONE, NONE), *biases(NONE, NONE, NONE, NONE)]
    np.testing.assert_allclose(CombinedMasks(network, sets)(X)[:, 0], 0.5, atol=1e-4)


def test_evidence_tells_how_much_is_taken_for_voice_and_how_much_comes_back():
    shape = (2, 400, 8)
    one = np.ones(shape, np.float32)
    fresh = np.where(np.arange(8) < 2, 0.1, 1) * one  # in a quarter of the bands
    local, overall = evidence(0.1 * one, 0.5 * one, one, fresh, one, one, one)
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
