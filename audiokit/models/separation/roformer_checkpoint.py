"""Public RoFormer checkpoints and the YAML of the usual training code: read unchanged, nothing in them is executed.

Sizes and depths are found from the weights. What weights do not tell (steps of the spectra, names of the stems, the
length trained on) is in the YAML.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError
from audiokit.models.folder.checkpoint import load_weights, read_state_dict
from audiokit.models.folder.recognise import not_a
from audiokit.models.separation.roformer import BsRoformer, MelBandRoformer, Roformer
from audiokit.models.separation.trial import check_runs

_EXPECTED = (
    "band_split.to_features.0.0.gamma, mask_estimators.0.to_freqs.0.0.0.weight, layers.0.0.layers.0.0.norm.gamma"
)
#: What the part of a mix that is not the voice is called in other projects.
_BACKINGS = ("other", "instrumental", "instrum", "inst", "accompaniment", "no_vocals", "no vocals", "music")


def import_roformer(
    source: str | os.PathLike[str], *, config: str | Mapping[str, Any] | None = None
) -> tuple[Roformer, dict[str, Any]]:
    """Read a checkpoint of a BS-RoFormer or Mel-Band RoFormer.

    Args:
        source: checkpoint file.
        config: the YAML it was trained by, or what such a file holds; by default the one of the same name beside it.

    Returns:
        The network in evaluation mode, and its card.

    Raises:
        ModelError: not a RoFormer, one of a later layout, or YAML of another model.
        ParameterError: there is no YAML.
        InputError, DamagedError: a file cannot be read.
    """
    state = read_state_dict(source)
    yaml = "config" if isinstance(config, Mapping) else str(_yaml_of(source, config))
    about = config if isinstance(config, Mapping) else read_training_yaml(yaml)
    found = _sizes(state, str(source))
    model, training, audio = _part(about, "model"), _part(about, "training"), _part(about, "audio")
    _compare(found, model, str(source))
    instruments, target = training.get("instruments"), training.get("target_instrument")
    stems, rest = name_stems(instruments, target, found["estimators"], name=yaml)
    settings = {
        **found["settings"],
        **_spectra(model, found, str(source), yaml),
        "rate": _number(yaml, "sample_rate", model, audio, default=44_100),
        "stems": stems,
        "rest": rest,
        "chunk": _number(yaml, "chunk_size", _part(about, "inference"), audio, default=352_800),
        "zero_dc": bool(model.get("zero_dc", False)),
        "skips": bool(model.get("skip_connection", False)),
    }
    if _part(about, "inference").get("normalize"):
        raise ModelError(f"{source}: wants inputs of unit variance (inference.normalize), which is not supported")
    try:
        network = (MelBandRoformer if found["mel"] else BsRoformer)(**settings)
    except ParameterError as error:
        raise ModelError(f"{yaml}: {error}") from None
    load_weights(network, found["state"], name=str(source))
    others = [stem for stem in stems if stem != rest]
    card = {
        "architecture": "mel-band-roformer" if found["mel"] else "bs-roformer",
        "settings": network.settings,
        "kind": "split",
        "labels": [*others, rest] if rest else others,
        "frontend": {"rate": network.config.rate, "channels": network.config.channels, "chunk": network.config.chunk},
        "source": Path(source).name,
    }
    noise = torch.randn(1, network.config.channels, network.shortest + network.config.hop)
    check_runs(partial(network.eval(), noise), str(source), shape=(1, len(stems), *noise.shape[1:]))
    return network, card


def read_training_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file that may hold `!!python/tuple`; any other tag of that kind is refused, none is executed.

    Raises:
        InputError: there is no such file.
        DamagedError: it is no YAML.
        ModelError: it holds something else than plain values.

    >>> path = getfixture("tmp_path") / "a.yaml"
    >>> _ = path.write_text("model:\\n  sizes: !!python/tuple [4, 2]\\n  rate: 1.0e-05")
    >>> read_training_yaml(path)
    {'model': {'sizes': (4, 2), 'rate': 1e-05}}
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Plain values, and tuples."""

    Loader.add_constructor(
        "tag:yaml.org,2002:python/tuple", lambda loader, node: tuple(loader.construct_sequence(node))
    )
    try:
        found = yaml.load(Path(path).read_text(encoding="utf-8"), Loader)
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a YAML file") from None
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except yaml.constructor.ConstructorError as error:
        raise ModelError(f"{path}: holds more than plain values ({error.problem})") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        raise DamagedError(f"{path}: not readable as YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(found, dict) or not isinstance(found.get("model"), dict):
        raise ModelError(f"{path}: not the YAML of a model", hint="it must have a section 'model:'")
    return found


def name_stems(
    instruments: Sequence[str] | None, target: str | None, estimators: int, *, name: str = "the YAML"
) -> tuple[list[str], str | None]:
    """Name what a model's mask estimators find, and the stem that is the rest of the mix.

    Beside the voice, a model's only other stem is called accompaniment, whatever its authors call it.

    Args:
        instruments: all names of the training code.
        target: the only one that is estimated, None for all.
        estimators: how many there are.
        name: of the file, for messages.

    Raises:
        ModelError: names and estimators are not equally many, or what is named is no name.

    >>> name_stems(["vocals", "other"], "vocals", 1), name_stems(["Drums", "Bass", "Other", "Vocals"], None, 4)
    ((['vocals'], 'accompaniment'), (['drums', 'bass', 'other', 'vocals'], 'other'))
    >>> name_stems(["Vocals", "Instrumental"], "Instrumental", 1), name_stems(["a", "b", "c"], None, 3)
    ((['accompaniment'], 'vocals'), (['a', 'b', 'c'], None))
    """
    instruments = instruments or ([target] if target else [])
    if not isinstance(instruments, list | tuple) or not all(isinstance(x, str) for x in (*instruments, target or "")):
        raise ModelError(f"{name}: training.instruments must be a list of names, target_instrument one of them")
    names = [x.lower() for x in instruments]
    if target and target.lower() not in names:
        raise ModelError(f"{name}: its target {target!r} is none of its instruments ({', '.join(names)})")
    where = names.index(target.lower()) if target else None
    if len(names) == 2 and "vocals" in names:
        names = [x if x == "vocals" else "accompaniment" for x in names]
    if where is None:
        if len(names) != estimators:
            raise ModelError(
                f"{name}: names {len(names)} instruments ({', '.join(names)}), the checkpoint estimates {estimators}"
            )
        return names, next((x for x in names if x in _BACKINGS), None)
    own = names[where]
    if estimators != 1:
        raise ModelError(f"{name}: has the only target {target!r}, the checkpoint estimates {estimators} stems")
    others = [x for x in names if x != own]
    if len(others) == 1:
        return [own], others[0]
    return [own], "accompaniment" if own == "vocals" else "rest" if own == "other" else "other"


def _yaml_of(source: str | os.PathLike[str], config: str | None) -> Path:
    if isinstance(config, str):
        return Path(config)
    if config is not None:
        raise ParameterError(f"{source}: config is the name of a YAML file, not {config!r}")
    beside = [Path(source).with_suffix(suffix) for suffix in (".yaml", ".yml")]
    for path in beside:
        if path.exists():
            return path
    raise ParameterError(
        f"{source}: the YAML it was trained by is needed too",
        hint=f"audiokit models import roformer {source} --config {beside[0].name} -o FOLDER",
    )


def _part(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = about.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(name: str, key: str, *places: Mapping[str, Any], default: int) -> int:
    """A whole number of the first section that has it; 1024.0 is one (ModelError for what is none)."""
    value = next((place[key] for place in places if place.get(key) is not None), default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 1:
        raise ModelError(f"{name}: {key} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _numbers(state: Mapping[str, Tensor], prefix: str) -> list[int]:
    """Numbers that follow a prefix in the names of tensors, sorted."""
    found = {key[len(prefix) :].split(".", 1)[0] for key in state if key.startswith(prefix)}
    return sorted(int(number) for number in found if number.isdigit())


def _sizes(state: dict[str, Tensor], name: str) -> dict[str, Any]:
    """Find from the weights what they tell: see `import_roformer`."""
    try:
        return _measured(state)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        raise not_a("a RoFormer", name=name, expected=_EXPECTED, keys=state) from None


def _measured(state: dict[str, Tensor]) -> dict[str, Any]:
    turns = _numbers(state, "layers.")
    inside = _numbers(state, f"layers.{turns[0]}.")
    linear = [at for at in inside if f"layers.0.{at}.layers.0.0.temperature" in state]
    along = [at for at in inside if at not in linear]
    if len(along) != 2 or len(linear) > 1:
        raise ValueError("transformers along something else than time and bands")
    # Where there is no linear attention, some count its place and some do not.
    order = {at: place for place, at in enumerate([*linear, *along])}
    renamed = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "layers":
            parts[2] = str(order[int(parts[2])])
        renamed[".".join(parts)] = value
    first = f"layers.0.{along[0]}.layers.0."
    heads = len(state[first + "0.to_gates.weight"])
    features, dim = state[first + "1.net.1.weight"].shape
    bands = _numbers(state, "band_split.to_features.")
    mask = _numbers(state, "mask_estimators.0.to_freqs.0.0.")
    inner = len(state["mask_estimators.0.to_freqs.0.0.0.weight"]) if len(mask) > 1 else 4 * dim
    depths = {
        key: len(_numbers(state, f"layers.0.{at}.layers.")) for key, at in zip(("time", "freq"), along, strict=True)
    }
    return {
        "state": renamed,
        "mel": "final_norm.gamma" not in state,
        "estimators": len(_numbers(state, "mask_estimators.")),
        "widths": [len(state[f"band_split.to_features.{at}.0.gamma"]) for at in bands],
        "settings": {
            "dim": dim,
            "depth": len(turns),
            "linear_depth": len(_numbers(state, f"layers.0.{linear[0]}.layers.")) if linear else 0,
            "time_depth": depths["time"],
            "freq_depth": depths["freq"],
            "heads": heads,
            "head_dim": len(state[first + "0.to_qkv.weight"]) // (3 * heads),
            "widening": features / dim,
            "mask_layers": len(mask),
            "mask_widening": inner / dim,
        },
    }


def _spectra(model: Mapping[str, Any], found: Mapping[str, Any], name: str, yaml: str) -> dict[str, Any]:
    """Settings of the spectra and bands, from the YAML; what it leaves out is as the usual code has it."""
    channels = 2 if model.get("stereo", False) else 1
    n_fft = _number(yaml, "stft_n_fft", model, default=2048)
    widths = found["widths"]
    if not found["mel"] and sum(widths) != 2 * channels * (n_fft // 2 + 1):
        raise ModelError(
            f"{name}: its bands hold {sum(widths)} values, and {channels} channels of {n_fft}-point spectra would be "
            f"{2 * channels * (n_fft // 2 + 1)}",
            hint="is it the YAML of this checkpoint?",
        )
    return {
        "channels": channels,
        "n_fft": n_fft,
        "hop": _number(yaml, "stft_hop_length", model, default=512),
        "window": _number(yaml, "stft_win_length", model, default=n_fft),
        "normalized": bool(model.get("stft_normalized", False)),
        "bands": len(widths) if found["mel"] else [width // (2 * channels) for width in widths],
    }


def _compare(found: Mapping[str, Any], model: Mapping[str, Any], name: str) -> None:
    """Refuse YAML that is of another model (ModelError)."""
    bands = model.get("freqs_per_bands")
    said = {
        "dim": (model.get("dim"), found["settings"]["dim"]),
        "depth": (model.get("depth"), found["settings"]["depth"]),
        "heads": (model.get("heads"), found["settings"]["heads"]),
        "num_stems": (model.get("num_stems"), found["estimators"]),
        "num_bands": (model.get("num_bands"), len(found["widths"]) if found["mel"] else None),
        "freqs_per_bands": (len(bands) if isinstance(bands, list | tuple) else None, len(found["widths"])),
    }
    for key, (theirs, own) in said.items():
        if theirs is not None and own is not None and theirs != own:
            raise ModelError(
                f"{name}: {key} is {own}, but the YAML says {theirs!r}", hint="is it the YAML of this checkpoint?"
            )
