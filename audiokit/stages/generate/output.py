"""Where generated notes go: a file, a folder in NSynth's layout, a sampler kit, a sheet of pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audiokit.engine.progress import Progress
from audiokit.errors import UsageError
from audiokit.io.audio import write
from audiokit.io.files import check_free
from audiokit.io.nsynth import INDEX, example, write_examples
from audiokit.models.notes.making import Note, NoteSettings, make_note
from audiokit.models.notes.notes import NoteModel, Sound

AUDIO = (".wav", ".flac", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".w64")
_SHEET_LIMIT = 64
_NSYNTH_RATE, _NSYNTH_S = 16000, 4.0


@dataclass
class Output:
    """How results are written and told about.

    Attributes:
        history: of the command, for the files' tags.
        force: replace what exists.
        as_json: print one object per note on standard output.
        subtype: encoding of the audio files; None for PCM_24.
        sheet: where to draw all notes, or None.
        pictures: collected for the sheet.
        progress: told about every finished note.
    """

    history: list[dict[str, Any]]
    force: bool = False
    as_json: bool = False
    subtype: str | None = None
    sheet: str | None = None
    pictures: list[tuple[str, np.ndarray]] = field(default_factory=list)
    progress: Progress | None = None

    def tell(self, record: dict[str, Any]) -> None:
        """Report one finished output."""
        if self.as_json:
            print(json.dumps(record), flush=True)
        if self.progress:
            self.progress.finished(record["name"], record["output"], record)

    def write_audio(self, path: str | Path, y: np.ndarray, rate: int) -> list[str]:
        """Write one file and keep what the sheet needs."""
        if self.sheet and len(self.pictures) < _SHEET_LIMIT:
            self.pictures.append((Path(path).stem, _picture(y, rate)))
        subtype = self.subtype or ("PCM_24" if str(path).lower().endswith((".wav", ".flac")) else None)
        return write(path, y[None], rate, subtype=subtype, history=self.history, force=self.force)

    def draw_sheet(self) -> None:
        """Draw the collected notes."""
        if self.sheet and self.pictures:
            draw_sheet(self.sheet, self.pictures, force=self.force)


def write_one(
    model: NoteModel,
    sounds: Sequence[Sound],
    notes: Sequence[Note],
    settings: NoteSettings,
    target: str,
    output: Output,
) -> None:
    """Write a single note to a file or, as a WAV stream, to standard output."""
    if len(notes) > 1:
        raise UsageError(f"{len(notes)} notes do not fit into the one file {target}", hint="give a folder: -o notes/")
    (note,) = notes
    record, y = _make(model, sounds, note, settings)
    record["output"] = target
    record["warnings"] += output.write_audio(target, y, settings.rate)
    if target != "-":
        output.tell(record)


def write_folder(
    model: NoteModel,
    sounds: Sequence[Sound],
    notes: Sequence[Note],
    settings: NoteSettings,
    folder: str,
    output: Output,
    *,
    nsynth: bool = False,
) -> None:
    """Write notes as `NAME.wav` with `examples.json` and `latents.npy`; the index comes last.

    Args:
        model, sounds, notes, settings: what to make.
        folder: where.
        output: how.
        nsynth: exactly NSynth's layout: `audio/NAME.wav`, 16 kHz, 4 s, 16 bit.
    """
    root = Path(folder)
    check_free(root / INDEX, force=output.force)
    where = root / "audio" if nsynth else root
    if nsynth:
        settings = _as_nsynth(settings)
        output.subtype = "PCM_16"
    examples: dict[str, dict[str, Any]] = {}
    for number, note in enumerate(notes):
        record, y = _make(model, sounds, note, settings)
        if nsynth:
            y = _exactly(y, round(_NSYNTH_S * _NSYNTH_RATE))
        path = where / f"{note.name}.wav"
        record["warnings"] += output.write_audio(path, y, settings.rate)
        record["output"] = str(path)
        examples[note.name] = _entry(record, sounds[note.sound], settings, number, str(path.relative_to(root)))
        output.tell(record)
    save_latents(root / "latents.npy", sounds)
    write_examples(root, examples)


def write_kit(
    model: NoteModel,
    sounds: Sequence[Sound],
    notes: Sequence[Note],
    settings: NoteSettings,
    folder: str,
    output: Output,
) -> None:
    """Write every sound as an SFZ instrument with its samples beside it."""
    from audiokit.io.sfz import Sample, write_sfz

    root = Path(folder)
    for index, sound in enumerate(sounds):
        mine = [note for note in notes if note.sound == index]
        name = f"{sound.instrument or sound.family or 'sound'}_{index:03d}"
        check_free(root / f"{name}.sfz", force=output.force)
        samples = []
        for note in mine:
            record, y = _make(model, sounds, note, settings)
            path = root / "samples" / name / f"{note.pitch:03d}-{note.velocity:03d}.wav"
            record["warnings"] += output.write_audio(path, y, settings.rate)
            record["output"] = str(path)
            output.tell(record)
            samples.append(Sample(path.relative_to(root).as_posix(), note.pitch, note.velocity))
        release = settings.release_s if settings.release_s is not None else 0.3
        title = f"{name}, made by audiokit generate"
        write_sfz(root / f"{name}.sfz", samples, release_s=release, title=title, force=output.force)
    save_latents(root / "latents.npy", sounds)


def save_latents(path: Path, sounds: Sequence[Sound]) -> None:
    """Write the sounds' latents (N, D); `--latent` reads them back."""
    from audiokit.io.files import atomic_file

    with atomic_file(path, force=True) as temporary, open(temporary, "wb") as file:
        np.save(file, np.stack([sound.latent for sound in sounds]))


