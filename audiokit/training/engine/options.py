"""Options that every `audiokit train` recipe has, said once, and what all recipes do with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from audiokit.engine.option import Option
from audiokit.engine.settings import FILES, Device, Json, Quiet, Seed
from audiokit.errors import InputError, shown
from audiokit.training.engine.files import CHECKPOINT

if TYPE_CHECKING:
    from audiokit.training.engine.loop import Recipe

#: Samples and measurements take at most this part of a run's time, unless their steps are asked for.
JUDGING = 0.1

Steps = Annotated[int | None, Option("Steps in all, those before --resume included.", min=1)]
ValidateEvery = Annotated[int | None, Option("Steps between samples and checkpoints.", min=1, metavar="STEPS")]
SourceNote = Annotated[
    str | None, Option("Where the sounds come from, for the model card.", metavar="TEXT", flag="--source")
]


@dataclass(frozen=True)
class RunOptions:
    """How a training run goes; see `audiokit.training.engine.loop.fit`."""

    out: Annotated[
        str, Option("Run folder, which becomes the model folder.", short="-o", metavar="FOLDER", group=FILES)
    ]
    steps: Steps = None
    minutes: Annotated[float | None, Option("End after this time at the latest, resumed or not.", min=0)] = None
    validate_every: ValidateEvery = None
    average: Annotated[float, Option("Decay of the averaged weights, which are kept.", min=0, max=1)] = 0.999
    seed: Seed = 0
    device: Device = "auto"
    precision: Annotated[Literal["float32", "bfloat16"], Option("Arithmetic; bfloat16 is mixed precision.")] = "float32"
    resume: Annotated[bool, Option("Go on from the run in the folder.")] = False
    licence: Annotated[str | None, Option("Licence of the weights, for the model card.", metavar="TEXT")] = None
    source: SourceNote = None
    json: Json = False
    quiet: Quiet = False

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all that train together (`torchrun`)."""
        return os.environ.get("RANK", "0") == "0"

    def place(self) -> str:
        """Name the device to train on; with several processes, this one's own."""
        from audiokit.models.folder.checkpoint import pick_device

        device = pick_device(self.device)
        return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and "LOCAL_RANK" in os.environ else device

    def check_folder(self) -> Path:
        """Refuse, before anything is decoded, a folder that holds a run which is not to be resumed (InputError)."""
        folder = Path(self.out)
        if not self.resume and (folder / CHECKPOINT).exists():
            raise InputError(
                f"{folder}: holds a training run already", hint="add --resume, or train into another folder"
            )
        return folder

    def card(self, **amount: Any) -> dict[str, Any]:
        """What the model card says of licence and training data."""
        return {
            "licence": self.licence or "not stated",
            "training_data": {"source": self.source or "not stated", **amount},
        }

    def fit(
        self,
        recipe: Recipe,
        *,
        steps: int,
        validate_every: int,
        log_every: int = 50,
        resume: bool | None = None,
        schedule: Callable[[float], float] | None = None,
        best: str | None = None,
    ) -> dict[str, float]:
        """Run the loop with these options; the arguments are what the recipe takes where the options are silent."""
        from audiokit.training.engine.loop import Every, fit

        return fit(
            recipe,
            folder=self.out,
            steps=self.steps or steps,
            minutes=self.minutes,
            every=Every(
                self.validate_every or validate_every, log=log_every, share=1.0 if self.validate_every else JUDGING
            ),
            seed=self.seed,
            resume=self.resume if resume is None else resume,
            average=self.average,
            precision=self.precision,
            schedule=schedule,
            best=best,
            quiet=self.quiet,
        )

    def tell(self, values: Mapping[str, float], *, model: str = "", then: str = "") -> None:
        """Say where the model is and what to try with it; as JSON if asked."""
        if not self.leads:
            return
        place = f"{self.out}/{model}" if model else self.out
        if self.json:
            import json

            print(json.dumps({"output": place, **values}))
        elif not self.quiet:
            hint = f"; try: {then}" if then else ""
            print(f"{shown(place)}: trained {values['step']} steps{hint}", file=sys.stderr)
