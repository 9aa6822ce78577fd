"""Vocoders against the outputs of the official classes, through the command, and in pieces."""

import json
import zlib
from itertools import pairwise

import numpy as np
import pytest
import torch

import audiokit
from audiokit.dsp.spectrum.presets import find_preset
from audiokit.errors import ModelError
from audiokit.models.folder import checkpoint
from audiokit.models.folder.importers import import_checkpoint
from audiokit.models.folder.runtime import TorchNetwork
from audiokit.models.vocoders.base import card_of, fold_weight_norm, read_settings
from audiokit.models.vocoders.hifigan import Hifigan, import_hifigan
from audiokit.models.vocoders.melgan import Melgan, import_melgan
from audiokit.models.vocoders.vocoder import VocoderEngine, import_vocoder
from audiokit.models.vocoders.vocos import Vocos, import_vocos
from tests.signals import plucks


@pytest.fixture
def golden(shared):
    return shared / "golden" / "models"


def run(network, mel):
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(np.asarray(mel, np.float32))).numpy()


def assert_same(got, wanted, tolerance=1e-5):
    got = got.reshape(*got.shape[:-1], -1)[..., : wanted.shape[-1]].reshape(wanted.shape)
    assert np.abs(got - wanted).max() < tolerance * max(1, np.abs(wanted).max())


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("melgan_neurips/small_netG.pt", "melgan_neurips/small_netG"),
        ("melgan_neurips/small2_netG.pt", "melgan_neurips/small2_netG"),
        ("melgan_neurips/small2_netG_legacy_serialization.pt", "melgan_neurips/small2_netG"),
        ("melgan_parallelwavegan/small_checkpoint-0steps.pkl", "melgan_parallelwavegan/small"),
        ("hifigan/small_v1_g_00000000.pt", "hifigan/small_v1"),
        ("hifigan/small_v3_g_00000000.pt", "hifigan/small_v3"),
        ("vocos/small_center_pytorch_model.bin", "vocos/small_center_decode"),
    ],
)
def test_official_checkpoints_give_the_official_audio(golden, file, data):
    network, card = import_vocoder(golden / file)
    assert card["kind"] == "vocoder" and card["frontend"]["kind"] == "mel"
    assert_same(run(network, np.load(golden / f"{data}_in.npy")), np.load(golden / f"{data}_out.npy"))


def test_what_the_weights_do_not_show_is_said(golden):
    network, _ = import_vocos(golden / "vocos/small_same_adanorm_pytorch_model.bin", padding="same", condition=2)
    wanted = np.load(golden / "vocos/small_same_adanorm_decode_out.npy")
    assert_same(run(network, np.load(golden / "vocos/small_same_adanorm_decode_in.npy")), wanted)
    folder = golden / "melgan_parallelwavegan"
    network, _ = import_melgan(folder / "small_checkpoint-0steps.pkl", stats=str(folder / "stats.npy"))
    raw = np.load(folder / "small_inference_raw_logmel_in.npy").T[None]
    assert_same(run(network, raw), np.load(folder / "small_inference_out.npy").T[None])
    config = golden / "hifigan/small_v3_config.json"
    _, card = import_hifigan(golden / "hifigan/small_v3_g_00000000.pt", config=str(config))
    assert card["settings"]["rates"] == [8, 8, 4] and card["frontend"]["fmax"] == 8000


def computed(keys, *, keep=(), scale=("", 1.0)):
    """Weights as a function of their names, so that full-size networks need no weight files."""
    state = {}
    for key, shape, _ in keys:
        if (keep and key.startswith(tuple(keep))) or key.endswith("gamma"):
            continue
        z = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF).standard_normal(size=shape)
        last = key.rsplit(".", 1)[-1]
        if last == "weight_g":
            z = 1.3 * (1 + 0.1 * z) * (scale[1] if key == scale[0] else 1.0)
        elif last == "bias":
            z = 0.05 * z
        elif len(shape) < 2:
            z = 1 + 0.1 * z
        else:
            z = z * np.sqrt(2 / np.prod(shape[1:]))
        state[key] = torch.from_numpy(np.asarray(z, np.float32))
    return fold_weight_norm(state)


