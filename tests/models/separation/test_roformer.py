"""RoFormers: the numbers of the package whose layout public checkpoints have, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError
from audiokit.models.folder import checkpoint
from audiokit.models.folder.importers import import_checkpoint
from audiokit.models.folder.remotes import REMOTE
from audiokit.models.separation.roformer import USUAL_BANDS, BsRoformer, MelBandRoformer
from audiokit.models.separation.roformer_checkpoint import import_roformer, read_training_yaml
from audiokit.stages.split import split
from tests.parity.roformer import KEPT, difference, import_case
from tests.parity.roformer_cases import GOLDEN, USUAL

TINY = {"dim": 8, "depth": 2, "heads": 2, "head_dim": 4, "n_fft": 64, "window": 64, "hop": 16, "chunk": 2000}
NAMES = [case["name"] for case in GOLDEN]


def golden(name):
    path = KEPT / f"{name}.npz"
    assert path.exists(), f"{path} is missing: python -m tests.parity.roformer --golden"
    return np.load(path)


def tiny(kind=MelBandRoformer, **more):
    torch.manual_seed(3)
    bands = 6 if kind is MelBandRoformer else (3, 5, 9, 16)
    net = kind(**{**TINY, "bands": bands, **more}).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(1 + 0.3 * torch.randn_like(value)).add_(0.1 * torch.randn_like(value))
    return net


def yaml_of(net, **more):
    """The YAML that the usual training code would have for a network."""
    config = net.config
    model = {
        "dim": config.dim,
        "depth": config.depth,
        "stereo": config.channels == 2,
        "num_stems": len(config.stems),
        "heads": config.heads,
        "dim_head": config.head_dim,
        "stft_n_fft": config.n_fft,
        "stft_hop_length": config.hop,
        "stft_win_length": config.window,
        "multi_stft_resolutions_window_sizes": (4096, 2048),
        **more.pop("model", {}),
    }
    key = ("num_bands", config.bands) if isinstance(config.bands, int) else ("freqs_per_bands", tuple(config.bands))
    one = {"instruments": ["vocals", "other"], "target_instrument": "vocals"}
    training = one if len(config.stems) == 1 else {"instruments": list(config.stems), "target_instrument": None}
    return {"audio": {"chunk_size": config.chunk}, "model": {key[0]: key[1], **model}, "training": training, **more}


def saved(folder, net, state=None, **more):
    torch.save(state or {"state_dict": net.state_dict()}, folder / "net.ckpt")
    text = yaml.dump(yaml_of(net, **more))
    assert "!!python/tuple" in text
    (folder / "net.yaml").write_text(text)
    return folder / "net.ckpt"


@pytest.mark.parametrize("name", NAMES)
def test_the_packages_numbers(name, tmp_path):
    with golden(name) as data:
        error, peak = difference(data, import_case(data, tmp_path))
    assert error < 1e-5 and peak > 0.1


def test_only_some_stems_are_the_same_stems():
    net = tiny(stems=("vocals", "drums", "other"), rest="other")
    y = torch.randn(2, 2, 500)
    with torch.inference_mode():
        torch.testing.assert_close(net(y, [2, 0]), net(y)[:, [2, 0]])
        torch.testing.assert_close(net(y[1:]), net(y)[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [MelBandRoformer, BsRoformer])
def test_wrappers_and_places_of_layers(kind, tmp_path):
    """Checkpoints are wrapped in several ways, and some count the place of the linear attention they lack."""
    net = tiny(kind)
    y = torch.randn(1, 2, 700)
    for number, wrapper in enumerate(("state_dict", "model_state_dict", None)):
        state = {f"module.{key}" if number == 1 else key: value for key, value in net.state_dict().items()}
        if number == 0:
            state = {
                ".".join([*key.split(".")[:2], str(int(key.split(".")[2]) + 1), *key.split(".")[3:]])
                if key.startswith("layers.")
                else key: value
                for key, value in state.items()
            }
        read, card = import_roformer(saved(tmp_path, net, {wrapper: state} if wrapper else state))
        assert read.settings == net.settings and card["labels"] == ["vocals", "accompaniment"]
        with torch.inference_mode():
            torch.testing.assert_close(read(y), net(y))


def test_the_public_layout_has_the_names_that_it_is_known_by():
    """Names of tensors as published checkpoints have them, for the sizes of the best-known one (in one turn)."""
    with torch.device("meta"):
        net = MelBandRoformer(depth=1)
    keys = set(net.state_dict())
    for part in ("norm.gamma", "to_qkv.weight", "to_gates.weight", "to_gates.bias", "to_out.0.weight"):
        assert {f"layers.0.0.layers.0.0.{part}", f"layers.0.1.layers.0.0.{part}"} <= keys
    assert {"layers.0.0.layers.0.0.rotary_embed.freqs", "layers.0.1.norm.gamma"} <= keys
    assert {
        f"layers.0.0.layers.0.1.net.{part}" for part in ("0.gamma", "1.weight", "1.bias", "4.weight", "4.bias")
    } <= keys
    assert {"band_split.to_features.59.0.gamma", "band_split.to_features.59.1.weight"} <= keys
    assert {f"mask_estimators.0.to_freqs.59.0.{at}.weight" for at in (0, 2, 4)} <= keys
    assert "final_norm.gamma" not in keys and net.state_dict()["mask_estimators.0.to_freqs.0.0.0.weight"].shape == (
        1536,
        384,
    )
    assert USUAL_BANDS == USUAL and sum(USUAL_BANDS) == 1025


def test_published_files_are_as_large_as_these_networks():
    """A checkpoint is its tensors and a few hundred kilobytes of names."""
    four = ("drums", "bass", "other", "vocals")
    with torch.device("meta"):
        kim = MelBandRoformer()
        zfturbo = BsRoformer(depth=8, bands=USUAL_BANDS, mask_layers=2, mask_widening=2, stems=four, rest="other")
    for net, name in ((kim, "melband-roformer-kim"), (zfturbo, "bs-roformer-4stems")):
        tensors = 4 * sum(value.numel() for value in net.state_dict().values())
        assert 0 < REMOTE[name].size - tensors < 700_000


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": {"dim": 9}}, ModelError, "dim is 8, but the YAML says 9"),
        ({"model": {"depth": 6}}, ModelError, "depth is 2, but the YAML says 6"),
        ({"model": {"num_stems": 4}}, ModelError, "num_stems is 1, but the YAML says 4"),
        ({"model": {"num_bands": 60}}, ModelError, "num_bands is 6, but the YAML says 60"),
        ({"model": {"stereo": False}}, ModelError, "expected"),
        ({"inference": {"normalize": True}}, ModelError, "unit variance"),
        ({"training": {"instruments": ["a", "b", "c"], "target_instrument": None}}, ModelError, "names 3 instruments"),
    ],
)
def test_yaml_of_another_model(change, error, message, tmp_path):
    with pytest.raises(error, match=message):
        import_roformer(saved(tmp_path, tiny(), **change))


def test_another_checkpoint_is_told_from_what_was_expected(tmp_path):
    net = tiny()
    torch.save({"conv_pre.weight": torch.zeros(2)}, tmp_path / "net.ckpt")
    (tmp_path / "net.yaml").write_text(yaml.dump(yaml_of(net)))
    with pytest.raises(ModelError, match=r"expected band_split.*found conv_pre\.weight") as caught:
        import_roformer(tmp_path / "net.ckpt")
    assert "HiFi-GAN" in caught.value.hint
    state = {**net.state_dict(), "layers.0.0.layers.0.0.to_value_residual_mix.weight": torch.zeros(1)}
    with pytest.raises(ModelError, match=r"unexpected .*to_value_residual_mix"):  # a later layout
        import_roformer(saved(tmp_path, net, state))
    del state["layers.0.0.layers.0.0.to_value_residual_mix.weight"], state["band_split.to_features.2.1.bias"]
    with pytest.raises(ModelError, match=r"missing band_split\.to_features\.2\.1\.bias"):
        import_roformer(saved(tmp_path, net, state))


def test_yaml_is_needed_and_nothing_in_it_is_executed(tmp_path):
    source = saved(tmp_path, tiny())
    (tmp_path / "net.yaml").rename(tmp_path / "other.yaml")
    with pytest.raises(ParameterError, match="YAML") as caught:
        import_checkpoint("roformer", source)
    assert "--config net.yaml" in caught.value.hint.replace(str(tmp_path) + "/", "")
    assert import_checkpoint("roformer", source, {"config": str(tmp_path / "other.yaml")})
    with pytest.raises(InputError):
        import_checkpoint("roformer", source, {"config": str(tmp_path / "none.yaml")})
    evil = tmp_path / "evil.yaml"
    evil.write_text(f"model: !!python/object/apply:os.mkdir ['{tmp_path / 'made'}']\n")
    with pytest.raises(ModelError, match="more than plain values"):
        read_training_yaml(evil)
    assert not (tmp_path / "made").exists()
    evil.write_text("model: [1, 2")
    with pytest.raises(DamagedError, match="not readable as YAML"):
        read_training_yaml(evil)
    evil.write_text("- 1")
    with pytest.raises(ModelError, match="not the YAML of a model"):
        read_training_yaml(evil)


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("training", "target_instrument", "drums", "target 'drums' is none of its instruments"),
        ("training", "target_instrument", ["vocals"], "must be a list of names"),
        ("training", "instruments", "vocals", "must be a list of names"),
        ("training", "instruments", 5, "must be a list of names"),
        ("training", "instruments", ["vocals", "../../x", "b"], "'../../x' cannot be the name of a stem"),
        ("model", "stft_n_fft", "abc", "stft_n_fft must be a whole number of at least 1, not 'abc'"),
        ("model", "stft_n_fft", float("inf"), "not inf"),
        ("model", "stft_hop_length", 0, "stft_hop_length must be"),
        ("model", "stft_hop_length", 80, "must each be at most the next, not 80, 64, 64"),
        ("model", "stft_win_length", 128, "must each be at most the next"),
        ("model", "sample_rate", [44_100], "sample_rate must be"),
        ("audio", "sample_rate", 10**9, "is out of reach"),
        ("audio", "chunk_size", 10**12, "is out of reach"),
        ("audio", "chunk_size", -5, "chunk_size must be"),
        ("audio", "chunk_size", 1, "must each be at most the next"),
    ],
)
def test_yaml_that_no_network_can_be_made_of(section, key, value, message, tmp_path):
    net = tiny()
    source, about = saved(tmp_path, net), yaml_of(net)
    if key == "instruments" and isinstance(value, list):
        about["training"]["target_instrument"] = value[1]
    about.setdefault(section, {})[key] = value
    path = tmp_path / "net.yaml"
    path.write_text(yaml.dump(about))
    with pytest.raises(ModelError, match=re.escape(message)) as caught:
        import_roformer(source)
    assert str(caught.value).startswith(str(path))


def test_rate_and_chunk_are_those_of_the_training_codes_own_inference(tmp_path):
    net = tiny(BsRoformer)
    source, about = saved(tmp_path, net), yaml_of(net)
    about["model"].pop("sample_rate", None)
    about["audio"] = {"sample_rate": 48_000, "chunk_size": 5000}
    about["inference"] = {"chunk_size": 3000.0}
    assert import_roformer(source, config=about)[0].config.chunk == 3000
    assert import_roformer(source, config=about)[1]["frontend"]["rate"] == 48_000
    about["model"]["sample_rate"] = 44_100
    about["inference"]["chunk_size"] = None
    settings = import_roformer(source, config=about)[1]["settings"]
    assert (settings["rate"], settings["chunk"]) == (44_100, 5000)


def test_numbers_beside_the_weights_are_passed_over_and_what_is_no_number_in_them_is_refused(tmp_path):
    net = tiny()
    best = {"best_metric": np.float64(9.7), "epoch": np.int64(3), "losses": np.zeros(3, np.float32)}
    (tmp_path / "net.yaml").write_text(yaml.dump(yaml_of(net)))
    for key, more in (("model_state_dict", best), ("state", {}), ("state_dict", {"best": torch.tensor(3.0)})):
        torch.save({key: net.state_dict(), **more}, tmp_path / "net.ckpt")
        found = import_roformer(tmp_path / "net.ckpt")[0].state_dict()
        assert all(torch.equal(found[name], value) for name, value in net.state_dict().items())
    name = "mask_estimators.0.to_freqs.0.0.0.weight"
    whole = net.state_dict()[name]
    changed = {"NaN": whole * np.nan, "sparse": whole.to_sparse(), "complex": whole * 1j}
    for told, value in changed.items():
        torch.save({**net.state_dict(), name: value}, tmp_path / "net.ckpt")
        with pytest.raises((ModelError, DamagedError), match=told):
            import_checkpoint("roformer", tmp_path / "net.ckpt")


def test_from_a_checkpoint_to_stems_that_sum_to_the_mix(cli, rng, tmp_path):
    source = saved(tmp_path, tiny())
    cli("models", "import", "roformer", source, "--config", tmp_path / "net.yaml", "-o", "net")
    y = (0.2 * rng.standard_normal((2, 9001))).astype(np.float32)
    found = split(y, 44_100, model=str(tmp_path / "net"))
    assert list(found) == ["vocals", "accompaniment"]
    np.testing.assert_allclose(sum(found.values()), y, atol=1e-6)
    assert 0.01 < np.sum(found["vocals"] ** 2) / np.sum(y**2) < 100
    assert json.loads(cli("models", "verify", "net", "--json").stdout)["architecture"] == "mel-band-roformer"
    alone = split(y, 44_100, model=str(tmp_path / "net"), stem="accompaniment")
    np.testing.assert_allclose(alone, found["accompaniment"], atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("length", [0, 1, 31, 33, 4001])
def test_any_length_and_channels(channels, length, rng, tmp_path):
    for number, own in enumerate((1, 2)):
        net = tiny(channels=own, stems=("vocals", "drums", "other"), rest="other")
        labels = ["vocals", "drums", "other"]
        card = {"architecture": "mel-band-roformer", "settings": net.settings, "kind": "split", "labels": labels}
        checkpoint.save(tmp_path / str(number), net, card)
        y = rng.standard_normal((channels, length)).astype(np.float32)
        found = split(y, 44_100, model=str(tmp_path / str(number)))
        assert list(found) == labels and all(stem.shape == y.shape for stem in found.values())
        np.testing.assert_allclose(sum(found.values()), y, atol=1e-5)


def test_windows_of_bounded_length_are_faded_into_each_other():
    from audiokit.models.separation.wave_engines import in_windows

    sizes, read = [], []

    def estimate(y, numbers):
        sizes.append(y.shape[1])
        return np.stack([y * (number + 1) * 0.25 for number in numbers])

    def blocks():
        for number in range(100):
            read.append(number)
            yield np.full((2, 500), 1.0, np.float32)

    engine = in_windows(estimate, ("a", "b", "rest"), "rest", rate=8000, longest=2000)
    assert engine.stems == ("a", "b", "rest") and engine.complete
    stream = engine.run(blocks(), ["rest", "b"])
    first = next(stream)
    assert len(read) <= 5  # no more is read than is needed
    found = np.concatenate([first, *stream], axis=2)
    assert max(sizes) <= 2000 and len(read) == 100
    np.testing.assert_allclose(found[0], 0.25, atol=1e-6)
    np.testing.assert_allclose(found[1], 0.5, atol=1e-6)


def test_the_script_that_made_the_golden_files_is_here():
    assert (Path(__file__).parents[2] / "parity" / "run_roformer.py").exists() and len(NAMES) == 4
