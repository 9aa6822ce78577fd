"""MDX-Net separators as they are passed on: an ONNX graph that maps the spectrum of a mix to that of one stem.

The graph takes (1, 4, dim_f, dim_t): real and imaginary part of left, then of right, of so many bins and frames; it
gives the same of its stem. It runs in ONNX Runtime and is kept, byte for byte, among the weights of the model folder.

References:
    Kim, Choi, Chung, Lee and Jung (2021), KUIELab-MDX-Net: a two-stream neural network for music demixing.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from audiokit.errors import InputError, ModelError, ParameterError
from audiokit.models.folder.fields import check_fields, check_stem
from audiokit.models.folder.runtime import open_session
from audiokit.models.separation.trial import check_runs

#: The graphs never saw what lies below: mixes are silenced there first, as the usual programs do.
_LOWEST = 3


@dataclass(frozen=True)
class MdxNetConfig:
    """Settings of the separator.

    Attributes:
        size: bytes of the graph.
        n_fft, hop: of the periodic Hann short-time spectra, in samples.
        dim_f, dim_t: bins and frames that the graph takes.
        compensate: factor for its stem, which comes out a little too quiet.
        stem: its name; `rest` is what it leaves of the mix.
        rate: Hz.
    """

    size: int
    n_fft: int = 6144
    hop: int = 1024
    dim_f: int = 2048
    dim_t: int = 256
    compensate: float = 1.0
    stem: str = "vocals"
    rest: str = "accompaniment"
    rate: int = 44_100

    def __post_init__(self) -> None:
        check_fields(self)
        for stem in (self.stem, self.rest):
            check_stem(stem)
        if self.n_fft % 2:
            raise ParameterError(f"n_fft must be even, not {self.n_fft}")
        if not 1 <= self.dim_f <= self.n_fft // 2 + 1:
            raise ParameterError(f"dim_f must lie within 1 to n_fft / 2 + 1 = {self.n_fft // 2 + 1}, not {self.dim_f}")
        if self.longest < 1:
            raise ParameterError(f"{self.dim_t} frames of {self.hop} samples are too few for an n_fft of {self.n_fft}")

    @property
    def chunk(self) -> int:
        """Samples whose spectrum has `dim_t` frames."""
        return self.hop * (self.dim_t - 1)

    @property
    def longest(self) -> int:
        """Samples that are separated at once: a chunk without the margin of half a frame on either side."""
        return self.chunk - 2 * (self.n_fft // 2)


class MdxNet(nn.Module):
    """Separate one stem: audio (B, 2, n), n at most `config.longest`, to audio of the same shape.

    Args:
        settings: the fields of `MdxNetConfig`.
    """

    #: Why `models export --onnx` refuses it.
    not_exported = "its network came as an ONNX file, which is what its folder holds"
    onnx: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = MdxNetConfig(**settings)
        self.settings = asdict(self.config)
        self.register_buffer("onnx", torch.zeros(self.config.size, dtype=torch.uint8))
        self.register_buffer("window", torch.hann_window(self.config.n_fft), persistent=False)
        self._session: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Travel without the session, which is made anew."""
        return {**self.__dict__, "_session": None}

    def spectrum(self, x: Tensor) -> Tensor:
        """Run the graph: (1, 4, dim_f, dim_t) to the same shape."""
        if self._session is None:
            self._session = open_session("an MDX-Net", content=self.onnx.cpu().numpy().tobytes())
        name = self._session.get_inputs()[0].name
        return torch.from_numpy(self._session.run(None, {name: x.cpu().numpy()})[0]).to(x.device)

    def forward(self, y: Tensor) -> Tensor:
        """Map audio (B, 2, n) to the stem (B, 2, n)."""
        config, n, margin = self.config, y.shape[-1], self.config.n_fft // 2
        how: dict[str, Any] = {"n_fft": config.n_fft, "hop_length": config.hop, "window": self.window}
        padded = nn.functional.pad(y, (margin, config.chunk - margin - n)).flatten(0, 1)  # (B * 2, chunk)
        X = torch.stft(padded, return_complex=True, **how)  # (B * 2, F, dim_t)
        x = torch.view_as_real(X[:, : config.dim_f]).permute(0, 3, 1, 2).reshape(-1, 4, config.dim_f, config.dim_t)
        x[:, :, :_LOWEST] = 0
        found = torch.cat([self.spectrum(pair[None].contiguous()) for pair in x])  # (B, 4, dim_f, dim_t)
        parts = found.reshape(-1, 2, config.dim_f, config.dim_t).permute(0, 2, 3, 1).contiguous()
        Y = torch.zeros_like(X)
        Y[:, : config.dim_f] = torch.view_as_complex(parts)
        found = torch.istft(Y, length=config.chunk, **how)[:, margin : margin + n]
        return config.compensate * found.unflatten(0, (-1, 2))