V3 = {
    "channels": 256, "rates": (8, 8, 4), "kernels": (16, 16, 8), "block_kernels": (3, 5, 7),
    "dilations": ((1, 2), (2, 6), (3, 12)), "paired": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("network", "keys", "data", "scale"),
    [
        (Melgan, "melgan_neurips/keys_full_netG_80_32_3.json", "melgan_neurips/recipe_netG",
         ("model.24.weight_g", 0.005042182747274637)),
        (Hifigan, "hifigan/keys_full_v1_generator.json", "hifigan/recipe_v1",
         ("conv_post.weight_g", 0.25014013051986694)),
        (lambda: Hifigan(**V3), "hifigan/keys_full_v3_generator.json", "hifigan/recipe_v3",
         ("conv_post.weight_g", 0.7507692575454712)),
        (Vocos, "vocos/keys_full_mel_24khz.json", "vocos/recipe_mel_24khz", ("", 1.0)),
    ],
)  # fmt: skip
def test_full_size_networks_have_the_official_keys_and_numbers(golden, network, keys, data, scale):
    listed = json.loads((golden / keys).read_text())
    net = network()
    state = computed(listed, keep=("feature_extractor.", "head.istft"), scale=scale)
    own = net.state_dict()
    assert set(state) <= set(own) and all(own[k].shape == v.shape for k, v in state.items())
    assert {k.rsplit(".", 1)[-1] for k in set(own) - set(state)} <= {"mean", "scale", "gamma"}
    net.load_state_dict({**own, **state})
    assert_same(run(net, np.load(golden / f"{data}_in.npy")), np.load(golden / f"{data}_out.npy"), 2e-5)


def test_v2_has_the_official_keys(golden):
    listed = json.loads((golden / "hifigan/keys_full_v2_generator.json").read_text())
    folded = {key.replace("weight_g", "weight") for key, _, _ in listed if not key.endswith("weight_v")}
    assert folded == set(Hifigan(channels=128).state_dict())


def test_new_style_weight_norm_is_folded_too():
    torch.manual_seed(0)
    plain = torch.nn.Conv1d(4, 6, 3)
    wanted = plain.weight.detach().clone()
    torch.nn.utils.parametrizations.weight_norm(plain)
    folded = fold_weight_norm(torch.nn.Sequential(plain).state_dict())
    assert set(folded) == {"0.weight", "0.bias"}
    torch.testing.assert_close(folded["0.weight"], wanted)


def test_args_yml_is_parsed_and_never_executed(golden, tmp_path):
    known = read_settings(golden / "melgan_neurips/args.yml")
    assert known["ngf"] == 32 and known["n_residual_layers"] == 3 and known["save_path"] == "logs/x"
    evil = tmp_path / "args.yml"
    evil.write_text(f"!!python/object/apply:os.system ['touch {tmp_path}/owned']\nngf: 16\n")
    assert read_settings(evil)["ngf"] == 16 and not (tmp_path / "owned").exists()
    known = read_settings(golden / "vocos/config_mel_24khz.yaml")
    assert (known["padding"], known["hop_length"], known["sample_rate"]) == ("center", 256, 24000)


SMALL = {
    "melgan": lambda: Melgan(channels=64),
    "hifigan": lambda: Hifigan(channels=32),
    "vocos": lambda: Vocos(dim=16, inside=32, layers=2),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("sizes", [(1000,), (7, 700, 293), (300, 300, 400)])
def test_the_result_does_not_depend_on_segments(name, sizes, rng):
    torch.manual_seed(0)
    network = SMALL[name]().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1.5)  # so that distant frames matter
    transform = find_preset(name).transform(name)
    card = card_of(network, architecture=name, preset=name, source="x")
    mel = np.exp(rng.standard_normal((2, transform.n_mels, 1000))).astype(np.float32)
    engine = VocoderEngine(transform, 2, TorchNetwork(network, card), "x")
    edges = np.cumsum((0, *sizes))
    parts = [engine.push(mel[:, :, a:b]) for a, b in pairwise(edges)]
    got = np.concatenate([*parts, engine.finish(None)], axis=1)
    whole = run(network, np.log10(mel) if name == "melgan" else np.log(mel))[:, 0]
    assert got.shape == (2, 256_000)
    assert np.abs(got - whole).max() < 1e-5 * max(1, np.abs(whole).max())


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_few_frames_are_enough(frames):
    for make in SMALL.values():
        network = make()
        assert run(network, np.zeros((1, network.settings["n_mels"], frames))).shape == (1, 1, 256 * frames)


