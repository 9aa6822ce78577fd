"""Official generator checkpoints load as they are, in both directions, from files and folders."""

import json

import numpy as np
import pytest
import torch

from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder.checkpoint import save
from audiokit.models.style.patchgan import PatchGan
from audiokit.models.style.pix2pix_unet import Pix2PixUnet
from audiokit.models.style.resnet_generator import ResnetGenerator
from audiokit.models.style.style_models import import_generator, infer_generator, load_style_model


def network(seed, kind=ResnetGenerator, **settings):
    torch.manual_seed(seed)
    return kind(ngf=4, **settings).eval()


def answer(function, x):
    """Ask a network, or what was loaded of one, which takes and gives arrays."""
    with torch.no_grad():
        return function(x) if isinstance(function, torch.nn.Module) else torch.from_numpy(function(x.numpy()))


@pytest.fixture
def x(rng):
    return torch.from_numpy(rng.uniform(-1, 1, (1, 1, 128, 128)).astype(np.float32))


@pytest.mark.parametrize("wrap", [dict, lambda s: {"state_dict": s, "optimizer": {"state": {}}}])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (ResnetGenerator, {"n_blocks": 2}),
        (ResnetGenerator, {"n_blocks": 9, "norm": "batch", "dropout": True}),
        (ResnetGenerator, {"n_blocks": 3, "dropout": True}),
        (Pix2PixUnet, {"num_downs": 7}),
        (Pix2PixUnet, {"num_downs": 5, "norm": "instance"}),
    ],
)
def test_checkpoint_file_rebuilds_the_network(tmp_path, x, wrap, kind, settings):
    original = network(1, kind, **settings)
    torch.save(wrap({f"module.{k}": v for k, v in original.state_dict().items()}), tmp_path / "gen.pth.tar")
    loaded, frontend, card = load_style_model(str(tmp_path / "gen.pth.tar"))
    assert frontend.transform.preset == "cyclegan-music" and frontend.frames == 256
    assert card["settings"].items() >= settings.items()
    assert torch.equal(answer(loaded, x), answer(original, x))


@pytest.mark.parametrize("names", [("latest_net_G_A.pth", "latest_net_G_B.pth"), ("gen_j.pth.tar", "gen_p.pth.tar")])
def test_folder_of_checkpoints_knows_both_ways(tmp_path, x, names):
    ways = [network(seed, n_blocks=1) for seed in (1, 2)]
    for name, way in zip(names, ways, strict=True):
        torch.save(way.state_dict(), tmp_path / name)
    for direction, way in zip(("ab", "ba"), ways, strict=True):
        loaded, _, _ = load_style_model(str(tmp_path), direction=direction)
        assert torch.equal(answer(loaded, x), answer(way, x))


def test_import_makes_a_model_folder(tmp_path, x):
    from audiokit.models.folder.importers import import_checkpoint

    original = network(3, n_blocks=1)
    torch.save(original.state_dict(), tmp_path / "latest_net_G_B.pth")
    imported, card = import_checkpoint("cyclegan", tmp_path, {"direction": "ba", "frames": 128})
    assert card["labels"] == {"from": "b", "to": "a"} and card["frontend"]["frames"] == 128
    save(tmp_path / "model", imported, card)
    loaded, _, _ = load_style_model(str(tmp_path / "model"))
    assert torch.equal(answer(loaded, x), answer(original, x))


def test_model_folder_knows_the_way_back_if_it_was_trained(tmp_path, x):
    from audiokit.dsp.spectrum.style import standard_frontend

    card = {"kind": "stylize", "architecture": "resnet-generator", "labels": {"from": "pop", "to": "jazz"}}
    card["frontend"] = standard_frontend(position=True).to_dict()
    ways = [network(seed, n_blocks=1, input_nc=2) for seed in (1, 2)]
    save(tmp_path / "model", ways[0], {**card, "settings": ways[0].settings})
    with pytest.raises(ModelError, match="only the way from pop to jazz"):
        load_style_model(str(tmp_path / "model"), direction="ba")
    save(tmp_path / "model/G_B", ways[1], {**card, "settings": ways[1].settings})
    rows = torch.linspace(-1, 1, 128)[None, None, :, None].expand(1, 1, 128, 128)
    for direction, way in zip(("ab", "ba"), ways, strict=True):
        loaded, _, _ = load_style_model(str(tmp_path / "model"), direction=direction)
        assert torch.allclose(answer(loaded, x), answer(way, torch.cat([x, rows], dim=1)), atol=1e-6)


def test_golden_checkpoints_are_recognised(shared):
    folder = shared / "golden/models/pix2pix_networks"
    for path in folder.glob("keys_full_G*.json"):
        state = {key: torch.zeros(shape, device="meta") for key, shape, _ in json.loads(path.read_text())}
        _, settings = infer_generator(state, name=path.name)
        assert settings["ngf"] == 64 and ("batch" in path.name) == (settings["norm"] == "batch")
        assert settings.get("num_downs", 9) in (7, 8, 9) and settings.get("n_blocks", 9) == 9
    old, card = import_generator(folder / "old2018_net_G_A_resnet9_instance_tracked.pth")
    image = torch.from_numpy(np.load(folder / "image_256.npy"))[:, :, :64, :88]
    expected = torch.from_numpy(np.load(folder / "old2018_out_loaded_by_current_code.npy"))
    assert torch.max(torch.abs(answer(old, image) - expected)) < 2e-5 and card["settings"]["norm"] == "instance"


def test_refusals(tmp_path):
    torch.save(PatchGan(ndf=4).state_dict(), tmp_path / "latest_net_D_A.pth")
    with pytest.raises(ModelError, match=r"expected model\.1\.weight.*found model\.0\.weight") as caught:
        load_style_model(str(tmp_path / "latest_net_D_A.pth"))
    assert "discriminator" in caught.value.hint
    torch.save(network(0, n_blocks=1, input_nc=3, output_nc=3).state_dict(), tmp_path / "rgb.pth")
    with pytest.raises(ModelError, match="3 channels"):
        load_style_model(str(tmp_path / "rgb.pth"))
    state = network(0, n_blocks=2).state_dict()
    del state["model.11.conv_block.5.bias"]
    torch.save(state, tmp_path / "part.pth")
    with pytest.raises(ModelError, match=r"model\.11\.conv_block\.5\.bias"):
        load_style_model(str(tmp_path / "part.pth"))
    (tmp_path / "empty").mkdir()
    for spec in (str(tmp_path / "empty"), "no-such-model"):
        with pytest.raises(ModelError):
            load_style_model(spec)
    with pytest.raises(ParameterError):
        load_style_model(str(tmp_path / "rgb.pth"), direction="up")
