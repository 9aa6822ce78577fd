"""Downloads over the loopback interface: resumed, checked, and never half-written."""

import io
import tarfile
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
import torch

from audiokit.errors import DamagedError, ModelError, ParameterError
from audiokit.models.folder import checkpoint, pull
from audiokit.models.separation.roformer import MelBandRoformer
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
        self.others: dict[str, bytes] = {}
        self.headers: dict[str, str] = {}
        self.ignores_where = False
        self.content, self.cut, self.ranges, self.asked = content, cut_first, ranges, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/some/where/tiny.tar.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        content = self.server.others.get(self.path.rsplit("/", 1)[-1], self.server.content)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if self.headers.get("If-Range", self.server.headers.get("ETag")) != self.server.headers.get("ETag"):
            start = 0
        data = content[start:]
        if start and not data:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            begin, data = (0, content) if self.server.ignores_where else (start, data)
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        for name, value in {"Content-Length": str(len(data)), **self.server.headers}.items():
            self.send_header(name, value)
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
    assert leftovers(tmp_path) == []
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


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("name", ["../evil.txt", "{outside}/evil.txt", "evil.txt"])
def test_an_archive_cannot_write_outside(tmp_path, kind, name):
    member = tarfile.TarInfo(name.format(outside=tmp_path))
    member.type, member.linkname = kind, "../evil.txt"
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        tar.addfile(member)
    (tmp_path / "inside").mkdir()
    if kind == tarfile.REGTYPE and name == "evil.txt":
        pull.unpack(tmp_path / "evil.tar.gz", tmp_path / "inside")
        assert (tmp_path / "inside" / "evil.txt").is_file()
    else:
        with pytest.raises(DamagedError, match="cannot be unpacked"):
            pull.unpack(tmp_path / "evil.tar.gz", tmp_path / "inside")
        assert not list((tmp_path / "inside").iterdir())
    assert not (tmp_path / "evil.txt").exists()


def test_every_remote_model_has_an_importer_and_terms():
    from audiokit.models.folder.importers import IMPORTERS

    for name, remote in pull.REMOTE.items():
        assert remote.kind in IMPORTERS or remote.kind == "demucs"
        assert len(remote.sum) in (0, 8, 64) and remote.licence and remote.about and remote.stems and remote.url, name
    unknown = {name for name, remote in pull.REMOTE.items() if not remote.sum}
    assert unknown == {"bs-roformer-4stems", "mdx-kim-vocal-2", "mdx-voc-ft"}


@pytest.fixture(scope="module")
def checkpoint_file(tmp_path_factory) -> bytes:
    """A RoFormer's checkpoint in small, as one file."""
    net = MelBandRoformer(dim=4, depth=1, heads=1, head_dim=4, n_fft=64, window=64, hop=16, bands=6)
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.ckpt"
    torch.save(net.state_dict(), path)
    return path.read_bytes()


YAML = b"""model: {stereo: true, stft_n_fft: 64, stft_hop_length: 16, stft_win_length: 64, sizes: !!python/tuple [1, 2]}
training: {instruments: [vocals, other], target_instrument: vocals}
"""


@pytest.fixture
def one_file(serve, checkpoint_file, monkeypatch):
    """Make a single file the model NAME: with a size, without a sum, its YAML beside it."""

    def start(content: bytes = checkpoint_file, *, size: int | None = None, sum: str = "", **how) -> Server:
        server = serve(content, **how)
        server.others = {"tiny.yaml": YAML}
        url = server.url.replace("tiny.tar.gz", "tiny.ckpt")
        wanted = len(checkpoint_file) if size is None else size
        config = server.url.replace("tiny.tar.gz", "tiny.yaml")
        remote = pull.Remote(url, sum, "roformer", {}, "a tiny one", "no terms stated", size=wanted, config=config)
        monkeypatch.setitem(pull.REMOTE, NAME, remote)
        return server

    return start


