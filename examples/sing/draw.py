"""Draw the pitch of speech and of the vocal made from it, over the notes of the plan.

python draw.py SPEECH.wav VOCAL.wav PLAN.json PICTURE.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib
import numpy as np

from audiokit.dsp.voice.world import HOP_S, analyse_voice
from audiokit.io.audio import read

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def curve(path: str) -> tuple[np.ndarray, np.ndarray]:
    voice = analyse_voice(read(path, rate=22_050, mono=True)[0][0], 22_050)
    midi = 69 + 12 * np.log2(np.maximum(voice.f0_hz, 1) / 440)
    return np.arange(voice.frames) * HOP_S, np.where(voice.strong, midi, np.nan)


def main() -> None:
    speech, vocal, plan_path, picture = sys.argv[1:5]
    plan = json.loads(Path(plan_path).read_text(encoding="utf-8"))
    figure, axes = plt.subplots(2, 1, figsize=(12, 7), sharey=True, constrained_layout=True)
    for axis, path, title in zip(
        axes, (speech, vocal), ("speech", f"vocal, {plan['key']}, {plan['bpm']} BPM"), strict=True
    ):
        axis.plot(*curve(path), color="tab:blue", linewidth=1.5)
        axis.set(title=title, ylabel="MIDI pitch", xlabel="seconds")
    for note in plan["notes"]:
        y = note["pitch"] - 0.5
        axes[1].add_patch(
            plt.Rectangle((note["start_s"], y), note["end_s"] - note["start_s"], 1, color="orange", alpha=0.5)
        )
        axes[1].text(note["start_s"], y - 0.9, note["text"], fontsize=7)
    for time_s in plan["music"]["beats_s"]:
        axes[1].axvline(time_s, color="grey", linewidth=0.4)
    pitches = [note["pitch"] for note in plan["notes"]]
    axes[1].set_ylim(min(pitches) - 12, max(pitches) + 6)
    figure.savefig(picture, dpi=80)


if __name__ == "__main__":
    main()
