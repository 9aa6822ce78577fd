"""The one training loop: every recipe of `audiokit train` runs through `fit`.

A run is a folder:

    checkpoint.pt     everything needed to go on: weights, optimisers, averages, the recipe's own state
    metrics.jsonl     one line per logged interval and per validation
    whatever the recipe's `validate` writes (samples to hear and see) and its `export` writes (usually
    model.json and weights.safetensors, which makes the run folder a model folder)

All randomness of a step comes from (seed, step, process), so a run that was interrupted and resumed gives
the same bits as one that was not. Under `torchrun` every process computes its own batch and gradients are
averaged.

References:
    Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging (the averaged weights).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from audiokit.errors import ModelError, ParameterError
from audiokit.training.engine import processes
from audiokit.training.engine.progress import Progress
from audiokit.training.engine.run import Run

#: A run stops when this many steps in a row were skipped because their gradients were not finite.
PATIENCE = 20


class Recipe:
    """What one kind of training brings to the loop; override what is needed.

    The constructor seeds torch, builds the networks on their device and opens the data.
    """

    def modules(self) -> dict[str, nn.Module]:
        """Name every network whose weights are trained."""
        raise NotImplementedError

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name every optimiser."""
        raise NotImplementedError

    def step(self, rng: np.random.Generator, step: int) -> Mapping[str, float | Tensor]:
        """Draw one batch with `rng`, call `update` once per optimiser, and return the losses to log."""
        raise NotImplementedError

    def validate(self, folder: Path, step: int) -> Mapping[str, float]:
        """Measure, with averaged weights in place and evaluation mode on; write samples under `folder`."""
        return {}

    def export(self, folder: Path, weights: dict[str, dict[str, Tensor]]) -> None:
        """Write the model from averaged weights, keyed as `modules` and also in place there."""

    def averaged(self) -> tuple[str, ...]:
        """Name the modules whose running average is kept (all of them by default)."""
        return tuple(self.modules())

    def settings(self) -> dict[str, Any]:
        """Return the plain options that must be the same when a run is resumed."""
        return {}

    def state(self) -> dict[str, Any]:
        """Return what else a checkpoint must hold, as tensors and plain values (an image pool, a counter)."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` returned."""