def draw_sheet(target: str, pictures: Sequence[tuple[str, np.ndarray]], *, force: bool = False) -> None:
    """Draw a grid of spectrograms: (name, levels in dB) each, low frequencies at the bottom."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from audiokit.io.image import save_figure

    columns = min(8, max(1, int(np.ceil(np.sqrt(len(pictures))))))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(2.4 * columns, 1.9 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (name, levels) in zip(axes.flat, pictures, strict=False):
        axis.imshow(levels, origin="lower", aspect="auto", cmap="magma", vmin=levels.max() - 80, vmax=levels.max())
        axis.set_title(name, fontsize=6)
    save_figure(figure, target, force=force)


def _make(
    model: NoteModel, sounds: Sequence[Sound], note: Note, settings: NoteSettings
) -> tuple[dict[str, Any], np.ndarray]:
    sound = sounds[note.sound]
    y, warnings = make_note(model, sound, note.pitch, note.velocity, settings, key=note.sound)
    record = {
        "name": note.name,
        "pitch": note.pitch,
        "velocity": note.velocity,
        "family": sound.family,
        "source": sound.source,
        "qualities": list(sound.qualities),
        "instrument": sound.instrument,
        "sound": note.sound,
        "seconds": round(len(y) / settings.rate, 4),
        "rate": settings.rate,
        "peak_dbfs": round(float(20 * np.log10(max(float(np.abs(y).max()), 1e-9))), 2),
        "distortion": settings.distortion,
        "reverb": settings.reverb,
        "seed": settings.seed,
        "model": model.name,
        "warnings": [*note.warnings, *warnings],
    }
    return record, y


def _entry(record: dict[str, Any], sound: Sound, settings: NoteSettings, number: int, file: str) -> dict[str, Any]:
    qualities = {*sound.qualities}
    qualities |= {name for name in ("distortion", "reverb") if record[name] > 0}
    fields = example(
        record["name"],
        instrument=record["name"].rsplit("-", 2)[0],
        pitch=record["pitch"],
        velocity=record["velocity"],
        family=sound.family or "synth_lead",
        source=sound.source or "synthetic",
        qualities=qualities,
        rate=settings.rate,
        note=number,
        instrument_number=record["sound"],
    )
    extra = ("distortion", "reverb", "seed", "seconds", "model", "instrument")
    made = {f"generated_{key}": record[key] for key in extra}
    times = {"generated_attack": settings.attack_s, "generated_release": settings.release_s}
    return {**fields, **made, **times, "file": file, "latent": [round(float(v), 5) for v in sound.latent]}


def _as_nsynth(settings: NoteSettings) -> NoteSettings:
    from dataclasses import replace

    return replace(settings, rate=_NSYNTH_RATE, seconds=_NSYNTH_S)


def _exactly(y: np.ndarray, n: int) -> np.ndarray:
    y = np.pad(y, (0, max(0, n - len(y))))[:n].copy()
    y[-160:] *= np.linspace(1, 0, 160, dtype=np.float32)
    return y


def _picture(y: np.ndarray, rate: int) -> np.ndarray:
    from audiokit.dsp.spectrum.mel import mel_filterbank
    from audiokit.dsp.spectrum.stft import stft

    S = np.abs(stft(y[None], n_fft=2048, hop=max(512, len(y) // 160)))[0]
    mel = mel_filterbank(rate, 2048, 96) @ S
    return 20 * np.log10(np.maximum(mel, 1e-5))  # type: ignore[no-any-return]
