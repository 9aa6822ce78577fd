"""Model folders: model.json (what it is) + weights.safetensors (the numbers). Nothing is ever unpickled.

A folder rebuilds its network alone: `architecture` names a class in the registry and `settings` are its arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError, check_version
from audiokit.io.files import atomic_folder
from audiokit.io.told import detail
from audiokit.models.folder.registry import ARCHITECTURES

if TYPE_CHECKING:
    import numpy as np
    import torch

FORMAT, VERSION = "audiokit.model", 1
CARD, WEIGHTS = "model.json", "weights.safetensors"
_WRAPPERS = ("state_dict", "model_state_dict", "model", "state", "generator", "model_g")
#: What numpy's numbers, such as a best loss, are pickled with: they are passed over, no function of numpy is called.
_NUMBERS = (
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Bool", "Float16", "Float32", "Float64", "Int32", "Int64")),
    *("numpy.dtype", "numpy.ndarray", "_codecs.encode"),
)


def shipped() -> dict[str, Path]:
    """Find the models that travel inside the package.

    Returns:
        Name -> folder, sorted by name.
    """
    root = Path(str(resources.files("audiokit"))) / "weights"
    return {path.name: path for path in sorted(root.iterdir()) if (path / CARD).exists()} if root.is_dir() else {}


def cache_folder() -> Path:
    """Tell where pulled models are kept: AUDIOKIT_HOME, or the platform's cache folder."""
    if home := os.environ.get("AUDIOKIT_HOME"):
        return Path(home)
    import pooch

    return Path(pooch.os_cache("audiokit"))


def find(spec: str | os.PathLike[str]) -> Path:
    """Find a model folder by shipped or pulled name, or by path.

    Raises:
        ModelError: nothing of that name is there.
    """
    path = Path(spec)
    if path.name == CARD:
        path = path.parent
    if (path / CARD).exists():
        return path
    known = shipped()
    if str(spec) in known:
        return known[str(spec)]
    pulled = cache_folder() / "models" / str(spec)
    if (pulled / CARD).exists():
        return pulled
    if path.is_dir():
        raise ModelError(f"{spec}: not a model folder (no {CARD})", hint="import it with: audiokit models import")
    if path.exists():
        raise ModelError(
            f"{spec}: not a model folder", hint="convert a checkpoint first: audiokit models import KIND FILE -o FOLDER"
        )
    raise ModelError(
        f"{spec}: no such model", hint=f"there are: {', '.join(known) or 'none shipped'}; or give a folder"
    )


def find_for(spec: str | os.PathLike[str], kind: str) -> Path:
    """Find a model that is meant for something, without loading it.

    Args:
        spec: name or folder.
        kind: what it must be for, such as "split" (the card's `kind`).

    Raises:
        ModelError: nothing of that name is there, or it is for something else.
    """
    folder = find(spec)
    check_kind(read_card(folder), kind, name=str(spec))
    return folder


def check_kind(card: Mapping[str, Any], kind: str, *, name: str) -> None:
    """Refuse the card of a model that is for something else (ModelError)."""
    if card.get("kind") != kind:
        raise ModelError(
            f"{name}: a model for {card.get('kind')!r}, but {kind!r} is wanted",
            hint="list them with: audiokit models list",
        )


