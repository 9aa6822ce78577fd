"""`audiokit score`: objective measures between estimates and references, or of files by themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from audiokit.engine.options import BatchOptions, Json, Quiet


def score(
    inputs: Annotated[list[str], typer.Argument(metavar="ESTIMATE...", help="Files or folders to score.")],
    ref: Annotated[
        str | None,
        typer.Option(
            metavar="PATH", help="The reference: a file, or a folder with names like the estimates'. None: checks only."
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="si_sdr, bss, pesq, stoi, lsd, mrstft, mcd, loudness, lag, beats, pitch, checks, or all, with commas"
            " (default: those that suit every sound).",
        ),
    ] = None,
    stems: Annotated[
        bool, typer.Option("--stems", help="The files of a folder are sources of one mix: SDR, ISR, SIR, SAR.")
    ] = False,
    rate: Annotated[
        int | None, typer.Option(min=4000, max=768_000, help="Compare at this rate (default: the reference's).")
    ] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Exit with 7 where a score is under this.")
    ] = None,
    fail_over: Annotated[
        list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Exit with 7 where a score is over this.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Local processes to use.")] = 1,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score audio against references, or check it by itself.

    PESQ, STOI, BSS Eval (museval), beat and melody measures (mir_eval) come from those libraries themselves, in
    the extra `score`. Folders are also compared as wholes (Frechet distance). One pair at a time is held in memory,
    whole; those libraries need several times its size, our own measures little more.

    \b
    Examples:
      audiokit score denoised.wav --ref clean.wav --metrics si_sdr,pesq,stoi
      audiokit score estimates/ --ref truth/ --json > estimates/score.json && audiokit page estimates/
      audiokit score stems/ --ref truth/ --stems
      audiokit score song.wav --ref original.wav --fail-under si_sdr_db=60 --fail-over lsd_db=1
    """
    from audiokit.score_files import limits, score_files

    chosen = [name.strip() for name in metrics.split(",")] if metrics else None
    score_files(
        inputs,
        batch=BatchOptions(jobs=jobs, json=json, quiet=quiet),
        reference=ref,
        metrics=chosen,
        rate=rate,
        stems=stems,
        under=limits(fail_under, "--fail-under"),
        over=limits(fail_over, "--fail-over"),
    )
