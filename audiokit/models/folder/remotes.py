"""Models of others that can be fetched: where they are, what they are good at, and on what terms they are given.

Nothing of them travels with audiokit. Terms are told as their authors publish them, before anything is fetched.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

_TWO, _FOUR = ("vocals", "accompaniment"), ("vocals", "drums", "bass", "other")


@dataclass(frozen=True)
class Remote:
    """A model that can be fetched.

    Attributes:
        url: of the archive or checkpoint.
        sum: its SHA-256, or as much of its beginning as is published; "" where none is.
        kind: how it is imported (`audiokit.models.folder.importers`), or "demucs" for what its own package reads.
        options: the importer's options.
        about: one line, with what it is good at.
        licence: of the weights, as published.
        stems: what it separates.
        size: in bytes; 0 where it is not known exactly.
        megabytes: about how large it is, where only that is known.
        config: URL of the YAML that belongs to the checkpoint, where `options` does not hold what it says.
    """

    url: str
    sum: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    licence: str = ""
    stems: tuple[str, ...] = ()
    size: int = 0
    megabytes: int = 0
    config: str = ""

    @property
    def file(self) -> str:
        """Name of what is fetched."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def beside(self) -> Remote | None:
        """The YAML that belongs to it, which has no sum."""
        return replace(self, url=self.config, sum="", size=0, config="") if self.config else None

    @property
    def packed(self) -> bool:
        """Whether it is an archive, to be unpacked; several models may come out of one, so it is kept."""
        return self.file.endswith((".tar.gz", ".tgz", ".tar"))

    @property
    def told_size(self) -> str:
        """Its size in words."""
        known = round(self.size / 1e6) or self.megabytes
        return f"{'' if self.size else 'about '}{known} MB" if known else "size not known"


_SPLEETER = "https://github.com/deezer/spleeter/releases/download/v1.4.0/"
_SUMS = {
    "2stems": "f3a90b39dd2874269e8b05a48a86745df897b848c61f3958efc80a39152bd692",
    "4stems": "3adb4a50ad4eb18c7c4d65fcf4cf2367a07d48408a5eb7d03cd20067429dfaa8",
    "5stems": "25a1e87eb5f75cc72a4d2d5467a0a50ac75f05611f877c278793742513cc7218",
}
_SPLEETER_STEMS = {"2stems": _TWO, "4stems": _FOUR, "5stems": ("vocals", "piano", "drums", "bass", "other")}


def _spleeter(name: str, bins: int) -> Remote:
    reach = "11 kHz" if bins == 1024 else "16 kHz"
    about = f"Spleeter, {name[0]} stems, masks up to {reach}"
    url = f"{_SPLEETER}{name}.tar.gz"
    return Remote(url, _SUMS[name], "spleeter", {"bins": bins}, about, "MIT (Deezer)", _SPLEETER_STEMS[name])


_UVR = "https://github.com/TRvlvr/model_repo/releases/download/all_public_uvr_models/"
_ZFTURBO = "https://github.com/ZFTurbo/Music-Source-Separation-Training/releases/download/v1.0.12/"
#: What the YAML of both vocal RoFormers says beyond their weights.
_VOCALS = {
    "model": {"stereo": True, "stft_n_fft": 2048, "stft_hop_length": 441, "stft_win_length": 2048},
    "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals"},
    "inference": {"chunk_size": 352_800},
}
_MDX = {"n_fft": 7680, "dim_f": 3072, "dim_t": 256, "stem": "vocals"}

#: Name -> what can be fetched. Spleeter's 16 kHz models are the same weights, run on more of the band.
REMOTE: dict[str, Remote] = {
    "melband-roformer-kim": Remote(
        "https://huggingface.co/KimberleyJSN/melbandroformer/resolve/main/MelBandRoformer.ckpt",
        "87201f4d31afb5bc79993230fc49446918425574db48c01c405e44f365c7559e",
        "roformer",
        {"config": _VOCALS},
        "Mel-Band RoFormer of K. Jensen: vocals at about 11 dB SDR",
        "'mit' on the model card; training data not disclosed",
        _TWO,
        size=913_106_900,
    ),
    "bs-roformer-viperx": Remote(
        f"{_UVR}model_bs_roformer_ep_317_sdr_12.9755.ckpt",
        "5b84f37e8d444c8cb30c79d77f613a41c05868ff9c9ac6c7049c00aefae115aa",
        "roformer",
        {"config": _VOCALS},
        "BS-RoFormer of viperx: vocals at about 11 dB SDR",
        "no terms stated",
        _TWO,
        megabytes=640,
    ),
    "bs-roformer-4stems": Remote(
        f"{_ZFTURBO}model_bs_roformer_ep_17_sdr_9.6568.ckpt",
        "",
        "roformer",
        {},
        "BS-RoFormer of ZFTurbo: four stems at 9.7 dB SDR (mean on MUSDB18)",
        "none stated for the weights (training code: MIT); trained on MUSDB18-HQ, which is for non-commercial use",
        _FOUR,
        size=527_385_512,
        config=f"{_ZFTURBO}config_bs_roformer_384_8_2_485100.yaml",
    ),
    "mdx-kim-vocal-2": Remote(
        f"{_UVR}Kim_Vocal_2.onnx",
        "",
        "mdx",
        {**_MDX, "compensate": 1.009},
        "MDX-Net of K. Jensen: vocals at about 10 dB SDR",
        "no terms stated",
        _TWO,
        megabytes=67,
    ),
    "mdx-voc-ft": Remote(
        f"{_UVR}UVR-MDX-NET-Voc_FT.onnx",
        "",
        "mdx",
        {**_MDX, "compensate": 1.021},
        "MDX-Net of UVR: vocals at about 10 dB SDR",
        "no terms stated",
        _TWO,
        megabytes=67,
    ),
    "htdemucs": Remote(
        "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th",
        "8726e21a",
        "demucs",
        {},
        "Demucs 4, for its own package (audiokit[demucs]): four stems at about 9 dB SDR",
        "code MIT; its author: weights for personal and research use",
        ("drums", "bass", "other", "vocals"),
        size=84_141_911,
    ),
    **{
        f"spleeter-{name}{suffix}": _spleeter(name, bins)
        for name in _SUMS
        for suffix, bins in (("", 1024), ("-16kHz", 1536))
    },
}


def hub_folder() -> Path:
    """Where PyTorch's hub, and with it the demucs package, keeps checkpoints (TORCH_HOME, XDG_CACHE_HOME)."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("TORCH_HOME") or cache / "torch").expanduser() / "hub" / "checkpoints"
