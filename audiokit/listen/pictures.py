"""Small pictures for the page: spectrograms as PNG, waveforms and curves as SVG; no plotting library is loaded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Control points of a dark-to-light map that stays readable for colour-blind eyes (perceptually even steps).
_COLOURS = (
    (0, 0, 8),
    (40, 11, 84),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 200),
)


def png(pixels: np.ndarray) -> bytes:
    """Encode an RGB picture (height, width, 3), uint8.

    >>> import numpy as np
    >>> png(np.zeros((2, 3, 3), np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    import numpy as np

    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)], axis=1)
    body = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
        (b"IEND", b""),
    ]
    parts = [b"\x89PNG\r\n\x1a\n"]
    for tag, data in body:
        parts.append(struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data)))
    return b"".join(parts)


def spectrogram_png(y: np.ndarray, rate: int, *, width: int = 900, height: int = 160, top_hz: float = 16_000) -> bytes:
    """Draw one channel (T,) as a spectrogram on a mel-like frequency axis, 80 dB deep.

    Args:
        y: samples.
        rate: Hz.
        width, height: pixels.
        top_hz: highest frequency shown (at most half the rate).
    """
    import numpy as np

    n_fft = 2048
    padded = np.pad(np.asarray(y, np.float32), (n_fft // 2, n_fft // 2))
    starts = np.linspace(0, max(0, len(padded) - n_fft), width).astype(int)
    window = np.hanning(n_fft).astype(np.float32)
    spectrum = np.empty((width, n_fft // 2 + 1), np.float32)
    for first in range(0, width, 128):
        frames = np.stack([padded[s : s + n_fft] for s in starts[first : first + 128]])
        spectrum[first : first + 128] = np.abs(np.fft.rfft(frames * window, axis=1))
    top = min(top_hz, rate / 2)
    mel = np.linspace(0, np.log1p(top / 700), height)
    bins = np.clip(np.expm1(mel) * 700 / (rate / n_fft), 0, n_fft // 2)
    low = bins.astype(int)
    high = np.minimum(low + 1, n_fft // 2)
    share = (bins - low).astype(np.float32)
    rows = spectrum[:, low] * (1 - share) + spectrum[:, high] * share
    decibels = 20 * np.log10(np.maximum(rows, 1e-7) / max(float(rows.max(initial=0.0)), 1e-7))
    return png(_colour(np.clip(decibels / 80 + 1, 0, 1).T[::-1]))


def _colour(values: np.ndarray) -> np.ndarray:
    import numpy as np

    points = np.array(_COLOURS, float)
    at = np.linspace(0, 1, len(points))
    table = np.stack([np.interp(np.linspace(0, 1, 256), at, points[:, c]) for c in range(3)], axis=1)
    return table.astype(np.uint8)[(values * 255).astype(np.uint8)]


def waveform_svg(y: np.ndarray, rate: int, *, columns: int = 450) -> str:
    """Draw one channel (T,) as an SVG outline that stretches to any width."""
    from audiokit.io.image import envelope

    _, low, high = envelope(y, rate, columns)
    upper = " ".join(f"{x},{50 - 48 * min(1.0, float(v)):.1f}" for x, v in enumerate(high))
    lower = " ".join(f"{x},{50 - 48 * max(-1.0, float(v)):.1f}" for x, v in reversed(list(enumerate(low))))
    return (
        f'<svg class="wave" viewBox="0 0 {max(1, len(low))} 100" preserveAspectRatio="none" aria-hidden="true">'
        f'<polygon points="{upper} {lower}"/></svg>'
    )


def curves_svg(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, title: str) -> str:
    """Draw named curves with axes and a legend, for losses and scores over training steps."""
    points = [
        (x, y) for xs, ys in lines.values() for x, y in zip(xs, ys, strict=True) if y == y and abs(y) != float("inf")
    ]
    if not points:
        return ""
    x0, x1 = min(p[0] for p in points), max(p[0] for p in points)
    y0, y1 = min(p[1] for p in points), max(p[1] for p in points)
    x1, y1 = (x1 if x1 > x0 else x0 + 1), (y1 if y1 > y0 else y0 + 1)
    hues = [210, 20, 140, 280, 50, 330, 180, 90]
    drawn, legend = [], []
    for index, (name, (xs, ys)) in enumerate(lines.items()):
        colour = f"hsl({hues[index % len(hues)]} 70% 50%)"
        path = " ".join(
            f"{60 + 520 * (x - x0) / (x1 - x0):.1f},{170 - 150 * (y - y0) / (y1 - y0):.1f}"
            for x, y in zip(xs, ys, strict=True)
            if y == y and abs(y) != float("inf")
        )
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(lines) > 1:
            legend.append(f'<span style="color:{colour}">{escape(name)}</span>')
    axes = (
        f'<text x="55" y="24" text-anchor="end">{y1:.3g}</text><text x="55" y="170" text-anchor="end">{y0:.3g}</text>'
        f'<text x="60" y="188">{x0:g}</text><text x="580" y="188" text-anchor="end">{x1:g}</text>'
        '<path d="M60 20V170H580" class="axis"/>'
    )
    return (
        f"<figure><figcaption>{escape(title)} <small>{' · '.join(legend)}</small></figcaption>"
        f'<svg viewBox="0 0 600 195" class="curve" role="img" aria-label="{escape(title)}">{axes}{"".join(drawn)}</svg>'
        "</figure>"
    )
