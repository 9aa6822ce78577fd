"""A download that breaks off, by our own code and by pooch, from a server in this process."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.bench.dependencies.measuring import Inputs, Row, timed

_DATA = bytes(range(256)) * 40_000


class _Breaking(BaseHTTPRequestHandler):
    """Serves `_DATA` with ranges, and hangs up after 60 % of the first answer."""

    sent = 0
    answers = 0

    def do_GET(self) -> None:
        """Answer one request."""
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(match[1]) if match else 0
        body = _DATA[first:]
        self.send_response(206 if match else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        type(self).answers += 1
        if type(self).answers == 1:
            body = body[: len(body) * 6 // 10]
        self.wfile.write(body)
        type(self).sent += len(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def _server() -> Iterator[str]:
    _Breaking.sent = _Breaking.answers = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Breaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/a/model.tar.gz"
    finally:
        server.shutdown()
        server.server_close()


def compare_downloads() -> Iterator[Row]:
    """Yield the comparison."""
    import pooch

    from audiokit.models.folder.pull import Remote, fetch

    logging.getLogger("pooch").setLevel(logging.ERROR)
    total = hashlib.sha256(_DATA).hexdigest()
    kept, spent = [], []
    for way in ("ours", "pooch"):
        with tempfile.TemporaryDirectory() as name, _server() as url:
            os.environ.update(AUDIOKIT_HOME=name, AUDIOKIT_RETRY_S="0")

            def work(way: str = way, url: str = url, name: str = name) -> Path:
                if way == "ours":
                    return fetch("model", Remote(url, total, "spleeter"))
                base, file = url.rsplit("/", 1)
                catalogue = pooch.create(name, base + "/", registry={file: total}, retry_if_failed=3)
                return Path(catalogue.fetch(file))

            try:
                seconds, path = timed(work, repeats=1, warm=False)
                word = "whole" if path.read_bytes() == _DATA else "broken"
            except Exception as error:  # the kind of it is what is asked
                seconds, word = 0.0, type(error).__name__
            kept.append(f"{word}, {_Breaking.sent / len(_DATA):.1f} times its size sent")
            spent.append(seconds)
            os.environ.pop("AUDIOKIT_HOME")
    yield Row(
        "download that breaks off at 60 %", "models/folder/pull.py", "pooch", "file", *kept, (spent[0], spent[1]),
        ("from audiokit.models.folder.pull import fetch", "import pooch, requests"),
    )  # fmt: skip


def compare(inputs: Inputs) -> Iterator[Row]:
    """Yield the comparison (`formats` does too)."""
    yield from compare_downloads()