def test_terms_come_first_and_the_first_sum_is_recorded(one_file, checkpoint_file, tmp_path):
    said = []
    server = one_file()
    folder = pull.pull(NAME, tell=lambda line: said.append((len(server.asked), line)))
    assert said[0][0] == 0 and "terms: no terms stated" in said[0][1] and server.url.rsplit("/", 1)[0] in said[0][1]
    assert "no checksum is published" in said[1][1] and "later downloads must match it" in said[1][1]
    card = checkpoint.read_card(folder)
    assert card["licence"] == "no terms stated" and card["about"] == "a tiny one"
    assert card["source_sha256"] == sha256(checkpoint_file).hexdigest()
    record = tmp_path / "home" / "downloads" / "tiny.ckpt.sha256"
    assert record.read_text() == f"{card['source_sha256']}  tiny.ckpt\n"
    assert leftovers(tmp_path) == ["model.json", "tiny.ckpt.sha256", "tiny.yaml", "weights.safetensors"]
    pull.pull(NAME, force=True, tell=lambda line: said.append((0, line)))
    assert "matches the checksum of its first download" in said[-1][1]


def test_a_later_download_must_match_the_first(one_file, checkpoint_file, tmp_path):
    one_file()
    pull.pull(NAME)
    altered = bytearray(checkpoint_file)
    altered[len(altered) // 2] ^= 1
    one_file(bytes(altered))
    with pytest.raises(DamagedError, match="checksum of its first download here"):
        pull.pull(NAME, force=True)
    assert "tiny.ckpt" not in leftovers(tmp_path) and "tiny.ckpt.part" not in leftovers(tmp_path)
    checkpoint.load(str(tmp_path / "home" / "models" / NAME), kind="split")  # what was here is still whole


def test_nothing_is_recorded_of_what_cannot_be_read(one_file, checkpoint_file, tmp_path):
    one_file(bytes(len(checkpoint_file)))
    with pytest.raises(ModelError):
        pull.pull(NAME)
    assert "tiny.ckpt.sha256" not in leftovers(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"], ids=["empty", "text"])
def test_what_cannot_be_a_model_is_removed_so_that_the_next_attempt_fetches_it(one_file, checkpoint_file, content):
    one_file(content, size=0)
    with pytest.raises(ModelError, match="what was fetched is removed"):
        pull.pull(NAME)
    server = one_file(size=0)
    assert pull.pull(NAME).is_dir() and server.asked == [None, None]


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size not known"])
def test_the_page_of_a_network_that_wants_a_log_in_costs_nothing(one_file, checkpoint_file, tmp_path, size):
    begun = begin(tmp_path, checkpoint_file[:5000], '"one"')
    server = one_file(b"<html>log in</html>", size=None if size else 0, ranges=False)
    server.headers = {"Content-Type": "text/html; charset=utf-8"}
    with pytest.raises(DamagedError, match=r"a web page is offered instead of the file; .* is kept"):
        pull.pull(NAME)
    assert begun.read_bytes() == checkpoint_file[:5000]
    server = one_file()
    server.headers = {"ETag": '"one"'}
    pull.pull(NAME)
    assert server.asked[0] == "bytes=5000-"


def begin(tmp_path, content: bytes, tag: str | None = None):
    """Leave what an earlier process has fetched."""
    begun = tmp_path / "home" / "downloads" / "tiny.ckpt.part"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(content)
    if tag:
        begun.with_name(f"{begun.name}.from").write_text(tag)
    return begun


@pytest.mark.parametrize("tag", [None, '"one"'], ids=["nothing known of it", "another file"])
def test_what_was_begun_of_another_file_is_not_gone_on_with(one_file, checkpoint_file, tmp_path, tag):
    begin(tmp_path, checkpoint_file[:300][::-1], tag)
    server = one_file()
    server.headers = {"ETag": '"two"'}
    folder = pull.pull(NAME)
    assert checkpoint.read_card(folder)["source_sha256"] == sha256(checkpoint_file).hexdigest()
    assert not [name for name in leftovers(tmp_path) if ".part" in name]


def test_what_was_begun_is_longer_than_the_file(one_file, checkpoint_file, tmp_path):
    begin(tmp_path, checkpoint_file + b"more", '"one"')
    server = one_file()
    server.headers = {"ETag": '"one"'}
    assert pull.pull(NAME).is_dir()
    assert server.asked[:2] == [f"bytes={len(checkpoint_file) + 4}-", None]


def test_a_server_that_begins_anew_where_it_was_asked_to_go_on(one_file, checkpoint_file, tmp_path):
    begin(tmp_path, checkpoint_file[:300], '"one"')
    server = one_file()
    server.headers, server.ignores_where = {"ETag": '"one"'}, True
    folder = pull.pull(NAME)
    assert checkpoint.read_card(folder)["source_sha256"] == sha256(checkpoint_file).hexdigest()


def test_two_that_want_the_same_fetch_it_once(one_file, checkpoint_file, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    server, met = one_file(), Barrier(2)
    real = pull.locked

    def together(*arguments, **how):
        if how.get("remove"):
            met.wait(5)
        return real(*arguments, **how)

    monkeypatch.setattr(pull, "locked", together)
    with ThreadPoolExecutor(2) as both:
        folders = [done.result() for done in [both.submit(pull.pull, NAME) for _ in range(2)]]
    assert folders[0] == folders[1] and folders[0].is_dir() and server.asked == [None, None]


@pytest.mark.parametrize("mirror", ["junk", "file:///etc", "ftp://models.example"])
def test_a_mirror_that_is_no_address(one_file, monkeypatch, mirror):
    one_file()
    monkeypatch.setenv("AUDIOKIT_MIRROR", mirror)
    with pytest.raises(ParameterError, match="is no address"):
        pull.pull(NAME)


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_size_is_noticed_before_anything_is_kept(one_file, checkpoint_file, tmp_path, difference):
    one_file(size=len(checkpoint_file) + difference)
    with pytest.raises(DamagedError, match=f"{len(checkpoint_file)} bytes are offered instead of"):
        pull.pull(NAME)
    assert leftovers(tmp_path) == []
    (tmp_path / "a.ckpt").write_bytes(checkpoint_file)
    with pytest.raises(DamagedError, match="bytes instead of"):
        pull.pull(NAME, archive=tmp_path / "a.ckpt")


@pytest.mark.parametrize("known", [True, False], ids=["sum known", "sum not known"])
def test_a_single_file_is_resumed_and_checked(one_file, checkpoint_file, tmp_path, known):
    server = one_file(cut_first=1000, sum=sha256(checkpoint_file).hexdigest() if known else "")
    pull.pull(NAME)
    assert server.asked[:2] == [None, "bytes=1000-"]
    assert ("tiny.ckpt.sha256" in leftovers(tmp_path)) is not known
    altered = checkpoint_file[:-1] + bytes([checkpoint_file[-1] ^ 1])
    one_file(altered, sum=sha256(checkpoint_file).hexdigest())
    with pytest.raises(DamagedError, match="does not match its checksum"):
        pull.pull(NAME, force=True)


def test_demucs_weights_go_where_its_package_looks(serve, monkeypatch, tmp_path):
    content = b"weights"
    server = serve(content)
    url = server.url.replace("tiny.tar.gz", "net-12345678.th")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    remote = pull.Remote(url, sha256(content).hexdigest()[:8], "demucs", {}, "theirs", "research", size=len(content))
    monkeypatch.setitem(pull.REMOTE, NAME, remote)
    place = pull.pull(NAME)
    assert place == tmp_path / "torch" / "hub" / "checkpoints" / "net-12345678.th" and place.read_bytes() == content
    assert pull.pull(NAME) == place and len(server.asked) == 1 and leftovers(tmp_path) == []
    monkeypatch.setitem(pull.REMOTE, NAME, pull.Remote(url, "00000000", "demucs", {}, "theirs", "research"))
    with pytest.raises(DamagedError, match="checksum"):
        pull.pull(NAME, force=True)


def test_the_command_tells_terms_and_is_quiet_when_asked(one_file, capsys):
    from audiokit.stages.models import catalogue

    one_file()
    catalogue.pull_models([NAME], archive=None, force=False, quiet=True)
    assert capsys.readouterr() == ("", "")
    catalogue.pull_models([NAME], archive=None, force=True, quiet=False)
    told = capsys.readouterr().err
    assert "terms: no terms stated" in told and "a tiny one" in told and "MB" in told
