"""Several processes that train as one (`torchrun`), and signals that arrive between two steps."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn


def count() -> int:
    """Count the processes that train together (1 without torchrun)."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """Number this process among those that train together; 0 writes the files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun started, for the length of a run; nothing happens without torchrun."""
    wanted = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized()
    if wanted:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if wanted:
            distributed.destroy_process_group()


def share_weights(modules: Iterable[nn.Module]) -> None:
    """Give every process the weights and buffers of the first."""
    if count() > 1:
        for module in modules:
            for tensor in [*module.parameters(), *module.buffers()]:
                distributed.broadcast(tensor.data, src=0)


def average(tensors: list[Tensor]) -> None:
    """Replace every tensor by its mean over the processes, in one message."""
    if count() == 1 or not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    flat /= count()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(mean.view_as(tensor))


def agree(device: torch.device, *values: float) -> tuple[float, ...]:
    """Let the largest value among the processes count for all, so that every process takes the same turns."""
    if count() == 1:
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
    return tuple(tensor.tolist())


@contextmanager
def gentle_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into an event, looked at between steps; a second is heard at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _frame: object) -> None:
        event.set()
        for each, handler in previous.items():
            signal.signal(each, handler)

    for number in previous:
        signal.signal(number, note)
    try:
        yield event
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
