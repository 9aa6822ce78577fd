"""The spectrogram-to-spectrogram networks against the authors' own: keys, weights and outputs."""

import json
import zlib

import numpy as np
import pytest
import torch

from audiokit.models.style.image_layers import drop_instance_statistics, init_weights
from audiokit.models.style.patchgan import PatchGan
from audiokit.models.style.pix2pix_unet import Pix2PixUnet
from audiokit.models.style.resnet_generator import ResnetGenerator

SMALL = {
    "G_A_resnet9_instance": (ResnetGenerator, {"ngf": 4}),
    "G_resnet6_instance_3ch": (ResnetGenerator, {"ngf": 4, "n_blocks": 6, "input_nc": 3, "output_nc": 2}),
    "G_resnet9_batch_dropout": (ResnetGenerator, {"ngf": 4, "norm": "batch", "dropout": True}),
    "G_unet128_batch_dropout": (Pix2PixUnet, {"ngf": 4, "num_downs": 7, "dropout": True}),
    "G_unet256_instance": (Pix2PixUnet, {"ngf": 2, "num_downs": 8, "norm": "instance"}),
    "D_A_basic_instance": (PatchGan, {"ndf": 4}),
    "D_basic_batch_2ch": (PatchGan, {"ndf": 4, "input_nc": 2, "norm": "batch"}),
    "D_nlayers5_batch": (PatchGan, {"ndf": 4, "n_layers": 5, "norm": "batch"}),
    "D_pixel_batch": (PatchGan, {"ndf": 4, "n_layers": 0, "norm": "batch"}),
}
FULL = {
    "D_basic_batch_64_2ch": (PatchGan, {"input_nc": 2, "norm": "batch"}),
    "D_basic_instance_64": (PatchGan, {}),
    "G_resnet_9blocks_batch_dropout_64": (ResnetGenerator, {"norm": "batch", "dropout": True}),
    "G_resnet_9blocks_instance_64": (ResnetGenerator, {}),
    "G_unet_128_batch_64": (Pix2PixUnet, {}),
    "G_unet_256_batch_64": (Pix2PixUnet, {"num_downs": 8}),
    "G_unet_256_instance_64": (Pix2PixUnet, {"num_downs": 8, "norm": "instance"}),
}


@pytest.fixture
def golden(shared):
    return shared / "golden/models/pix2pix_networks"


def picture(golden, name):
    image = torch.from_numpy(np.load(golden / "image_256.npy"))
    if name == "G_unet256_instance":
        return image
    if name.startswith(("G_unet", "D_")) and "pixel" not in name:
        cut = image[:, :, :128, :128]
        return torch.cat([cut, cut.flip(-1)], dim=1) if name.endswith("2ch") else cut
    cut = image[:, :, :64, :88]
    return torch.cat([cut, 0.5 * cut, -0.7 * cut], dim=1) if name.endswith("3ch") else cut


def agree(output, path):
    assert torch.max(torch.abs(output - torch.from_numpy(np.load(path)))) < 2e-5


@pytest.mark.parametrize("name", SMALL)
def test_official_checkpoint_gives_official_output(golden, name):
    kind, settings = SMALL[name]
    network = kind(**settings)
    network.load_state_dict(torch.load(golden / f"latest_net_{name}.pth", weights_only=True))
    with torch.no_grad():
        agree(network.eval()(picture(golden, name)), golden / f"latest_net_{name}_out_eval.npy")
        train_output = golden / f"latest_net_{name}_out_batchstats_nodropout.npy"
        if train_output.exists():
            network.train()
            for layer in network.modules():
                if isinstance(layer, torch.nn.Dropout):
                    layer.eval()
            agree(network(picture(golden, name)), train_output)


@pytest.mark.parametrize("name", FULL)
def test_full_size_keys_and_shapes(golden, name):
    kind, settings = FULL[name]
    with torch.device("meta"):
        state = kind(**settings).state_dict()
    expected = json.loads((golden / f"keys_full_{name}.json").read_text())
    expected = expected.items() if isinstance(expected, dict) else [(key, shape) for key, shape, *_ in expected]
    assert {key: list(value.shape) for key, value in state.items()} == {key: list(s) for key, s in expected}


def weights_from_keys(state):
    """Compute every tensor from its key and shape, as the golden outputs' makers did."""
    filled = {}
    for key, tensor in state.items():
        seed = zlib.crc32(key.encode()) & 0xFFFFFFFF
        z = np.random.RandomState(seed).standard_normal(size=tuple(tensor.shape))
        last = key.rpartition(".")[2]
        if last == "running_mean":
            value = 0.1 * z
        elif last == "running_var":
            value = np.exp(0.3 * z)
        elif last == "num_batches_tracked":
            value = np.asarray(1)
        elif last == "bias":
            value = 0.05 * z
        elif z.ndim < 2:
            value = 1 + 0.1 * z
        else:
            value = z * np.sqrt(2 / np.prod(z.shape[1:]))
        filled[key] = torch.from_numpy(np.asarray(value)).to(tensor.dtype)
    return filled


@pytest.mark.parametrize(
    ("name", "last", "scale", "cut"),
    [
        ("G_resnet_9blocks_instance_64", "model.26.weight", 0.43107035756111145, (64, 88)),
        ("G_unet_128_batch_64", "model.model.3.weight", 0.17133349180221558, (128, 128)),
        ("D_basic_instance_64", None, 1.0, (128, 128)),
    ],
)
def test_full_size_output(golden, name, last, scale, cut):
    kind, settings = FULL[name]
    network = kind(**settings).eval()
    state = weights_from_keys(network.state_dict())
    if last:
        state[last] *= scale
    network.load_state_dict(state)
    image = torch.from_numpy(np.load(golden / "image_256.npy"))[:, :, : cut[0], : cut[1]]
    with torch.no_grad():
        agree(network(image), golden / f"recipe_{name}_out.npy")


@pytest.mark.parametrize("prefix", ["", "module."])
def test_statistics_of_old_instance_norms_are_dropped(golden, prefix):
    state = torch.load(golden / "old2018_net_G_A_resnet9_instance_tracked.pth", weights_only=True)
    assert any(key.endswith("running_mean") for key in state)
    network = ResnetGenerator(ngf=4).eval()
    state = {prefix + key: value for key, value in state.items()}
    network.load_state_dict(drop_instance_statistics(state, network))
    with torch.no_grad():
        agree(network(picture(golden, "G_A")), golden / "old2018_out_loaded_by_current_code.npy")


def test_statistics_of_batch_norms_are_kept():
    network = ResnetGenerator(ngf=4, n_blocks=1, norm="batch")
    assert drop_instance_statistics(network.state_dict(), network).keys() == network.state_dict().keys()


@pytest.mark.parametrize("kind", [ResnetGenerator, Pix2PixUnet])
def test_residual_output_starts_near_the_input(kind, rng):
    torch.manual_seed(0)
    network = kind(ngf=4, input_nc=2, output="residual", norm="instance").eval()
    init_weights(network)
    x = torch.from_numpy(rng.standard_normal((1, 2, 128, 128)).astype(np.float32))
    with torch.no_grad():
        y = network(x)
    assert y.shape == (1, 1, 128, 128)
    assert torch.mean((y - x[:, :1]) ** 2) < 0.2 * torch.mean(x[:, :1] ** 2)
    assert not torch.equal(y, x[:, :1])
