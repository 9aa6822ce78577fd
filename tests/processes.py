"""Processes of audiokit that need not import NumPy and the like each anew: children of one that has.

A child is a process of its own, with its working folder, pipes, exit status and modules of audiokit; only what others
wrote is there already. Run as a program, this file is the parent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

#: What every command imports, or nearly.
LIBRARIES = ("numpy", "soundfile", "soxr", "typer", "rich.console", "hashlib", "inspect", "subprocess", "urllib.parse")


class Nursery:
    """Keeps the parent and asks it for children; not for several threads at once."""

    def __init__(self, environment: dict[str, str]):
        """Take the environment of all of them; the parent begins with the first child."""
        self.environment = environment
        self._parent: subprocess.Popen | None = None

    def run(self, arguments: list[str], *, cwd: Path, stdin: bytes, timeout: float) -> tuple[int, bytes, bytes]:
        """Run `audiokit ARGUMENTS` to its end: exit status (negative: a signal), standard output, standard error.

        Raises:
            subprocess.TimeoutExpired: it took longer; it was killed.
        """
        if not self._parent:
            self._begin()
        try:
            return self._run(arguments, cwd, stdin, timeout)
        except BaseException:  # whoever comes next would hear the answer to this
            self.end()
            raise

    def _begin(self) -> None:
        self._orders, theirs = socket.socketpair()
        self._parent = subprocess.Popen(
            [sys.executable, Path(__file__), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=self.environment,
        )
        theirs.close()
        self._answers = self._orders.makefile("r")

    def end(self) -> None:
        """End the parent, if there is one."""
        if self._parent:
            self._answers.close()
            self._orders.close()
            self._parent.kill()
            self._parent.wait()
            self._parent = None

    def _run(self, arguments: list[str], cwd: Path, stdin: bytes, timeout: float) -> tuple[int, bytes, bytes]:
        (stdin_read, stdin_write), (out_read, out_write), (err_read, err_write) = (os.pipe() for _ in range(3))
        order = json.dumps([arguments, str(cwd)]).encode() + b"\n"
        socket.send_fds(self._orders, [order], [stdin_read, out_write, err_write])
        for end in (stdin_read, out_write, err_write):
            os.close(end)
        child = int(self._answers.readline())
        late = threading.Event()

        def kill() -> None:
            late.set()
            with contextlib.suppress(ProcessLookupError):  # it ended this very moment
                os.kill(child, signal.SIGKILL)

        said: dict[int, bytes] = {}
        helpers = [threading.Thread(target=_listen, args=(end, said), daemon=True) for end in (out_read, err_read)]
        helpers.append(threading.Thread(target=_tell, args=(stdin_write, stdin), daemon=True))
        clock = threading.Timer(timeout, kill)
        for thread in (*helpers, clock):
            thread.start()
        status = int(self._answers.readline())
        clock.cancel()
        for thread in helpers:
            thread.join()
        if late.is_set():
            raise subprocess.TimeoutExpired(["audiokit", *arguments], timeout, said[out_read], said[err_read])
        return status, said[out_read], said[err_read]


def _listen(end: int, said: dict[int, bytes]) -> None:
    with open(end, "rb") as file:
        said[end] = file.read()


def _tell(end: int, text: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(end, "wb") as file:  # it may not want to know
        file.write(text)


def _serve(orders: socket.socket) -> None:
    """Make a child for every order; return in the child, its pipes, folder and arguments being in place."""
    while True:
        order, ends, _, _ = socket.recv_fds(orders, 1 << 20, 3)
        if not order:
            os._exit(0)
        while not order.endswith(b"\n"):
            order += orders.recv(1 << 20)
        child = os.fork()
        if child == 0:
            orders.close()
            for number, end in enumerate(ends):
                os.dup2(end, number)
                os.close(end)
            arguments, folder = json.loads(order)
            os.chdir(folder)
            sys.argv[1:] = arguments
            return
        for end in ends:
            os.close(end)
        orders.sendall(b"%d\n" % child)
        orders.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    import gc
    import importlib
    import runpy

    sys.path[0] = str(Path(__file__).parents[1])
    for library in LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # a child that ends need not look through what it got
    _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.path[0] = os.getcwd()  # as with python -m
    runpy.run_module("audiokit", run_name="__main__", alter_sys=True)