def read_card(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check a model.json.

    Raises:
        ModelError: it is of another format, a newer version, or names an unknown architecture.
        DamagedError: it cannot be read.
    """
    path = Path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: not a model folder (no {CARD})") from None
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise ModelError(f"{path}: not an audiokit model card")
    check_version(card.get("version"), VERSION, f"{path}: model", ModelError)
    if not isinstance(card.get("architecture"), str) or card["architecture"] not in ARCHITECTURES:
        raise ModelError(f"{path}: unknown architecture {card.get('architecture')!r}", hint="update audiokit")
    if not isinstance(card.get("settings"), dict):
        raise DamagedError(f"{path}: has no settings for {card['architecture']}")
    return card


def build(architecture: str, settings: Mapping[str, Any], *, name: str | None = None) -> torch.nn.Module:
    """Build the untrained network that a card names; `name` is the model's, for messages.

    Raises:
        ModelError: the architecture is unknown or the settings do not fit it.
    """
    if architecture not in ARCHITECTURES:
        raise ModelError(
            f"unknown architecture {architecture!r}", hint=f"there are: {', '.join(sorted(ARCHITECTURES))}"
        )
    module, _, name = ARCHITECTURES[architecture].partition(":")
    try:
        return getattr(import_module(module), name)(**settings)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, ParameterError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{name or architecture}: the settings do not fit ({reason})") from None


def save(
    folder: str | os.PathLike[str],
    module: torch.nn.Module,
    card: Mapping[str, Any],
    *,
    dtype: str = "float32",
    force: bool = True,
) -> None:
    """Write a model folder, whole or not at all.

    Args:
        folder: where.
        module: the network; its state_dict is stored.
        card: at least architecture, settings, kind; also frontend, labels, licence, training_data, quality.
        dtype: "float32" or "float16" for storage (loading gives float32 back).
        force: replace an existing folder.

    Raises:
        ModelError: the card names no known architecture or kind.
    """
    import torch
    from safetensors.torch import save_file

    for key in ("architecture", "settings", "kind"):
        if key not in card:
            raise ModelError(f"{folder}: the model card lacks {key!r}")
    if card["architecture"] not in ARCHITECTURES:
        raise ModelError(f"{folder}: unknown architecture {card['architecture']!r}")
    store = {"float32": torch.float32, "float16": torch.float16}[dtype]
    state = {
        key: value.detach().cpu().to(store if value.is_floating_point() else value.dtype).contiguous().clone()
        for key, value in module.state_dict().items()
    }
    with atomic_folder(folder, force=force) as temporary:
        save_file(state, temporary / WEIGHTS)
        os.chmod(temporary / WEIGHTS, 0o644)
        text = json.dumps({"format": FORMAT, "version": VERSION, **card}, indent=1, ensure_ascii=False)
        (temporary / CARD).write_text(text + "\n", encoding="utf-8")


@lru_cache(maxsize=8)
def load(spec: str, *, kind: str | None = None, device: str = "cpu") -> tuple[torch.nn.Module, dict[str, Any]]:
    """Load a model ready for inference; the last few stay loaded in this process.

    Args:
        spec: name or folder.
        kind: what it must be for, such as "stylize" (the card's `kind`).
        device: "auto", "cpu", "cuda" or "mps".

    Returns:
        The network in eval mode, and its card.

    Raises:
        ModelError: unknown, of another kind, or the weights do not fit.
        DamagedError: the weights cannot be read.
    """
    folder = find(spec)
    card = read_card(folder)
    if kind is not None:
        check_kind(card, kind, name=str(spec))
    module = build(card["architecture"], card["settings"], name=str(spec))
    load_weights(module, read_safetensors(folder / WEIGHTS), name=str(spec))
    place = pick_device(device)
    detail(f"{spec}: model loaded, {card['architecture']}, PyTorch on {place}")
    return module.eval().to(place), card


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read a .safetensors file as float32 tensors (DamagedError if it cannot be read)."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except FileNotFoundError:
        raise DamagedError(f"{path}: missing from the model folder") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise DamagedError(f"{path}: damaged weights ({error})") from None
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read a .safetensors file as arrays, numbers with a point as float32 (DamagedError if it cannot be read)."""
    import numpy as np
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        state = load_file(path)
    except FileNotFoundError:
        raise DamagedError(f"{path}: missing from the model folder") from None
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise DamagedError(f"{path}: damaged weights ({error})") from None
    return {
        key: value.astype(np.float32, copy=False) if value.dtype.kind == "f" else value for key, value in state.items()
    }


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, torch.Tensor]:
    """Read the tensors of any torch file, old or new serialisation, without running what it holds.

    Wrappers such as {"state_dict", "optimizer"} and "module." prefixes are taken off.

    Raises:
        InputError: there is no such file.
        ModelError: it holds no tensors, or more than plain tensors.
    """
    import warnings

    import torch

    if Path(path).suffix == ".safetensors":
        return read_safetensors(path)
    try:
        passed_over = torch.serialization.safe_globals([(_PassedOver, name) for name in _NUMBERS])
        with warnings.catch_warnings(), passed_over:
            warnings.simplefilter("ignore")  # about old ways to write files, which say nothing about this one
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ModelError(f"{path}: is a folder, not a checkpoint file") from None
    except OSError:
        raise
    except Exception as error:  # it reads the bytes of any file as instructions, and fails in any way
        raise ModelError(f"{path}: not a checkpoint that can be read safely ({_why_not(str(error))})") from None
    return unwrap_state_dict(content, str(path))


class _PassedOver:
    """Stands for what is no tensor in a checkpoint, and takes whatever it was made of."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _why_not(told: str) -> str:
    """Say in a few words what torch says in many about a file that it does not load."""
    if "zip archive" in told or "PytorchStreamReader" in told:
        return "it is cut short or damaged"
    if "global" in told.lower():
        return "it holds Python objects, which could run code"
    return "it is not a PyTorch file"


def unwrap_state_dict(content: Any, name: str) -> dict[str, torch.Tensor]:
    """Find the state_dict inside what a checkpoint file held (ModelError if there is none)."""
    import torch

    for _ in range(3):
        inner = [key for key in _WRAPPERS if isinstance(content, Mapping) and isinstance(content.get(key), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    found = content.items() if isinstance(content, Mapping) else ()
    tensors = {str(key).removeprefix("module."): value for key, value in found if isinstance(value, torch.Tensor)}
    for key, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized:
            raise ModelError(f"{name}: {key} is a sparse or quantized tensor, and plain ones are read")
    if tensors:
        return tensors
    raise ModelError(f"{name}: holds no network weights")


def load_weights(module: torch.nn.Module, state: Mapping[str, torch.Tensor], *, name: str) -> None:
    """Put weights into a network; every key and shape must fit.

    Raises:
        ModelError: naming the first keys that are missing, unexpected, or of another shape.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in state]
    surplus = [key for key in state if key not in own]
    shapes = [key for key in own if key in state and own[key].shape != state[key].shape]
    real = [key for key in own if key in state and state[key].is_complex() and not own[key].is_complex()]
    if missing or surplus or shapes or real:
        parts = []
        if missing:
            parts.append(f"missing {_few(missing)}")
        if surplus:
            parts.append(f"unexpected {_few(surplus)}")
        if shapes:
            key = shapes[0]
            parts.append(f"{key} is {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
        if real:
            parts.append(f"{_few(real)}: complex numbers, where real ones are expected")
        raise ModelError(
            f"{name}: the checkpoint does not fit {type(module).__name__}: {'; '.join(parts)}",
            hint="is it a checkpoint of another architecture or size?",
        )
    module.load_state_dict(dict(state))


def check_finite(state: Mapping[str, torch.Tensor], name: str) -> None:
    """Refuse weights that are no numbers (DamagedError)."""
    for key, value in state.items():
        if value.is_floating_point() and not value.isfinite().all():
            raise DamagedError(
                f"{name}: {key} holds NaN or infinity", hint="train or get it again, or an earlier one of it"
            )


def _few(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "")


def pick_device(name: str) -> str:
    """Turn --device into a torch device name.

    Raises:
        ModelError: the device is unknown or absent.

    >>> pick_device("cpu")
    'cpu'
    """
    if name == "cpu":
        return name
    import torch

    available = ["cpu"]
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        available.insert(0, "mps")
    if name == "auto":
        return available[0]
    if name.split(":")[0] not in available:
        raise ModelError(f"--device {name}: not available here", hint=f"use {' or '.join(available)}, or auto")
    return name
