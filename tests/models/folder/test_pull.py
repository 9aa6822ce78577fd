"""Downloads over the loopback interface: resumed, checked, and never half-written."""

import io
import tarfile
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from audiokit.errors import DamagedError, ModelError
from audiokit.models.folder import checkpoint, pull
from audiokit.models.separation.spleeter_unet import SpleeterUnet, to_variables
from tests.models.folder.test_tfbundle import write_bundle

NAME = "spleeter-tiny"


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> bytes:
    """A Spleeter release in small: the files of a checkpoint, packed."""
    folder = tmp_path_factory.mktemp("release")
    net = SpleeterUnet(filters=[1, 1, 1, 1, 1, 1])
    variables = {k: np.asarray(v, np.float32) for k, v in to_variables(net.state_dict(), 2).items()}
    write_bundle(folder / "model", variables)
    (folder / "checkpoint").write_text('model_checkpoint_path: "model"\n')
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
    return packed.getvalue()


class Server(ThreadingHTTPServer):
    def __init__(self, content: bytes, *, cut_first: int | None = None, ranges: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.ranges, self.asked = content, cut_first, ranges, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/some/where/tiny.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        data = self.server.content[start:]
        if start and not data:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.server.cut is not None:
            data, self.server.cut = data[: self.server.cut], None
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(archive, monkeypatch, tmp_path):
    """Start a server and make its archive the model NAME; everything is cached in tmp_path."""
    monkeypatch.setenv("AUDIOKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AUDIOKIT_RETRY_S", "0")
    monkeypatch.delenv("AUDIOKIT_MIRROR", raising=False)
    running = []

    def start(content: bytes = archive, **how) -> Server:
        server = Server(content, **how)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(server)
        remote = pull.Remote(server.url, sha256(archive).hexdigest(), "spleeter", {"bins": 1536}, "a tiny one", "MIT")
        monkeypatch.setitem(pull.REMOTE, NAME, remote)
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def leftovers(tmp_path):
    return sorted(p.name for p in (tmp_path / "home").rglob("*") if p.is_file())


def test_pulled_once_then_found_by_name(serve, tmp_path):
    server = serve()
    folder = pull.pull(NAME)
    assert folder == tmp_path / "home" / "models" / NAME
    net, card = checkpoint.load(NAME, kind="split")
    assert card["licence"] == "MIT" and net.config.bins == 1536
    assert pull.pull(NAME) == folder and len(server.asked) == 1
    assert leftovers(tmp_path) == ["model.json", "tiny.tar.gz", "weights.safetensors"]


@pytest.mark.parametrize("ranges", [True, False], ids=["resumes", "cannot resume"])
def test_a_connection_that_breaks_is_taken_up_again(serve, archive, ranges):
    server = serve(cut_first=len(archive) // 3, ranges=ranges)
    seen = []
    pull.pull(NAME, report=lambda done, total: seen.append((done, total)))
    assert server.asked == [None, f"bytes={len(archive) // 3}-"]
    assert seen[-1] == (len(archive), len(archive))


def test_an_earlier_process_was_killed(serve, archive, tmp_path):
    server = serve()
    downloads = tmp_path / "home" / "downloads"
    downloads.mkdir(parents=True)
    (downloads / "tiny.tar.gz.part").write_bytes(archive[:100])
    pull.pull(NAME)
    assert server.asked == ["bytes=100-"]
    (downloads / "tiny.tar.gz").rename(downloads / "tiny.tar.gz.part")  # killed just before the rename
    pull.pull(NAME, force=True)
    assert server.asked[1:] == [f"bytes={len(archive)}-"]


def test_altered_content_is_refused_and_removed(serve, archive, tmp_path):
    serve(archive[:-10] + bytes(10))
    with pytest.raises(DamagedError, match="does not match its checksum"):
        pull.pull(NAME)
    assert leftovers(tmp_path) == []
    serve()
    assert pull.pull(NAME).is_dir()


def test_without_a_network_the_way_out_is_told(serve, archive, tmp_path):
    server = serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(ModelError) as caught:
        pull.pull(NAME)
    hint = caught.value.hint
    assert f"curl -L -o tiny.tar.gz {server.url}" in hint and f"models pull {NAME} --from tiny.tar.gz" in hint
    place = tmp_path / "home" / "downloads" / "tiny.tar.gz"
    assert f"put it at {place} " in hint
    place.write_bytes(archive)
    assert pull.pull(NAME).is_dir()


def test_an_archive_fetched_elsewhere(serve, archive, tmp_path):
    server = serve()
    (tmp_path / "a.tar.gz").write_bytes(archive)
    assert pull.pull(NAME, archive=tmp_path / "a.tar.gz").is_dir() and server.asked == []
    (tmp_path / "b.tar.gz").write_bytes(archive[:-1])
    with pytest.raises(DamagedError):
        pull.pull(NAME, archive=tmp_path / "b.tar.gz", force=True)


def test_an_archive_cannot_write_outside(tmp_path):
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("../evil.txt"))
    (tmp_path / "inside").mkdir()
    with pytest.raises(DamagedError, match="cannot be unpacked"):
        pull.unpack(tmp_path / "evil.tar.gz", tmp_path / "inside")
    assert not (tmp_path / "evil.txt").exists()


def test_every_remote_model_has_an_importer_and_a_sum():
    from audiokit.models.folder.importers import IMPORTERS

    for remote in pull.REMOTE.values():
        assert remote.kind in IMPORTERS and len(remote.sum) == 64 and remote.licence