def import_mdx(
    source: str | os.PathLike[str],
    *,
    n_fft: int = 0,
    dim_f: int = 0,
    dim_t: int = 0,
    compensate: float = 1.0,
    stem: str = "vocals",
) -> tuple[MdxNet, dict[str, Any]]:
    """Read an MDX-Net graph.

    Args:
        source: the .onnx file.
        n_fft: of its spectra, which the file does not tell: mostly 6144 or 7680.
        dim_f, dim_t: bins and frames it takes; 0 for what the file says.
        compensate: factor for its stem, mostly 1.0 to 1.07.
        stem: what it finds: vocals, instrumental (called accompaniment here), or an instrument.

    Returns:
        The network, and its card.

    Raises:
        ModelError: no MDX-Net: another number or shape of inputs and outputs.
        ParameterError: n_fft is missing, or the sizes do not fit each other or the graph.
        InputError, DamagedError: it cannot be read.
    """
    try:
        content = Path(source).read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"{source}: no such file") from None
    if not n_fft:
        raise ParameterError(
            f"{source}: which n_fft its spectra have is not in the file",
            hint=f"audiokit models import mdx {source} --n-fft 6144 -o FOLDER (or 7680: see where it comes from)",
        )
    sizes = _taken(open_session(source, content=content), str(source))
    for flag, given, found in (("--dim-f", dim_f, sizes[0]), ("--dim-t", dim_t, sizes[1])):
        if given and found and given != found:
            raise ParameterError(f"{source}: {flag} {given}, but the graph takes {found}")
        if not given and not found:
            raise ParameterError(f"{source}: takes any {flag[2:]}", hint=f"add {flag} N: see where it comes from")
    own = "accompaniment" if stem.lower() in ("instrumental", "accompaniment") else stem.lower()
    network = MdxNet(
        size=len(content),
        n_fft=int(n_fft),
        dim_f=int(dim_f or sizes[0]),
        dim_t=int(dim_t or sizes[1]),
        compensate=float(compensate),
        stem=own,
        rest={"vocals": "accompaniment", "accompaniment": "vocals"}.get(own, "rest" if own == "other" else "other"),
    )
    network.onnx.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    config = network.config
    card = {
        "architecture": "mdx-net",
        "settings": network.settings,
        "kind": "split",
        "labels": [config.stem, config.rest],
        "frontend": {"rate": config.rate, "channels": 2, "n_fft": config.n_fft, "hop": config.hop},
        "source": Path(source).name,
    }
    noise = torch.randn(1, 4, config.dim_f, config.dim_t)
    check_runs(partial(network.spectrum, noise), str(source), shape=noise.shape)
    return network.eval(), card


def _taken(session: Any, name: str) -> tuple[int, int]:
    """Bins and frames that a graph takes, 0 for any (ModelError if it is no MDX-Net)."""
    ports = [*session.get_inputs(), *session.get_outputs()]
    shapes = [tuple(port.shape) for port in ports]
    if [len(session.get_inputs()), len(session.get_outputs())] != [1, 1] or any(
        len(shape) != 4 or (shape[1] not in (4, None) and not isinstance(shape[1], str)) for shape in shapes
    ):
        told = ", ".join(f"{port.name} {shape}" for port, shape in zip(ports, shapes, strict=True))
        raise ModelError(f"{name}: not an MDX-Net: expected (1, 4, dim_f, dim_t) in and out, found {told}")
    bins, frames = (size if isinstance(size, int) and size > 0 else 0 for size in shapes[0][2:])
    return bins, frames
