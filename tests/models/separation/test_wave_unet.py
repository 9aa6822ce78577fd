"""Wave-U-Net against the release: keys, sizes, filters, outputs."""

import json

import numpy as np
import pytest
import torch

from audiokit.errors import ModelError, ParameterError
from audiokit.models.folder import checkpoint
from audiokit.models.folder.checkpoint import read_state_dict
from audiokit.models.separation.wave_layers import SincResample, sinc_filter
from audiokit.models.separation.wave_unet import WaveUnet, separate
from audiokit.models.separation.wave_unet_checkpoint import import_wave_unet
from audiokit.stages.split import split

CASES = ("a_gn_fixed_separate", "b_normal_learned_joint", "c_bn_learned_joint", "d_bn_fixed_k15")


@pytest.fixture
def golden(shared):
    return shared / "golden/models/waveunet"


def _settings(path):
    config = json.loads(path.read_text())
    return {key: value for key, value in config.items() if key not in ("input_size", "output_size", "shapes")}


@pytest.mark.parametrize("case", CASES)
def test_released_checkpoint_gives_released_output(golden, case):
    network = WaveUnet(**_settings(golden / f"{case}_config.json")).eval()
    network.load_state_dict(read_state_dict(golden / f"{case}.pt"))
    x = torch.from_numpy(np.load(golden / f"{case}_in.npy"))
    assert network.input_size == x.shape[-1]
    with torch.no_grad():
        outputs = network(x)
    for name, y in outputs.items():
        np.testing.assert_allclose(y.numpy(), np.load(golden / f"{case}_out_{name}.npy"), atol=2e-5)


def test_older_layout_holds_the_same_weights(golden):
    new = read_state_dict(golden / "b_normal_learned_joint.pt")
    old = read_state_dict(golden / "b_normal_learned_joint_older_layout.pt")
    assert new.keys() == old.keys() and all(torch.equal(new[key], old[key]) for key in new)


def test_sizes_of_many_configurations(golden):
    for row in json.loads((golden / "sizes.json").read_text())[::4]:
        with torch.device("meta"):
            network = WaveUnet(
                num_channels=[8] * row["levels"],
                kernel_size=row["kernel_size"],
                strides=row["strides"],
                res=row["res"],
                target_output_size=row["target_output_size"],
                instruments=["a"],
            )
        assert (network.input_size, network.output_size) == (row["input_size"], row["output_size"]), row


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("default", {}),
        ("bn_learned_separate1", {"conv_type": "bn", "res": "learned"}),
        ("gn_learned_separate0", {"res": "learned", "separate": False}),
    ],
)
def test_full_size_keys_and_shapes(golden, name, changes):
    with torch.device("meta"):
        state = WaveUnet(**changes).state_dict()
    expected = json.loads((golden / f"keys_full_{name}.json").read_text())
    assert [[key, list(v.shape), str(v.dtype).removeprefix("torch.")] for key, v in state.items()] == expected


def test_vocal_cyclegan_sizes_and_parameters():
    with torch.device("meta"):
        network = WaveUnet(
            num_inputs=256, num_outputs=128, num_channels=[1024, 2048, 4096], kernel_size=3, strides=2,
            target_output_size=256, conv_type="normal", separate=False, instruments=["vocal"],
        )  # fmt: skip
    assert (network.input_size, network.output_size) == (289, 257)
    assert sum(p.numel() for p in network.parameters()) == 158_407_808


@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("padding", ["reflect", "valid"])
def test_resampling_and_filter(golden, stride, padding):
    np.testing.assert_allclose(
        sinc_filter(15, 0.5 / stride), np.load(golden / f"sinc_filter_15_stride{stride}.npy"), atol=1e-7
    )
    x = torch.from_numpy(np.load(golden / "resample_in.npy"))
    for way, transpose in (("down", False), ("up", True)):
        y = SincResample(3, stride, transpose=transpose, padding=padding)(x)
        np.testing.assert_allclose(y, np.load(golden / f"resample_{way}_{padding}_{stride}_out.npy"), atol=1e-6)


def test_evaluation_is_clamped_for_waveforms_only():
    small = {"num_inputs": 4, "num_outputs": 4, "num_channels": [8, 8, 8], "kernel_size": 3, "strides": 2,
             "target_output_size": 32, "separate": False, "instruments": ["v"]}  # fmt: skip
    for clamp in (True, False):
        torch.manual_seed(0)
        network = WaveUnet(**small, clamp=clamp).eval()
        torch.nn.init.constant_(network.waveunets["ALL"].output_conv.bias, -50.0)
        with torch.no_grad():
            y = network(torch.zeros(1, 4, network.input_size))["v"]
        assert bool((y.abs() <= 1).all()) is clamp


def test_wrong_settings_are_refused():
    for wrong in ({"conv_type": "in"}, {"res": "cubic"}, {"num_channels": [7]}, {"kernel_size": 4}):
        with pytest.raises(ParameterError):
            WaveUnet(**wrong)


def test_whole_signal_is_separated_as_released(golden):
    network, card = import_wave_unet(str(golden / "a_gn_fixed_separate.pt"), target_output_size=600)
    assert card["settings"]["strides"] == 4 and card["labels"] == ["bass", "drums", "other", "vocals"]
    y = torch.from_numpy(np.load(golden / "a_predict_in.npy"))
    for name, part in separate(network, y).items():
        np.testing.assert_allclose(part, np.load(golden / f"a_predict_out_{name}.npy"), atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_import_finds_the_settings_in_the_weights(golden, case):
    expected = _settings(golden / f"{case}_config.json")
    options = {} if expected["separate"] else {"instruments": ",".join(expected["instruments"])}
    if expected["res"] == "learned":
        with pytest.raises(ModelError, match="strides"):
            import_wave_unet(str(golden / f"{case}.pt"))
        options["strides"] = expected["strides"]
    _, card = import_wave_unet(str(golden / f"{case}.pt"), target_output_size=expected["target_output_size"], **options)
    assert {key: card["settings"][key] for key in expected} == expected


@pytest.mark.parametrize("channels", [1, 2])
def test_split_runs_it_at_any_length(rng, tmp_path, channels):
    torch.manual_seed(4)
    sizes = {"num_inputs": channels, "num_outputs": channels, "num_channels": [8, 8, 16], "target_output_size": 2000}
    net = WaveUnet(**sizes, kernel_size=5, strides=4, instruments=["bass", "vocals"], separate=True).eval()
    card = {"architecture": "wave-unet", "settings": net.settings, "kind": "split", "labels": ["bass", "vocals"]}
    checkpoint.save(tmp_path / "m", net, card)
    y = (0.1 * rng.standard_normal((2, 30_001))).astype(np.float32)
    found = split(y, 44_100, model=str(tmp_path / "m"))
    assert list(found) == ["bass", "vocals"] and all(stem.shape == y.shape for stem in found.values())
    pairs = [y] if channels == 2 else [y[:1], y[1:]]
    whole = np.concatenate([separate(net, torch.from_numpy(pair))["vocals"].numpy() for pair in pairs])
    np.testing.assert_allclose(found["vocals"], whole, atol=1e-5)
    cut = split(y, 44_100, model=str(tmp_path / "m"), stem="vocals", segment=1)
    assert cut.shape == y.shape