def test_invert_runs_an_official_checkpoint_and_refuses_other_front_ends(cli, tmp_path, rng, golden):
    y = plucks(rng, seconds=1.0)
    audiokit.write(tmp_path / "in.wav", y, 22_050)
    file = golden / "melgan_neurips/small_netG.pt"
    cli("spectro", "in.wav", "-o", "in.chunks", "--preset", "melgan")
    cli("invert", "in.chunks", "--vocoder", file, "-o", "a.wav")
    cli("models", "import", "melgan", file, "-o", "imported")
    cli("invert", "in.chunks", "--vocoder", "imported", "-o", "b.wav")
    a, rate = audiokit.read(tmp_path / "a.wav")
    assert rate == 22_050 and a.shape == y.shape and np.std(a) > 0
    assert np.abs(a - audiokit.read(tmp_path / "b.wav")[0]).max() < 1e-4
    X, _ = audiokit.spectro(y, 22_050, preset="melgan")
    network, _ = import_checkpoint("melgan", file)
    assert np.abs(run(network, X)[0, 0, : y.shape[1]] - a[0]).max() < 1e-4
    cli("spectro", "in.wav", "-o", "other.chunks", "--preset", "hifigan")
    refused = cli("invert", "other.chunks", "--vocoder", "imported", "-o", "c.wav", status=5)
    assert b"--preset melgan" in refused.stderr and not (tmp_path / "c.wav").exists()
    refused = cli("invert", "in.chunks", "--vocoder", "imported", "--method", "pghi", "-o", "c.wav", status=2)
    assert b"--vocoder" in refused.stderr


def test_checkpoints_of_something_else_are_refused(tmp_path, golden):
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"fc\.weight"):
        import_vocoder(tmp_path / "other.pt")
    melgan, hifigan = golden / "melgan_neurips/small_netG.pt", golden / "hifigan/small_v1_g_00000000.pt"
    for function, file, expected, found, likely in (
        (import_hifigan, melgan, r"conv_pre\.weight", r"model\.1\.bias", "a MelGAN generator"),
        (import_melgan, hifigan, r"model\.1\.weight", r"conv_pre\.bias", "a HiFi-GAN generator"),
        (import_vocos, melgan, r"backbone\.embed\.weight", r"model\.1\.bias", "a MelGAN generator"),
        (
            import_vocoder,
            golden / "melgan_neurips/small_netD.pt",
            "conv_pre",
            r"model\.disc_0",
            "a MelGAN discriminator",
        ),
    ):
        with pytest.raises(ModelError, match=rf"expected .*{expected}.*, found {found}") as caught:
            function(file)
        assert caught.value.hint == f"it looks like {likely}"


def test_a_saved_vocoder_rebuilds_alone(tmp_path):
    torch.manual_seed(1)
    network = Melgan(channels=32)
    card = card_of(network, architecture="melgan", preset="melgan", source="x")
    checkpoint.save(tmp_path / "m", network, card)
    loaded, _ = checkpoint.load(str(tmp_path / "m"), kind="vocoder")
    mel = np.ones((1, 80, 6), np.float32)
    np.testing.assert_array_equal(run(loaded, mel), run(network, mel))


@pytest.mark.parametrize("ratios", [(8, 2), (4, 3, 2)])
@pytest.mark.parametrize("threads", [1, 3])
def test_melgan_in_tiles_is_melgan_in_layers(monkeypatch, ratios, threads):
    """The layers as the authors run them, against products over tiles: short and long, one and several at once."""
    from audiokit.models.vocoders import melgan_tiles

    monkeypatch.setattr(melgan_tiles, "TILE", 512)
    torch.manual_seed(0)
    network = Melgan(channels=32, ratios=ratios, layers=3).eval()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for frames in (4, 5, 37):
            mel = torch.randn(2, 80, frames)
            with torch.inference_mode():
                assert (network(mel) - network.model(mel)).abs().max() < 1e-6
            with torch.no_grad():
                assert (network(mel) - network.model(mel)).abs().max() < 1e-6
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
