"""The per-file task of `audiokit sing`: read, sing, write the vocal, the mix and the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audiokit.errors import InputError, UsageError
from audiokit.io.files import check_free
from audiokit.singing import SingOptions, sing

if TYPE_CHECKING:
    from audiokit.engine.batch import Job


@dataclass(frozen=True)
class SingFiles:
    """Files beside the speech: backing, melody, guide, lyrics, plan and mix, as given on the command line."""

    over: str | None = None
    melody: str = "auto"
    guide: str | None = None
    lyrics: str | None = None
    plan: str | None = None
    mix: str | None = None
    rate: int | None = None
    subtype: str | None = None
    clip: str = "rescale"


def check_files(inputs: Sequence[str], files: SingFiles) -> None:
    """Refuse several speeches that would all write the same mix or plan.

    Raises:
        UsageError: they would.
    """
    from audiokit.engine.batch import expand

    single = [
        p for p in (files.mix, files.plan) if p and not _is_folder(p) and not (p == files.plan and Path(p).exists())
    ]
    if single and len(expand(inputs)) > 1:
        raise UsageError(f"{single[0]}: several vocals cannot share one file", hint="give a folder, ending in /")


def sing_file(job: Job, *, files: SingFiles, options: SingOptions, reverse: bool = False) -> dict[str, Any]:
    """Sing one file; what `--json` prints comes back.

    Raises:
        InputError, ParameterError, ModelError: with the file's name.
    """
    from audiokit.io.audio import read, write

    speech, info = read(job.source)
    if reverse:
        from audiokit.singing_network import speak

        y = speak(speech, info.rate, **_fields(options))
        warnings = write(
            job.target, y, info.rate, subtype=files.subtype, history=[*info.history, *job.history], clip=files.clip,
            force=job.force,
        )  # fmt: skip
        return {"seconds": round(y.shape[1] / info.rate, 3), "warnings": warnings}
    assert files.over is not None
    backing, about = read(files.over, rate=files.rate)
    rate = files.rate or about.rate
    plan_path, mix_path = _beside(files.plan, job, ".json"), _beside(files.mix, job, ".wav")
    if mix_path:
        check_free(mix_path, force=job.force)
    given: dict[str, Any] = {"lyrics": _text(files.lyrics)}
    if files.melody != "auto":
        from audiokit.io.midi import read_midi

        given["melody"] = read_midi(files.melody)
    if files.guide:
        hum, hum_info = read(files.guide)
        given["guide"] = (hum, hum_info.rate)
    if plan_path and Path(plan_path).exists():
        given["plan"] = plan_path
    try:
        sung = sing(speech, info.rate, backing, rate, **given, **_fields(options))
    except InputError as error:
        raise type(error)(f"{job.source}: {error}", hint=error.hint) from None
    history = [*info.history, *job.history]
    written: dict[str, Any] = {"history": history, "clip": files.clip, "force": job.force}
    warnings = [*sung.warnings, *write(job.target, sung.vocal, rate, subtype=files.subtype, **written)]
    if mix_path:
        like = None if files.subtype or files.rate else about
        warnings += write(mix_path, sung.mix(), rate, like=like, subtype=files.subtype, **written)
    report: dict[str, Any] = {"seconds": round(sung.vocal.shape[1] / rate, 3), "warnings": warnings}
    if mix_path:
        report["mix"] = mix_path
    if sung.plan is not None:
        music = sung.plan.music
        report |= {"key": music.key_name, "bpm": round(music.bpm, 2), "notes": len(sung.plan.notes)}
        report["syllables"] = len(sung.plan.syllables)
        if plan_path and "plan" not in given:
            from audiokit.io.plan import write_plan

            write_plan(plan_path, sung.plan, force=job.force)
            report["plan"] = plan_path
    return report


def _fields(options: SingOptions) -> dict[str, Any]:
    return {f.name: getattr(options, f.name) for f in fields(options)}


def _beside(path: str | None, job: Job, suffix: str) -> str | None:
    """A path for one job: a folder gets the vocal's name."""
    if path is None or not _is_folder(path):
        return path
    return str(Path(path) / (Path(job.target if job.target != "-" else "vocal").stem + suffix))


def _is_folder(path: str) -> bool:
    return path.endswith("/") or Path(path).is_dir()


def _text(lyrics: str | None) -> str:
    """Read lyrics from a .txt file, or take them as they are."""
    if lyrics and lyrics.lower().endswith(".txt"):
        try:
            return Path(lyrics).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise InputError(f"{lyrics}: not a text file") from None
    return lyrics or ""
