"""Convert official checkpoints into model folders, unchanged: one function per kind of checkpoint.

An importer is a function of a source path that gives (network, card), and raises ModelError when the checkpoint is of
another kind. To add one, write the function where its network lives, and name it in IMPORTERS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from audiokit.errors import InputError, ModelError, ParameterError

if TYPE_CHECKING:
    import torch

Imported = tuple["torch.nn.Module", dict[str, Any]]
Importer = Callable[..., Imported]

#: Kind (as in `audiokit models import KIND SOURCE`) -> ("module:function", the line that help shows).
#: The function is called with the path and the options `--set NAME=VALUE` as keywords.
IMPORTERS: dict[str, tuple[str, str]] = {
    "spleeter": (
        "audiokit.models.separation.spleeter_unet:import_spleeter",
        "a Spleeter folder of 2, 4 or 5 stems (checkpoint, model.index, model.data-00000-of-00001)",
    ),
    "roformer": (
        "audiokit.models.separation.roformer_checkpoint:import_roformer",
        "a BS-RoFormer or Mel-Band RoFormer separator (.ckpt, with --config MODEL.yaml)",
    ),
    "mdx": (
        "audiokit.models.separation.mdx_net:import_mdx",
        "an MDX-Net separator (.onnx, with --n-fft and what else it was made with)",
    ),
    "wave-unet": (
        "audiokit.models.separation.wave_unet_checkpoint:import_wave_unet",
        "a Wave-U-Net separator (checkpoints/waveunet/model)",
    ),
    "vocal-cyclegan": (
        "audiokit.models.voice.vocal_cyclegan:import_vocal_cyclegan",
        "generators of a VocalCycleGAN (generator_state_vocal_dict_*.pt, or the folder with both)",
    ),
    "cyclegan": (
        "audiokit.models.style.style_models:import_generator",
        "a CycleGAN or pix2pix generator (*_net_G*.pth, gen_j.pth.tar), or the folder with them",
    ),
    "melgan": (
        "audiokit.models.vocoders.melgan:import_melgan",
        "a MelGAN generator (netG.pt), or ParallelWaveGAN's (.pkl)",
    ),
    "melgan-discriminator": (
        "audiokit.models.style.features:import_discriminator",
        "a MelGAN discriminator (netD.pt), whose features stylize --engine optimize compares",
    ),
    "hifigan": (
        "audiokit.models.vocoders.hifigan:import_hifigan",
        "a HiFi-GAN generator (g_02500000), config.json beside it",
    ),
    "vocos": (
        "audiokit.models.vocoders.vocos:import_vocos",
        "a Vocos generator (pytorch_model.bin), config.yaml beside it",
    ),
    "gtcrn": ("audiokit.models.voice.gtcrn:import_gtcrn", "a GTCRN speech denoiser (model_trained_on_*.tar)"),
}


#: What settings are called in messages, by the type of their default.
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a name",
    tuple: "a list",
    list: "a list",
}


def import_checkpoint(kind: str, source: str | os.PathLike[str], options: dict[str, Any] | None = None) -> Imported:
    """Read a checkpoint of another project.

    Args:
        kind: one of IMPORTERS.
        source: file or folder.
        options: what the checkpoint does not say, as the importer's keywords.

    Returns:
        The network with its weights, and its card (architecture, settings, kind, ...).

    Raises:
        ModelError: the kind is unknown or the checkpoint does not fit it.
        ParameterError: the importer knows no such option.
        InputError, DamagedError: it cannot be read, or holds NaN or infinity.
    """
    if kind not in IMPORTERS:
        raise ModelError(f"models import {kind}: unknown kind", hint=f"there are: {', '.join(IMPORTERS)}")
    if not os.path.lexists(source):
        raise InputError(f"{source}: no such file or folder")
    from audiokit.models.folder.checkpoint import check_finite

    module, _, name = IMPORTERS[kind][0].partition(":")
    function = getattr(import_module(module), name)
    options = dict(options or {})
    known = function.__kwdefaults__ or {}
    for option, value in options.items():
        if option not in known:
            raise ParameterError(
                f"models import {kind}: no setting {option!r}", hint=f"there are: {', '.join(known) or 'none'}"
            )
        if not _like(value, known[option]):
            raise ParameterError(f"models import {kind}: {option} must be {_KINDS[type(known[option])]}, not {value!r}")
    net, card = function(source, **options)
    check_finite(net.state_dict(), str(source))
    return net, card


def _like(value: Any, default: Any) -> bool:
    """Whether a value is of the type of a setting's default; the importer itself looks where that is None."""
    if default is None:
        return True
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    return isinstance(value, int | float if isinstance(default, float) else type(default))
