"""Architectures by name: strings only, so that listing them imports nothing."""

from __future__ import annotations

#: Architecture name (as in model.json) -> "module:Class"; the class is built as Class(**settings).
ARCHITECTURES: dict[str, str] = {
    "resnet-generator": "audiokit.models.resnet_generator:ResnetGenerator",
    "patchgan": "audiokit.models.patchgan:PatchGan",
    "pix2pix-unet": "audiokit.models.pix2pix_unet:Pix2PixUnet",
}
