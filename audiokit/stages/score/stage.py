"""`score`: objective measures between estimates and references, or of files by themselves."""

from __future__ import annotations

from typing import Annotated

from audiokit.engine.command import command
from audiokit.engine.option import Argument, Option
from audiokit.engine.parse import words
from audiokit.engine.settings import BatchOptions, Jobs, Json, Pitch, Quiet


@command()
def score(
    inputs: Annotated[list[str], Argument("Files or folders to score.", "ESTIMATE...")],
    *,
    ref: Annotated[
        str | None,
        Option("The reference: a file, or a folder with names like the estimates'. None: checks only.", metavar="PATH"),
    ] = None,
    metrics: Annotated[
        str | tuple[str, ...] | None,
        Option(
            "si_sdr, bss, pesq, stoi, lsd, mrstft, mcd, loudness, lag, beats, pitch, checks, or all, with commas"
            " (default: those that suit every sound).",
            metavar="LIST",
            parse=words,
        ),
    ] = None,
    stems: Annotated[bool, Option("The files of a folder are sources of one mix: SDR, ISR, SIR, SAR.")] = False,
    pitch_tracker: Pitch = "world",
    rate: Annotated[
        int | None, Option("Compare at this rate (default: the reference's).", min=4000, max=768_000)
    ] = None,
    fail_under: Annotated[
        list[str] | None, Option("Exit with 7 where a score is under this.", metavar="NAME=NUMBER")
    ] = None,
    fail_over: Annotated[
        list[str] | None, Option("Exit with 7 where a score is over this.", metavar="NAME=NUMBER")
    ] = None,
    jobs: Jobs = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score audio against references, or check it by itself.

    PESQ, STOI, BSS Eval (museval), beat and melody measures (mir_eval) come from those libraries themselves, in
    the extra `score`. Folders are also compared as wholes (Frechet distance). Our own measures read sounds piece by
    piece, and keep long ones in temporary files; those libraries need several times a sound's size in memory.

    Examples:
        audiokit score denoised.wav --ref clean.wav --metrics si_sdr,pesq,stoi
        audiokit score estimates/ --ref truth/ --json > estimates/score.json && audiokit page estimates/
        audiokit score stems/ --ref truth/ --stems
        audiokit score song.wav --ref original.wav --fail-under si_sdr_db=60 --fail-over lsd_db=1
    """
    from audiokit.stages.score.files import limits, score_files

    score_files(
        inputs,
        batch=BatchOptions(jobs=jobs, json=json, quiet=quiet),
        reference=ref,
        metrics=None if metrics is None else list(metrics),
        rate=rate,
        pitch_tracker=pitch_tracker,
        stems=stems,
        under=limits(fail_under, "--fail-under"),
        over=limits(fail_over, "--fail-over"),
    )
