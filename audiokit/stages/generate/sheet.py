"""Pictures of notes: a spectrogram of each, and all of them on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


def picture(y: Array, rate: int) -> Array:
    """Levels of a note (T,) in dB, (96, about 160), low frequencies first."""
    import numpy as np

    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    S = np.abs(stft(y[None], n_fft=2048, hop=max(512, len(y) // 160)))[0]
    levels: Array = 20 * np.log10(np.maximum(mel_filterbank(rate, 2048, 96) @ S, 1e-5))
    return levels


def draw_sheet(target: str | Path, pictures: Sequence[tuple[str, Array]]) -> None:
    """Draw a grid of pictures, each with its name, low frequencies at the bottom."""
    import numpy as np

    from audiokit.io.image import label, new_figure, save_figure

    columns = min(8, max(1, int(np.ceil(np.sqrt(len(pictures))))))
    rows = -(-len(pictures) // columns)
    figure = new_figure(2.4 * columns, 1.9 * rows)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, levels) in zip(axes.flat, pictures, strict=False):
        axis.imshow(levels, origin="lower", aspect="auto", cmap="magma", vmin=levels.max() - 80, vmax=levels.max())
        axis.set_title(label(name), fontsize=6)
    save_figure(figure, target)
