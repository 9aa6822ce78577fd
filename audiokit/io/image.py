"""Pictures of spectrograms, and the envelope of waveforms: labelled axes, a colour bar, no global matplotlib state."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from audiokit.errors import shown
from audiokit.io.files import atomic_file

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from audiokit.dsp.spectrum.samples import Samples

_MAX_COLUMNS = 2400


def save_spectrogram(
    target: str | os.PathLike[str],
    values: np.ndarray,
    *,
    seconds: float,
    frequencies_hz: np.ndarray,
    unit: str = "dB",
    title: str = "",
    axis: str = "linear",
    force: bool = False,
) -> None:
    """Draw one or several spectrograms, one panel per channel.

    Args:
        target: .png path.
        values: (C, F, N) or (F, N), real, in `unit`.
        seconds: length of the time axis.
        frequencies_hz: centre of each of the F rows, rising.
        unit: what the colour bar says.
        title: above the picture.
        axis: "linear" or "log" frequency axis, or "mel" (rows evenly spaced, labelled in Hz).
        force: replace an existing picture.
    """
    import numpy as np

    values = values[None] if values.ndim == 2 else values
    values = _thin(values)
    figure = new_figure(9, 2.2 + 2.4 * len(values))
    axes = figure.subplots(len(values), 1, sharex=True, squeeze=False)[:, 0]
    finite = values[np.isfinite(values)]
    high = float(finite.max()) if finite.size else 0.0
    low = max(float(finite.min()) if finite.size else -1.0, high - 90.0) if unit == "dB" else None
    mesh = None
    for channel, (axes_one, panel) in enumerate(zip(axes, values, strict=True)):
        rows = np.arange(len(frequencies_hz)) if axis == "mel" else frequencies_hz
        times = (np.arange(panel.shape[1]) + 0.5) * seconds / max(1, panel.shape[1])
        mesh = axes_one.pcolormesh(
            times, rows, panel, vmin=low, vmax=high, shading="nearest", cmap="magma", rasterized=True
        )
        _frequency_axis(axes_one, frequencies_hz, axis)
        if len(values) > 1:
            axes_one.set_title(f"channel {channel + 1}", fontsize=8, loc="left")
    axes[-1].set_xlabel("time (s)")
    if title:
        figure.suptitle(label(title), fontsize=10)
    if mesh is not None:
        figure.colorbar(mesh, ax=list(axes), label=unit, pad=0.02)
    save_figure(figure, target, force=force)


def _frequency_axis(axes: Axes, frequencies_hz: np.ndarray, axis: str) -> None:
    import numpy as np

    axes.set_ylabel("frequency (Hz)")
    if axis == "log":
        axes.set_yscale("symlog", linthresh=200)
    if axis == "mel":
        ticks = np.unique(np.linspace(0, len(frequencies_hz) - 1, 6).astype(int))
        axes.set_yticks(ticks, [f"{frequencies_hz[t]:.0f}" for t in ticks])


def envelope(y: Samples, rate: int, columns: int = 1200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reduce the average of all channels (C, T) to the lowest and highest value of each picture column.

    >>> import numpy as np
    >>> [part.shape for part in envelope(np.zeros((1, 5000)), 8000, 100)]
    [(100,), (100,), (100,)]
    """
    import numpy as np

    length = y.shape[1]
    edges = np.linspace(0, length, min(columns, length) + 1).astype(int)
    low, high = np.zeros(len(edges) - 1, np.float32), np.zeros(len(edges) - 1, np.float32)
    for column, (start, stop) in enumerate(pairwise(edges.tolist())):
        part = y[:, start:stop].mean(axis=0)
        low[column], high[column] = part.min(), part.max()
    return edges[:-1] / rate, low, high


def new_figure(width: float, height: float) -> Figure:
    """Open a figure, in inches at 100 dots per inch, that no global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def label(name: str) -> str:
    r"""Write a name as a figure draws it: what it may hold is no formula and moves no line.

    >>> print(label("a$x_$b"))
    a\$x_\$b
    """
    return shown(name).replace("$", r"\$")


def save_figure(figure: Figure, target: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a matplotlib Figure as PNG, whole or not at all, the same bytes every time."""
    import warnings

    with atomic_file(target, force=force) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a script the font lacks is drawn as boxes
        figure.savefig(temporary, format="png", metadata={"Software": "audiokit"})


def _thin(values: np.ndarray) -> Any:
    """Keep the maximum of neighbouring frames, so that hours fit in a picture and nothing loud is lost."""
    import numpy as np

    step = -(-values.shape[-1] // _MAX_COLUMNS)
    if step <= 1:
        return values
    pad = -values.shape[-1] % step
    padded = np.pad(values, ((0, 0), (0, 0), (0, pad)), mode="edge")
    return padded.reshape(*values.shape[:2], -1, step).max(axis=-1)
