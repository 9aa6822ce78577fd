"""What a checkpoint probably is, by the names of its tensors: for errors that help."""

from __future__ import annotations

from collections.abc import Iterable

from audiokit.errors import ModelError

#: Part of a key -> what has such keys; the first that is found counts.
_MARKS = {
    "model.disc_": "a MelGAN discriminator",
    "backbone.embed": "a Vocos generator",
    "conv_pre": "a HiFi-GAN generator",
    "melgan.": "a MelGAN generator of ParallelWaveGAN",
    "waveunets.": "a Wave-U-Net",
    "conv_block": "a CycleGAN generator",
    "model.model.": "a pix2pix generator",
    ".block.": "a MelGAN generator",
    "model.11.": "a CycleGAN discriminator",
}


def likely(keys: Iterable[str]) -> str:
    """Name what has such keys.

    >>> likely(["conv_pre.weight", "ups.0.weight"])
    'a HiFi-GAN generator'
    """
    names = list(keys)
    return next((what for mark, what in _MARKS.items() if any(mark in name for name in names)), "another network")


def not_a(wanted: str, *, name: str, expected: str, keys: Iterable[str]) -> ModelError:
    """Make the error for a checkpoint of another architecture: what was expected, what was found, what it looks like.

    >>> str(not_a("a Vocos generator", name="x.pt", expected="backbone.embed.weight", keys=["conv_pre.weight"]))
    'x.pt: not a Vocos generator: expected backbone.embed.weight, found conv_pre.weight'
    """
    names = list(keys)
    found = ", ".join(names[:3]) or "no tensors"
    return ModelError(
        f"{name}: not {wanted}: expected {expected}, found {found}", hint=f"it looks like {likely(names)}"
    )
