"""A training run on disk and in memory: step counter, averaged weights, checkpoint, metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from audiokit.errors import DamagedError, InputError, ModelError, UsageError
from audiokit.training.engine import processes
from audiokit.training.engine.files import CHECKPOINT

if TYPE_CHECKING:
    from audiokit.training.engine.loop import Recipe

METRICS = "metrics.jsonl"


class Run:
    """What a run knows about itself, and how it is saved, resumed and judged.

    Args:
        recipe: what is trained.
        folder: run folder, created if absent.
        seed: the run's seed, which a resumed run must share.
        decay: of the averaged weights, per step.
        resume: go on from the folder's checkpoint if there is one; False refuses such a folder.
    """

    def __init__(self, recipe: Recipe, folder: Path, *, seed: int, decay: float, resume: bool) -> None:
        self.recipe, self.folder, self.decay = recipe, folder, decay
        self.modules, self.optimizers = recipe.modules(), recipe.optimizers()
        self.settings = {**recipe.settings(), "seed": seed, "processes": processes.count()}
        self.step, self.saved_step, self.seconds = 0, 0, 0.0
        self.best: float | None = None
        self.losses: dict[str, list[float]] = {}
        self.values: dict[str, float] = {}
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])
        processes.share_weights(self.modules.values())
        self.ema = {name: _float_copies(self.modules[name]) for name in recipe.averaged()}
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / CHECKPOINT).exists():
            if not resume:
                raise InputError(
                    f"{folder}: holds a training run already",
                    hint="add --resume, or train into another folder",
                )
            self._load()
        if processes.rank() == 0:
            self._cut_metrics()

    def set_rate(self, factor: float) -> None:
        """Scale every learning rate from its initial value."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def training(self, on: bool) -> None:
        """Switch all networks between training and evaluation."""
        for module in self.modules.values():
            module.train(on)

    @torch.no_grad()
    def average_weights(self) -> None:
        """Move the averages towards the weights; early averages forget fast, so that the start is lost."""
        weight = 1.0 - min(self.decay, (1.0 + self.step) / (10.0 + self.step))
        for name, averages in self.ema.items():
            now = self.modules[name].state_dict()
            torch._foreach_lerp_(list(averages.values()), [now[key] for key in averages], weight)

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Put the averaged weights in place, evaluation mode on, and take both back."""
        kept = {name: _float_copies(self.modules[name]) for name in self.ema}
        self.training(False)
        try:
            self._place(self.ema)
            with torch.no_grad():
                yield
        finally:
            self._place(kept)
            self.training(True)

    def log(self, losses: Mapping[str, float]) -> None:
        """Keep the losses of one step until the next line of metrics."""
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)

    def write_losses(self, *, skipped: int) -> None:
        """Write one line with the means since the last."""
        means = {name: sum(values) / len(values) for name, values in self.losses.items()}
        rate = next(iter(self.optimizers.values())).param_groups[0]["lr"]
        self._write(
            {
                "step": self.step,
                "seconds": round(self.seconds, 2),
                "rate": rate,
                "skipped": skipped,
                "loss": means,
            }
        )
        self.losses = {}

    def validate(self, best: str | None) -> None:
        """Measure and export with the averaged weights, on the first process only."""
        if processes.rank() > 0:
            return
        state = torch.get_rng_state()
        with self.averaged_weights():
            values = {name: float(value) for name, value in self.recipe.validate(self.folder, self.step).items()}
            if best is not None and best not in values:
                raise UsageError(f"this recipe measures {sorted(values)}, not {best!r}")
            better = best is None or self.best is None or values[best] < self.best
            if better:
                self.best = values[best] if best is not None else None
                weights = {name: self.modules[name].state_dict() for name in self.ema}
                self.recipe.export(self.folder, weights)
        torch.set_rng_state(state)
        self.values = values
        self._write({"step": self.step, "seconds": round(self.seconds, 2), "validation": values, "exported": better})

    def save(self) -> None:
        """Write the checkpoint whole or not at all; weights that are not finite are never written."""
        if processes.rank() > 0:
            return
        for name, module in self.modules.items():
            if not all(bool(t.isfinite().all()) for t in module.state_dict().values() if t.is_floating_point()):
                raise ModelError(
                    f"{self.folder}: the weights of {name} are not finite at step {self.step};"
                    f" the checkpoint of step {self.saved_step} is kept",
                    hint="lower the learning rate or use --precision float32",
                )
        state = {
            "format": "audiokit.checkpoint",
            "version": 1,
            "step": self.step,
            "seconds": self.seconds,
            "best": self.best,
            "values": self.values,
            "losses": self.losses,
            "settings": self.settings,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "ema": self.ema,
            "recipe": self.recipe.state(),
        }
        temporary = self.folder / f".{CHECKPOINT}.{os.getpid()}"
        try:
            with open(temporary, "wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.folder / CHECKPOINT)
        finally:
            temporary.unlink(missing_ok=True)
        self.saved_step = self.step

    def _load(self) -> None:
        path = self.folder / CHECKPOINT
        device = next(next(iter(self.modules.values())).parameters()).device
        try:
            state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise DamagedError(
                f"{path}: not a readable checkpoint ({type(error).__name__})", hint="train into a new folder"
            ) from error
        if not isinstance(state, dict) or state.get("format") != "audiokit.checkpoint":
            raise DamagedError(f"{path}: not a checkpoint of audiokit train", hint="train into a new folder")
        was, now = state["settings"], self.settings
        changed = [
            f"{key} was {was.get(key)}, now {now.get(key)}" for key in {**was, **now} if was.get(key) != now.get(key)
        ]
        if changed:
            raise UsageError(
                f"{self.folder}: this run was started with other settings: {'; '.join(changed)}",
                hint="use the same options to go on, or train into another folder",
            )
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.ema, self.step, self.seconds = state["ema"], state["step"], state["seconds"]
        self.best, self.values, self.losses = state["best"], state["values"], state["losses"]
        self.saved_step = self.step
        self.recipe.load_state(state["recipe"])

    def _place(self, tensors: Mapping[str, Mapping[str, Tensor]]) -> None:
        for name, values in tensors.items():
            state = self.modules[name].state_dict()
            for key, value in values.items():
                state[key].copy_(value)

    def _write(self, line: dict[str, Any]) -> None:
        if processes.rank() == 0:
            with open(self.folder / METRICS, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _cut_metrics(self) -> None:
        """Drop lines later than the checkpoint: those steps will be taken again."""
        path = self.folder / METRICS
        if not path.exists():
            return
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                if json.loads(line)["step"] <= self.step:
                    kept.append(line + "\n")
            except (ValueError, KeyError, TypeError):  # a line cut short when the machine died
                continue
        temporary = path.with_name(f".{METRICS}.{os.getpid()}")
        temporary.write_text("".join(kept), encoding="utf-8")
        temporary.replace(path)


def _float_copies(module: torch.nn.Module) -> dict[str, Tensor]:
    return {key: t.detach().clone() for key, t in module.state_dict().items() if t.is_floating_point()}