class OneNetwork(Recipe):
    """What most kinds of training are: one network with one optimiser.

    Attributes:
        called: the name of both, in checkpoints and in `export`.
        network, optimizer: made by the constructor.
    """

    called: str
    network: Any
    optimizer: torch.optim.Optimizer

    def modules(self) -> dict[str, nn.Module]:
        """Name the network."""
        return {self.called: self.network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Name its optimiser."""
        return {self.called: self.optimizer}


class Every(NamedTuple):
    """Steps between what a run does beside training.

    Attributes:
        validate: between validations; there is always one at the end.
        log: between lines of metrics.jsonl, which hold means since the last one.
        save: between checkpoints; None saves after each validation.
        share: validations between the first and the last take at most this part of the time, and are left out while
            they took more; 1 leaves none out. Only where no validation decides which weights are kept.
    """

    validate: int = 1000
    log: int = 50
    save: int | None = None
    share: float = 1.0


class NonFiniteUpdate(ArithmeticError):
    """Gradients were NaN or infinite; the weights were left as they were."""


def fit(
    recipe: Recipe,
    *,
    folder: str | Path,
    steps: int,
    minutes: float | None = None,
    every: Every = Every(),
    seed: int = 0,
    resume: bool = True,
    average: float = 0.999,
    precision: str = "float32",
    schedule: Callable[[float], float] | None = None,
    best: str | None = None,
    quiet: bool = False,
) -> dict[str, float]:
    """Train a recipe in a run folder until a number of steps or minutes is reached.

    Args:
        recipe: the networks, data and losses.
        folder: run folder; created if absent.
        steps: steps in total, those before a resume included.
        minutes: training time in total, those before a resume included; None for no limit. A clock ends a run
            elsewhere on another machine; a number of steps does not.
        every: steps between validations, lines of metrics.jsonl and checkpoints.
        seed: the source of all randomness.
        resume: go on from the folder's checkpoint; False refuses a folder that has one.
        average: decay of the averaged weights per step, reached after a warm-up.
        precision: float32, or bfloat16 for automatic mixed precision.
        schedule: factor on every learning rate as a function of progress 0..1; None keeps the rates.
        best: name of a validation value, lower is better: export only when it improves. None exports always.
        quiet: say nothing on standard error.

    Returns:
        The last validation's values, with step and seconds.

    Raises:
        InputError: the folder holds a run and resume is False.
        UsageError: the run in the folder was made with other settings.
        DamagedError: the checkpoint cannot be read.
        ModelError: gradients stayed non-finite, or memory ran out; the last good checkpoint is kept.
        ParameterError: a number or the precision is out of range.
        KeyboardInterrupt: Ctrl-C or SIGTERM came; the step was finished and a checkpoint saved.
    """
    if min(steps, every.validate, every.log, every.save or 1) < 1 or (minutes is not None and minutes <= 0):
        raise ParameterError("steps, minutes and the intervals of a training run must be above zero")
    if precision not in ("float32", "bfloat16"):
        raise ParameterError(f"precision is float32 or bfloat16, not {precision!r}")
    limit = minutes * 60 if minutes else math.inf
    device = next(next(iter(recipe.modules().values())).parameters()).device
    with (
        processes.group(device),
        processes.gentle_interrupt() as interrupted,
        Progress(steps, minutes, quiet=quiet or processes.rank() > 0) as report,
    ):
        run = Run(recipe, Path(folder), seed=seed, decay=average, resume=resume)
        clock, skipped, judging = time.monotonic() - run.seconds, 0, 0.0
        while run.step < steps and run.seconds < limit:
            run.set_rate(schedule(max(run.step / steps, run.seconds / limit)) if schedule else 1.0)
            run.training(True)
            rng = np.random.default_rng([seed, run.step, processes.rank()])
            torch.manual_seed(int(rng.integers(2**63 - 1)))
            losses: dict[str, float] = {}
            try:
                with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                    losses = {name: float(value) for name, value in recipe.step(rng, run.step).items()}
                run.average_weights()
                skipped = 0
            except NonFiniteUpdate:
                skipped += 1
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                raise ModelError(
                    f"{folder}: out of memory at step {run.step + 1}; the checkpoint of step {run.saved_step} is kept",
                    hint="lower --batch, or the length of what it learns from (--frames, --samples)",
                ) from None
            run.step += 1
            run.log(losses)
            run.seconds, stop = processes.agree(device, time.monotonic() - clock, float(interrupted.is_set()))
            if skipped == PATIENCE:
                raise ModelError(
                    f"{folder}: {skipped} steps in a row had non-finite gradients; training stopped at step"
                    f" {run.step}, the checkpoint of step {run.saved_step} is kept",
                    hint="lower the learning rate, or check the data with 'audiokit info --check'",
                )
            over = run.step >= steps or run.seconds >= limit
            if run.step % every.log == 0 or over:
                run.write_losses(skipped=skipped)
            report.show(run.step, run.seconds, losses)
            if over or (run.step % every.validate == 0 and (best or judging <= every.share * run.seconds)):
                began = time.monotonic()
                run.validate(best)
                judging += time.monotonic() - began
                report.say(run.step, run.seconds, run.values)
            if over or stop or run.step % (every.save or every.validate) == 0:
                run.save()
            if stop:
                raise KeyboardInterrupt
        return {**run.values, "step": run.step, "seconds": round(run.seconds, 2)}


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out: torch has a class for devices, and words for the processor.

    >>> out_of_memory(MemoryError()), out_of_memory(RuntimeError("shapes do not match"))
    (True, False)
    """
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(word in str(error) for word in words)


def update(optimizer: torch.optim.Optimizer, loss: Tensor, *, clip: float | None = None) -> float:
    """Take one optimiser step on a loss: backward, average over processes, clip, step.

    Args:
        optimizer: whose parameters are updated; gradients of all others are left alone.
        loss: scalar with a graph.
        clip: largest gradient norm, or None.

    Returns:
        The loss as a number.

    Raises:
        NonFiniteUpdate: the gradients hold NaN or infinity on any process; nothing was changed.
    """
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(loss.device.type, enabled=False):
        loss.float().backward()
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    processes.average(gradients)
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    if not torch.isfinite(norm):
        optimizer.zero_grad(set_to_none=True)
        raise NonFiniteUpdate(f"gradient norm {float(norm)}")
    if clip is not None and norm > clip:
        torch._foreach_mul_(gradients, float(clip / norm))
    optimizer.step()
    return float(loss.detach())


def linear_decay(start: float = 0.5) -> Callable[[float], float]:
    """Keep the learning rate until a share of the run, then lower it to zero in a straight line.

    >>> factor = linear_decay(0.5)
    >>> factor(0.25), factor(0.75), factor(1.0)
    (1.0, 0.5, 0.0)
    """
    return lambda progress: min(1.0, max(0.0, (1.0 - progress) / (1.0 - start)))


def cosine(*, end: float = 0.02, warmup: float = 0.02) -> Callable[[float], float]:
    """Raise the learning rate over a warm-up, then lower it along half a cosine.

    >>> factor = cosine(end=0.1, warmup=0.0)
    >>> round(factor(0.0), 3), round(factor(1.0), 3)
    (1.0, 0.1)
    """

    def factor(progress: float) -> float:
        if progress < warmup:
            return (progress + 1e-3) / (warmup + 1e-3)
        share = (progress - warmup) / (1.0 - warmup)
        return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * share))

    return factor
