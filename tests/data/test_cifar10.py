"""CIFAR-10's archive, made small: what is read of it, and what is refused."""

import gzip
import hashlib
import io
import tarfile

import numpy as np
import pooch
import pytest

from autograd_cnn.data import DataError, fetch, load, mnist
from tests.data.test_mnist import serving

RNG = np.random.default_rng(0)
BATCHES = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
RECORDS = {
    name: np.concatenate([RNG.integers(0, 10, (2, 1)), RNG.integers(0, 256, (2, 3072))], 1).astype(np.uint8)
    for name in BATCHES
}


def archive(contents):
    """Return a gzipped archive of files in the folder that the published one has."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for name, content in contents.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(written.getvalue())


WHOLE = archive({name: records.tobytes() for name, records in RECORDS.items()})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder where the archive is looked for, and keep out the cache and any proxy."""
    monkeypatch.setenv("AUTOGRAD_CNN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "data" / "cifar10"


def expect(monkeypatch, content, *mirrors):
    """Take `content` for the published archive."""
    md5 = {"cifar-10-binary.tar.gz": hashlib.md5(content).hexdigest()}
    source = mnist.SOURCES["cifar10"]
    monkeypatch.setitem(mnist.SOURCES, "cifar10", mnist.Source(mirrors, md5, source.class_names, source.files))


def place(folder, content):
    folder.mkdir(parents=True)
    (folder / "cifar-10-binary.tar.gz").write_bytes(content)


def test_both_splits_are_read(folder, monkeypatch):
    place(folder, WHOLE)
    expect(monkeypatch, WHOLE)
    train, test = load("cifar10", "train"), load("cifar10", "test")
    assert (len(train), len(test)) == (10, 2)
    records = np.concatenate([RECORDS[name] for name in BATCHES[:5]])
    np.testing.assert_array_equal(train.labels, records[:, 0].astype(np.int64), strict=True)
    expected = records[:, 1:].reshape(10, 3, 32, 32) / np.float32(255)
    np.testing.assert_array_equal(train.images, expected, strict=True)
    assert train.class_names[0] == "airplane"
    assert load("cifar10", "test", channels=1, size=(16, 16)).images.shape == (2, 1, 16, 16)


def test_it_is_downloaded_once(folder, monkeypatch):
    with serving({"/cifar-10-binary.tar.gz": WHOLE}) as (url, requests):
        expect(monkeypatch, WHOLE, url)
        assert len(load("cifar10", "train")) == 10
        assert fetch("cifar10") == [folder / "cifar-10-binary.tar.gz"]
    assert requests == ["/cifar-10-binary.tar.gz"]


def test_another_archive_is_refused_and_kept(folder):
    place(folder, WHOLE)
    with pytest.raises(DataError, match="expected c32a1d4ab5d03f1284b67883e8d87530; replace it, or remove it"):
        load("cifar10", "train")
    assert (folder / "cifar-10-binary.tar.gz").read_bytes() == WHOLE


def test_without_a_network_one_line_says_what_to_do(folder, monkeypatch):
    expect(monkeypatch, WHOLE, "http://127.0.0.1:9/")
    with pytest.raises(DataError, match=rf"or put cifar-10-binary.tar.gz \(as published\) into {folder} by hand"):
        load("cifar10", "train")


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({}, "is not the archive of cifar10"),
        ({"data_batch_1.bin": b""}, "data_batch_2.bin"),
        (dict.fromkeys(BATCHES, b"\x00" * 3074), "has 3,074 bytes in data_batch_1.bin: expected records of 3,073"),
        (dict.fromkeys(BATCHES, b""), "has 0 bytes in data_batch_1.bin"),
    ],
)
def test_an_archive_of_something_else_is_refused(folder, monkeypatch, contents, said):
    other = archive(contents)
    place(folder, other)
    expect(monkeypatch, other)
    with pytest.raises(DataError, match=said):
        load("cifar10", "train")


def test_a_label_without_a_class_is_refused(folder, monkeypatch):
    other = archive(dict.fromkeys(BATCHES, b"\n" + b"\x00" * 3072))
    place(folder, other)
    expect(monkeypatch, other)
    with pytest.raises(ValueError, match="a label is 10, and class_names has 10 names"):
        load("cifar10", "train")
