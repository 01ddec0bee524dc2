import gzip
import hashlib
import http.server
import os
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pooch
import pytest

from autograd_cnn.data import DataError, fetch, load, mnist
from autograd_cnn.data.idx import encode_idx

# Of whoever runs the tests: the fixtures below put another in its place.
OWN_FOLDER = os.environ.get("AUTOGRAD_CNN_DATA")

# A small data set in the form of MNIST.
IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) * 11
LABELS = np.array([7, 2], np.uint8)
CONTENT = {
    "train-images-idx3-ubyte": encode_idx(IMAGES),
    "train-labels-idx1-ubyte": encode_idx(LABELS),
    "t10k-images-idx3-ubyte": encode_idx(IMAGES[:1]),
    "t10k-labels-idx1-ubyte": encode_idx(LABELS[:1]),
}
ARCHIVES = {f"/{name}.gz": gzip.compress(content, mtime=0) for name, content in CONTENT.items()}
GZIPPED_MD5 = {path[1:]: hashlib.md5(archive).hexdigest() for path, archive in ARCHIVES.items()}


@contextmanager
def serving(files, headers=None):
    """Serve `files` from a free port on this machine, and give the URL of the folder and the paths asked for."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            if (content := files.get(self.path)) is None:
                self.send_error(404)
                return
            self.send_response(200)
            for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", requests
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def working():
    with serving(ARCHIVES) as (url, _):
        yield url


@pytest.fixture(scope="module")
def closed():
    """Return the URL of a port where nobody answers."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_port}/"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Return the empty folder where the small data set is looked for, and keep out the cache and any proxy."""
    monkeypatch.setenv("AUTOGRAD_CNN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    use_mirrors(monkeypatch)
    return tmp_path / "data" / "mnist"


def use_mirrors(monkeypatch, *mirrors):
    md5 = GZIPPED_MD5 | {name: hashlib.md5(content).hexdigest() for name, content in CONTENT.items()}
    monkeypatch.setitem(mnist.SOURCES, "mnist", mnist.Source(mirrors, md5, tuple("0123456789")))


def use_gzip_digests(monkeypatch, *mirrors):
    """Put the small data set in the place of one whose digests are of the gzipped files."""
    monkeypatch.setitem(mnist.SOURCES, "kmnist", mnist.Source(mirrors, GZIPPED_MD5, tuple("おきすつなはまやれを")))


def fill(folder, zipped=False):
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        path = folder / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def check_train(dataset):
    np.testing.assert_array_equal(dataset.images, IMAGES[:, np.newaxis] / np.float32(255), strict=True)
    np.testing.assert_array_equal(dataset.labels, LABELS.astype(np.int64), strict=True)
    assert dataset.class_names == tuple("0123456789")


# Files on disk


@pytest.mark.parametrize("zipped", [False, True])
def test_files_in_the_chosen_folder(folder, zipped):
    fill(folder, zipped)
    check_train(load("mnist", "train"))
    assert len(load("mnist", "test")) == 1


@pytest.mark.parametrize("value", [None, "", "elsewhere"])
def test_files_in_the_cache(tmp_path, monkeypatch, value):
    if value is None:
        monkeypatch.delenv("AUTOGRAD_CNN_DATA")
    else:
        monkeypatch.setenv("AUTOGRAD_CNN_DATA", value and str(tmp_path / value))
    fill(tmp_path / "cache" / "autograd_cnn" / "mnist")
    check_train(load("mnist", "train"))


def test_the_chosen_folder_comes_before_the_cache(folder, tmp_path):
    fill(folder)
    fill(tmp_path / "cache" / "autograd_cnn" / "mnist")
    assert {path.parent for path in fetch("mnist")} == {folder}


def test_the_home_folder_may_be_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("AUTOGRAD_CNN_DATA", "~/data")
    fill(tmp_path / "data" / "mnist")
    check_train(load("mnist", "train"))


def test_reading_needs_no_right_to_write(folder):
    fill(folder)
    folder.chmod(0o555)
    try:
        check_train(load("mnist", "train"))
    finally:
        folder.chmod(0o755)
    assert names(folder) == sorted(CONTENT)


def test_a_file_of_other_content_is_refused_and_kept(folder):
    fill(folder)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(b"mine")
    with pytest.raises(DataError) as caught:
        load("mnist", "train")
    seen, expected = (hashlib.md5(content).hexdigest() for content in (b"mine", CONTENT[path.name]))
    assert str(caught.value) == (
        f"{path} is not the train-images-idx3-ubyte of mnist: it has the md5 {seen} when uncompressed, "
        f"expected {expected}; replace it, or remove it to have it downloaded"
    )
    assert path.read_bytes() == b"mine"
    with pytest.raises(DataError, match=seen):
        fetch("mnist")


def test_a_damaged_archive_is_refused_and_kept(folder):
    fill(folder, zipped=True)
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte\.gz is not the .*: it is damaged as a gzip file"):
        load("mnist", "train")
    assert path.exists()


def test_an_impossible_folder(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_CNN_DATA", "x" * 5000)
    with pytest.raises(DataError, match="File name too long"):
        load("mnist", "train")


# Downloads


def test_a_split_is_downloaded_once(folder, monkeypatch, capfd):
    with serving(ARCHIVES) as (url, requests):
        use_mirrors(monkeypatch, url)
        check_train(load("mnist", "train"))
        check_train(load("mnist", "train"))
    assert requests == ["/train-images-idx3-ubyte.gz", "/train-labels-idx1-ubyte.gz"]
    assert names(folder) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("100%") == 2
    assert "Downloading" not in printed.err


def test_downloads_go_to_the_cache_where_no_folder_is_chosen(tmp_path, monkeypatch, working):
    monkeypatch.delenv("AUTOGRAD_CNN_DATA")
    use_mirrors(monkeypatch, working)
    assert {path.parent for path in fetch("mnist")} == {tmp_path / "cache" / "autograd_cnn" / "mnist"}


def test_fetch_downloads_what_is_missing(folder, monkeypatch, working):
    fill(folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    use_mirrors(monkeypatch, working)
    assert [path.name for path in fetch("mnist")] == [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte.gz",
    ]


def test_the_second_mirror_serves_when_the_first_is_down(monkeypatch, closed, working):
    use_mirrors(monkeypatch, closed, working)
    check_train(load("mnist", "train"))


def test_the_second_mirror_serves_when_the_first_sends_something_else(monkeypatch, working):
    with serving(dict.fromkeys(ARCHIVES, b"<html>Log in first</html>")) as (portal, _):
        use_mirrors(monkeypatch, portal, working)
        check_train(load("mnist", "train"))


def test_a_server_may_decompress(monkeypatch):
    with serving(ARCHIVES, {"Content-Encoding": "gzip"}) as (url, _):
        use_mirrors(monkeypatch, url)
        check_train(load("mnist", "train"))
        check_train(load("mnist", "train"))


@pytest.mark.parametrize(
    ("files", "headers", "reason"),
    [
        ({}, {}, r"HTTP 404 Not Found"),
        (dict.fromkeys(ARCHIVES, b"hello"), {}, r"has the md5 5d41402abc4b2a76b9719d911017c592, expected "),
        ({path: a[:-9] for path, a in ARCHIVES.items()}, {}, r"has the md5 .*, expected "),
        (dict.fromkeys(ARCHIVES, bytes(10**8)), {}, r"sends more bytes than the file has"),
        ({path: gzip.compress(a) for path, a in ARCHIVES.items()}, {}, r"has the md5 .*, expected "),
        (ARCHIVES, {"Content-Length": "1000"}, r"IncompleteRead\(\d+ bytes read, \d+ more expected\)"),
    ],
)
def test_a_bad_download_leaves_nothing_behind(folder, monkeypatch, capfd, files, headers, reason):
    with serving(files, headers) as (url, _):
        use_mirrors(monkeypatch, url)
        with pytest.raises(DataError, match=rf"tried {url}train-images-idx3-ubyte\.gz \({reason}"):
            load("mnist", "train")
    assert names(folder) == []
    printed = capfd.readouterr().err
    assert printed == "" or printed.endswith("\n")


def test_an_interrupted_download_leaves_nothing_behind(folder, monkeypatch):
    def interrupted(self, url, output_file, pooch):
        output_file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    use_mirrors(monkeypatch, "http://127.0.0.1/")
    with pytest.raises(KeyboardInterrupt):
        load("mnist", "train")
    assert names(folder) == []


def test_a_redirection_is_not_followed(folder, monkeypatch, working):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", working + self.path[1:])
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        use_mirrors(monkeypatch, f"http://127.0.0.1:{server.server_port}/")
        try:
            with pytest.raises(DataError, match="has the md5 d41d8cd98f00b204e9800998ecf8427e"):
                load("mnist", "train")
        finally:
            server.shutdown()
            thread.join()
    assert names(folder) == []


def test_the_digest_comes_before_decompression(folder, monkeypatch):
    def decompress(*args):
        raise AssertionError("what nobody has checked was decompressed")

    monkeypatch.setattr(mnist, "decompress", decompress)
    with serving({path: archive + b"!" for path, archive in ARCHIVES.items()}) as (url, _):
        use_mirrors(monkeypatch, url)
        with pytest.raises(DataError, match=r"has the md5 .*, expected"):
            load("mnist", "train")


def test_a_file_on_disk_is_decompressed_to_its_known_size_and_no_further(folder, monkeypatch):
    fill(folder, zipped=True)
    path = folder / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(CONTENT["train-labels-idx1-ubyte"] + bytes(60_000)))
    with pytest.raises(DataError, match=r"it holds more than the 60,008 bytes that are expected; replace it"):
        load("mnist", "train")
    path.write_bytes(bytes(10**6))
    with pytest.raises(DataError, match=r"it has more than 61,092 bytes; replace it"):
        load("mnist", "train")


def test_what_a_killed_download_left_is_removed_in_time(folder, monkeypatch, working):
    folder.mkdir(parents=True)
    old, new = (folder / f".train-images-idx3-ubyte.gz.{age}.part" for age in ("old", "new"))
    for part in old, new:
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    use_mirrors(monkeypatch, working)
    load("mnist", "train")
    assert names(folder) == [new.name, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def test_several_at_once_download_into_one_folder(folder, monkeypatch, working):
    use_mirrors(monkeypatch, working)
    found = []
    threads = [threading.Thread(target=lambda: found.append(load("mnist", "train"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for dataset in found:
        check_train(dataset)
    assert names(folder) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def test_without_a_network_one_line_says_what_to_do(folder, monkeypatch, closed, capfd):
    use_mirrors(monkeypatch, closed, f"{closed}second/")
    with pytest.raises(DataError) as caught:
        load("mnist", "test")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"mnist cannot be downloaded: tried {closed}t10k-images-idx3-ubyte.gz ([Errno")
    assert f", then {closed}second/t10k-images-idx3-ubyte.gz ([Errno" in message
    assert message.endswith(
        "check the network, or put train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
        f"t10k-labels-idx1-ubyte (each plain or with .gz) into {folder} by hand, or set AUTOGRAD_CNN_DATA to a "
        "folder whose mnist/ has them"
    )
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_cannot_be_made(folder):
    folder.parent.write_text("a file in its place")
    with pytest.raises(DataError, match=r"is missing and cannot be written: .*; make .* writable, or set AUTOGRAD"):
        load("mnist", "train")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(), "OSError"),
        (OSError(ValueError("outer: inner")), "inner"),
    ],
)
def test_reasons_are_short(error, reason):
    assert mnist._reason(error) == reason


# Digests of the gzipped files


def test_gzipped_files_are_verified_as_they_are(folder, monkeypatch, working):
    use_gzip_digests(monkeypatch, working)
    dataset = load("kmnist", "train")
    np.testing.assert_array_equal(dataset.images, IMAGES[:, np.newaxis] / np.float32(255), strict=True)
    assert [dataset.class_names[label] for label in dataset.labels] == ["や", "す"]
    use_gzip_digests(monkeypatch)
    load("kmnist", "train")
    assert names(folder.with_name("kmnist")) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]


def test_the_same_content_compressed_otherwise_is_refused(folder, monkeypatch):
    use_gzip_digests(monkeypatch)
    path = folder.with_name("kmnist") / "t10k-images-idx3-ubyte.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(CONTENT["t10k-images-idx3-ubyte"], 0))
    seen, expected = (hashlib.md5(x).hexdigest() for x in (path.read_bytes(), ARCHIVES[f"/{path.name}"]))
    with pytest.raises(DataError) as caught:
        load("kmnist", "test")
    assert str(caught.value) == (
        f"{path} is not the t10k-images-idx3-ubyte of kmnist: it has the md5 {seen}, expected {expected}; "
        "replace it, or remove it to have it downloaded"
    )


def test_without_a_digest_of_its_own_a_plain_file_is_not_taken(folder, monkeypatch, working):
    use_gzip_digests(monkeypatch, working)
    fill(folder.with_name("kmnist"))
    assert {path.suffix for path in fetch("kmnist")} == {".gz"}


def test_a_bad_download_is_told_from_a_gzipped_digest(folder, monkeypatch):
    archives = {path: gzip.compress(CONTENT[path[1:-3]], 0) for path in ARCHIVES}
    with serving(archives) as (url, _):
        use_gzip_digests(monkeypatch, url)
        with pytest.raises(DataError) as caught:
            fetch("kmnist")
    expected = hashlib.md5(ARCHIVES["/train-images-idx3-ubyte.gz"]).hexdigest()
    assert f"expected {expected}); check the network, or put train-images-idx3-ubyte.gz, " in str(caught.value)
    assert "t10k-labels-idx1-ubyte.gz (as published) into" in str(caught.value)
    assert names(folder.with_name("kmnist")) == []


# The table, and the files themselves


@pytest.mark.parametrize("name", mnist.SOURCES)
def test_every_data_set_has_a_digest_a_file_and_a_name_a_class(monkeypatch, name):
    monkeypatch.undo()
    source = mnist.SOURCES[name]
    files = [f for files in mnist.FILES.values() for f in files]
    assert {file.removesuffix(".gz") for file in source.md5} == set(files) == set(mnist.BYTES)
    assert {f"{file}.gz" for file in files} <= set(source.md5)
    assert all(len(digest) == 32 and set(digest) <= set("0123456789abcdef") for digest in source.md5.values())
    assert len(set(source.md5.values())) == len(source.md5)
    assert len(set(source.class_names)) == 10
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in source.mirrors)


@pytest.mark.skipif(
    not OWN_FOLDER or not Path(OWN_FOLDER, "mnist").is_dir(), reason="AUTOGRAD_CNN_DATA has no folder mnist"
)
def test_the_published_files(monkeypatch):
    monkeypatch.undo()
    train, test = load("mnist", "train"), load("mnist", "test")
    assert train.images.shape == (60000, 1, 28, 28)
    assert test.images.shape == (10000, 1, 28, 28)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(train.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_allclose(train.images.mean(), 0.1307, atol=1e-4)
    assert (train.images.min(), train.images.max()) == (0, 1)
