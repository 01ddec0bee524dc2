"""Folders of images as data sets, in real folders: laws, every kind of image, and every kind of mess."""

import os
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from autograd_cnn import data
from autograd_cnn.data import DataError, Dataset, folders, image_folders, images
from autograd_cnn.data.folders import read_folder, write_folder
from autograd_cnn.data.image_folders import list_entries, take_evenly
from autograd_cnn.data.labelled_files import read_labelled_files, write_labelled_files


@st.composite
def datasets(draw):
    """Data sets of 8 bits, in classes whose names may name folders; some classes may have no image."""
    alphabet = st.characters(codec="utf-8", categories=["L", "Nd"], exclude_characters="ß") | st.sampled_from("-_ 019")
    texts = st.text(alphabet, min_size=1, max_size=8).filter(allowed)
    names = draw(st.lists(texts, min_size=1, max_size=4, unique_by=str.casefold))
    shape = draw(st.tuples(st.integers(1, 6), st.just(1), st.integers(1, 5), st.integers(1, 5)))
    levels = draw(hnp.arrays(np.uint8, shape))
    labels = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, len(names) - 1)))
    return Dataset(levels / np.float32(255), labels, tuple(names))


def allowed(name):
    try:
        folders._check_class_names([name])
    except DataError:
        return False
    return True


def fill(path, files):
    """Write grey images by name: each of 4×5 pixels, or of the size given, all of the level given."""
    for name, (level, *size) in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", tuple(size) or (5, 4), level).save(path / name)


def levels(dataset):
    return (dataset.images[:, 0, 0, 0] * 255).round().astype(int).tolist()


def contents(path):
    return sorted(str(p.relative_to(path)) for p in path.rglob("*"))


# Round trips


@given(datasets())
def test_reading_a_folder_inverts_writing_it(dataset):
    with tempfile.TemporaryDirectory() as root:
        write_folder(Path(root, "a"), dataset)
        again = read_folder(Path(root, "a"))
    order = [i for name in again.class_names for i in np.flatnonzero(dataset.labels == dataset.class_names.index(name))]
    assert set(again.class_names) == {dataset.class_names[label] for label in dataset.labels}
    np.testing.assert_array_equal(again.images, dataset.images[order], strict=True)
    assert again.labels.dtype == np.int64
    assert [again.class_names[label] for label in again.labels] == [
        dataset.class_names[dataset.labels[i]] for i in order
    ]


@given(datasets())
def test_reading_labelled_files_inverts_writing_them(dataset):
    with tempfile.TemporaryDirectory() as root:
        write_labelled_files(Path(root, "a"), dataset)
        again = read_labelled_files(Path(root, "a"), dataset.class_names)
        plain = read_labelled_files(Path(root, "a"))
    np.testing.assert_array_equal(again.images, dataset.images, strict=True)
    np.testing.assert_array_equal(again.labels, dataset.labels, strict=True)
    assert again.class_names == dataset.class_names
    np.testing.assert_array_equal(plain.labels, dataset.labels, strict=True)
    assert plain.class_names == tuple(map(str, range(dataset.labels.max() + 1)))


def test_other_pixels_are_rounded_to_8_bits(tmp_path):
    digits = data.load("digits", "test")
    write_labelled_files(tmp_path / "a", digits)
    np.testing.assert_array_equal(read_labelled_files(tmp_path / "a").images * 255, np.rint(digits.images * 255))


def test_colour_images_make_the_round_trip_too(tmp_path, rng):
    colour = rng.integers(0, 256, (2, 3, 4, 5)).astype(np.float32) / np.float32(255)
    write_folder(tmp_path / "a", Dataset(colour, np.array([0, 1]), ("a", "b")))
    np.testing.assert_array_equal(read_folder(tmp_path / "a", channels=3).images, colour)


def test_files_are_named_by_index_and_only_those_asked_for(tmp_path):
    digits = data.load("digits", "test")
    write_folder(tmp_path / "a", digits, [5, 0])
    assert contents(tmp_path / "a") == sorted(
        f for i in (0, 5) for f in (f"{digits.labels[i]}", f"{digits.labels[i]}/{i}.png")
    )
    write_labelled_files(tmp_path / "b", digits, [5, 0])
    assert contents(tmp_path / "b") == [f"idx-{i}-label-{digits.labels[i]}.png" for i in (0, 5)]


@given(hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 4)), st.integers(1, 25))
def test_a_limit_takes_from_every_class_in_turn(labels, limit):
    taken = take_evenly(labels, limit)
    assert len(taken) == min(limit, len(labels))
    assert np.all(np.diff(taken) > 0)
    counts, had = Counter(labels[taken].tolist()), Counter(labels.tolist())
    for label, count in had.items():
        assert counts[label] == count or counts[label] >= max(counts.values()) - 1
        first = np.flatnonzero(labels == label)[: counts[label]]
        assert set(first) <= set(taken)


# Layouts and splits


def test_train_and_test_are_read_from_their_folders(tmp_path):
    fill(tmp_path, {"train/10/a.png": [1], "train/2/b.png": [2], "test/2/c.png": [3], "test/10/d.png": [4]})
    fill(tmp_path, {"validation/2/e.png": [5], "loose.png": [6]})
    train, test = (data.load(f"folder:{tmp_path}", split) for split in data.SPLITS)
    assert (train.class_names, levels(train), train.labels.tolist()) == (("2", "10"), [2, 1], [0, 1])
    assert (test.class_names, levels(test), test.labels.tolist()) == (("2", "10"), [3, 4], [0, 1])


def test_files_are_in_natural_order(tmp_path):
    fill(tmp_path, {f"a/{name}.png": [i] for i, name in enumerate(["1", "01", "2", "10", "x2", "x10"])})
    names = [Path(e.path).stem for e in list_entries(tmp_path / "a")]
    assert names == ["01", "1", "2", "10", "x2", "x10"]


@pytest.mark.parametrize(("images", "held_out"), [(1, 0), (2, 1), (3, 1), (6, 1), (12, 2), (60, 10)])
def test_a_sixth_of_each_class_is_held_out(tmp_path, images, held_out):
    fill(tmp_path, {f"a/{i}.png": [i] for i in range(images)} | {f"b/{i}.png": [100 + i] for i in range(6)})
    train, test = (read_folder(tmp_path, split) for split in data.SPLITS)
    assert np.bincount(test.labels, minlength=2).tolist() == [held_out, 1]
    assert sorted(levels(train) + levels(test)) == [*range(images), *range(100, 106)]


def test_the_split_is_drawn_once_for_ever(tmp_path):
    fill(tmp_path, {f"a/{i}.png": [i] for i in range(24)})
    assert levels(read_folder(tmp_path, "test")) == [4, 10, 18, 21]


def test_the_split_does_not_go_by_the_order_of_the_file_system(tmp_path, monkeypatch):
    fill(tmp_path, {f"{name}/{i}.png": [i] for name in "ab" for i in range(12)})
    before = [read_folder(tmp_path, split) for split in data.SPLITS]

    class Reversed:
        def __init__(self, path):
            with scandir(path) as found:
                self.entries = sorted(found, key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Reversed)
    for dataset, split in zip(before, data.SPLITS, strict=True):
        again = read_folder(tmp_path, split)
        np.testing.assert_array_equal(again.images, dataset.images)
        np.testing.assert_array_equal(again.labels, dataset.labels)


def test_bad_files_do_not_move_the_split(tmp_path):
    fill(tmp_path, {f"a/{i}.png": [i] for i in range(24)})
    before = levels(read_folder(tmp_path, "test"))
    (tmp_path / f"a/{before[0]}.png").write_text("no image")
    assert levels(read_folder(tmp_path, "test", skip_bad=True)) == before[1:]
    assert read_folder(tmp_path, "train", skip_bad=True).skipped == ()


def test_hidden_files_are_passed_over(tmp_path):
    fill(tmp_path, {"a/0.png": [9], "b/0.png": [8]})
    for name in (".DS_Store", "Thumbs.db", "a/.DS_Store", "a/Thumbs.db", "a/desktop.ini", "b/._0.png"):
        (tmp_path / name).write_text("of a file manager")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / ".git").mkdir()
    assert levels(read_folder(tmp_path)) == [9, 8]


# Kinds and sizes of images

RAMP = np.linspace(0, 255, 20).astype(np.uint8).reshape(4, 5)
GREY = Image.fromarray(RAMP)
EVERY_MODE = {
    "L.png": GREY,
    "LA.png": GREY.convert("LA"),
    "P.png": GREY.convert("P", palette=Image.Palette.ADAPTIVE),
    "P.gif": GREY.convert("P", palette=Image.Palette.ADAPTIVE),
    "RGB.png": GREY.convert("RGB"),
    "RGB.bmp": GREY.convert("RGB"),
    "RGBA.png": GREY.convert("RGBA"),
    "CMYK.tif": GREY.convert("RGB").convert("CMYK"),
    "I16.png": Image.fromarray(RAMP.astype(np.uint16) * 257),
    "I.tif": Image.fromarray(RAMP.astype(np.int32) * 257),
    "F.tif": Image.fromarray(RAMP / np.float32(255)),
    "L.pgm": GREY,
    "RGB.ppm": GREY.convert("RGB"),
    "L.webp": GREY,
    "L.jpg": GREY,
}


def test_every_mode_and_format_becomes_the_same_grey(tmp_path):
    (tmp_path / "a").mkdir()
    for name, image in EVERY_MODE.items():
        image.save(tmp_path / "a" / name, **({"lossless": True} if name.endswith("webp") else {"quality": 100}))
    Image.fromarray(RAMP > 100).save(tmp_path / "a" / "bits.png")
    dataset = read_folder(tmp_path)
    assert dataset.images.shape == (len(EVERY_MODE) + 1, 1, 4, 5)
    names = [entry.name for entry in list_entries(tmp_path / "a")]
    for name, image in zip(names, dataset.images, strict=True):
        expected = (RAMP > 100) if name == "bits.png" else RAMP / np.float32(255)
        np.testing.assert_allclose(image[0], expected, atol=0.02 if name == "L.jpg" else 1e-6, err_msg=name)
    assert read_folder(tmp_path, channels=3).images.shape[1] == 3


def test_polarity_is_kept(tmp_path):
    fill(tmp_path, {"a/0.png": [255], "a/1.png": [0]})
    assert levels(read_folder(tmp_path)) == [255, 0]


def test_the_most_common_size_of_the_training_images_is_everyone_s(tmp_path):
    fill(tmp_path, {"train/a/0.png": [9, 6, 3], "train/a/1.png": [9, 6, 3], "train/a/2.png": [9, 40, 40]})
    fill(tmp_path, {f"test/a/{i}.png": [9, 7, 8] for i in range(5)})
    assert read_folder(tmp_path, "train").images.shape == (3, 1, 3, 6)
    assert read_folder(tmp_path, "test").images.shape == (5, 1, 3, 6)
    assert read_folder(tmp_path, "test", size=(9, 2)).images.shape == (5, 1, 9, 2)
    assert data.load(f"folder:{tmp_path}", "test", size=(28, 28)).images.shape == (5, 1, 28, 28)


def test_of_equally_common_sizes_the_greatest_is_taken(tmp_path):
    fill(tmp_path, {"a/0.png": [9, 6, 3], "a/1.png": [9, 5, 8]})
    assert read_folder(tmp_path).images.shape == (2, 1, 8, 5)


def test_other_proportions_are_kept_by_padding(tmp_path):
    fill(tmp_path, {"a/0.png": [0, 8, 8], "a/1.png": [0, 8, 8]})
    wide = Image.new("L", (16, 8), 100)
    wide.paste(255, (6, 3, 10, 5))
    wide.save(tmp_path / "a" / "2.png")
    image = read_folder(tmp_path).images[2, 0] * 255
    np.testing.assert_allclose(image[[0, 1, 6, 7]], 100, atol=1e-3)
    assert image[3:5, 3:5].min() > 150


def test_a_photo_on_its_side_counts_by_its_upright_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a").mkdir()
    for kind in ("jpg", "png"):
        Image.new("L", (6, 3)).save(tmp_path / "a" / f"0.{kind}", exif=exif)
    assert read_folder(tmp_path).images.shape == (2, 1, 6, 3)


def test_threads_give_what_one_thread_gives(tmp_path, monkeypatch, rng):
    (tmp_path / "a").mkdir()
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (9, 8), np.uint8)).save(tmp_path / "a" / f"{i}.png")
    (tmp_path / "a" / "7.png").write_text("no image")
    alone = read_folder(tmp_path, skip_bad=True)
    monkeypatch.setattr(images, "PIXELS_WORTH_A_THREAD", 0)
    filters = warnings.filters[:]
    together = read_folder(tmp_path, skip_bad=True)
    assert warnings.filters == filters
    np.testing.assert_array_equal(together.images, alone.images)
    assert together.skipped == alone.skipped
    assert len(together) == 19
    with pytest.raises(DataError, match=r"7\.png is not an image"):
        read_folder(tmp_path)


def test_too_large_an_image_is_refused_in_threads_too(tmp_path, monkeypatch):
    fill(tmp_path, {"a/0.png": [0, 12, 12]})
    monkeypatch.setattr(images, "PIXELS_WORTH_A_THREAD", 0)
    with pytest.raises(DataError, match=r"a/0\.png is too large an image, 12×12: expected at most 100 pixels"):
        read_folder(tmp_path, size=(12, 12), max_pixels=100)


# What is refused in reading


def refusal(path, split=None):
    with pytest.raises(DataError) as caught:
        read_folder(path, split)
    message = str(caught.value)
    assert "\n" not in message
    return message


ADVICE = "repair or remove it, or skip such files with skip_bad=True (--skip-bad)"


def test_a_path_that_is_missing_or_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    assert refusal(tmp_path / "none").startswith(
        f"{tmp_path / 'none'} cannot be read: No such file or directory; expected"
    )
    assert refusal(tmp_path / "file").startswith(
        f"{tmp_path / 'file'} cannot be read: Not a directory; expected a folder"
    )
    with pytest.raises(DataError, match=r"'folder:' names no folder: expected folder: followed by a path"):
        data.load("folder:", "train")


def test_no_images_at_all(tmp_path):
    assert refusal(tmp_path) == (
        f"{tmp_path} has no class folders: expected images in {tmp_path}/CLASS, or in {tmp_path}/train/CLASS and "
        f"{tmp_path}/test/CLASS"
    )
    fill(tmp_path, {"0.png": [1], "1.png": [2]})
    assert refusal(tmp_path).startswith(f"{tmp_path} has no class folders")


def test_an_empty_class(tmp_path):
    fill(tmp_path, {"cat/0.png": [1]})
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / ".DS_Store").write_text("hidden")
    assert refusal(tmp_path).startswith(f"{tmp_path}/dog is empty: expected images of the class 'dog'")


def test_a_class_in_one_part_alone(tmp_path):
    fill(tmp_path, {"train/cat/0.png": [1], "train/dog/0.png": [1], "test/cat/0.png": [1]})
    for split in data.SPLITS:
        assert refusal(tmp_path, split) == (
            f"{tmp_path}/test has no class 'dog', which {tmp_path}/train has: expected the same class folders in both; "
            "add it or remove the other"
        )
    fill(tmp_path, {"test/dog/0.png": [1], "test/fox/0.png": [1]})
    assert refusal(tmp_path, "train").startswith(f"{tmp_path}/train has no class 'fox', which {tmp_path}/test has")


def test_one_part_without_the_other(tmp_path):
    fill(tmp_path, {"train/cat/0.png": [1]})
    message = refusal(tmp_path, "train")
    assert message.startswith(f"{tmp_path}/train contains folders and no images: expected")
    assert message.endswith("or class folders in both a train/ and a test/")


def test_stray_files_beside_class_folders(tmp_path):
    fill(tmp_path, {"cat/0.png": [1], "1.png": [2]})
    reason = "is beside the class folders: expected images in class folders only"
    assert refusal(tmp_path) == f"{tmp_path}/1.png {reason}; {ADVICE}"
    dataset = read_folder(tmp_path, skip_bad=True)
    assert len(dataset) == 1
    assert dataset.skipped == ((tmp_path / "1.png", reason),)


def test_folders_in_class_folders(tmp_path):
    fill(tmp_path, {"cat/0.png": [1], "cat/more/1.png": [2]})
    assert refusal(tmp_path).startswith(f"{tmp_path}/cat/more is not a file: expected only images")
    assert [path.name for path, _ in read_folder(tmp_path, skip_bad=True).skipped] == ["more"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_pipe_is_not_waited_for(tmp_path):
    fill(tmp_path, {"cat/0.png": [1]})
    os.mkfifo(tmp_path / "cat" / "1.png")
    assert refusal(tmp_path).startswith(f"{tmp_path}/cat/1.png is not a file")


def test_unreadable_and_truncated_images(tmp_path, rng):
    fill(tmp_path, {"cat/0.png": [1], "dog/0.png": [2]})
    Image.fromarray(rng.integers(0, 256, (30, 30), np.uint8)).save(tmp_path / "dog" / "1.png")
    whole = (tmp_path / "dog" / "1.png").read_bytes()
    (tmp_path / "dog" / "1.png").write_bytes(whole[: len(whole) // 2])
    message = refusal(tmp_path)
    assert message.startswith(f"{tmp_path}/dog/1.png cannot be read (")
    assert message.endswith(f"expected an image file, such as a PNG or a JPEG; {ADVICE}")
    (tmp_path / "cat" / "1.png").write_text("hello")
    (tmp_path / "dog" / "2.png").symlink_to(tmp_path / "nowhere")
    dataset = read_folder(tmp_path, skip_bad=True)
    assert levels(dataset) == [1, 2]
    assert [str(path.relative_to(tmp_path)) for path, _ in dataset.skipped] == ["dog/2.png", "cat/1.png", "dog/1.png"]
    assert (
        dataset.skipped[1][1] == "is not an image in a format that is read (PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM): "
        "expected an image file, such as a PNG or a JPEG"
    )


def test_a_class_of_which_nothing_is_left(tmp_path):
    fill(tmp_path, {"cat/0.png": [1]})
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "0.png").write_text("hello")
    with pytest.raises(DataError, match=r"dog contains no image that can be read, expected at least one of 'dog'"):
        read_folder(tmp_path, skip_bad=True)


def test_nothing_to_test_with(tmp_path):
    fill(tmp_path, {"cat/0.png": [1], "dog/0.png": [1]})
    assert len(read_folder(tmp_path, "train")) == 2
    assert refusal(tmp_path, "test").startswith(f"{tmp_path} has no image to test with, because each class has")


@pytest.mark.skipif(os.name == "nt" or os.uname().sysname == "Darwin", reason="the system's file names are text")
def test_a_name_that_is_no_text(tmp_path):
    Path(tmp_path, os.fsdecode(b"caf\xe9")).mkdir()
    assert refusal(tmp_path) == f"{tmp_path} contains 'caf\\udce9', which is not valid UTF-8: rename it"


# Labelled files


def test_labelled_files_are_read_in_the_order_of_n_padded_or_not(tmp_path):
    fill(tmp_path, {"idx-10-label-2.png": [1], "idx-007-label-0.png": [2], "idx-9-label-02.png": [3]})
    dataset = read_labelled_files(tmp_path)
    assert (levels(dataset), dataset.labels.tolist(), dataset.class_names) == ([2, 3, 1], [0, 2, 2], ("0", "1", "2"))


@pytest.mark.parametrize(
    "name",
    [
        "0.png",
        "idx-0-label-1.jpg",
        "idx--1-label-1.png",
        "idx-0-label-x.png",
        "idx-٣-label-1.png",
        "idx-0-label-123456.png",
    ],
)
def test_a_file_of_another_name_is_refused(tmp_path, name):
    fill(tmp_path, {name: [1], "idx-5-label-0.png": [2]})
    with pytest.raises(DataError) as caught:
        read_labelled_files(tmp_path)
    reason = "is not named as expected: idx-N-label-L.png, with L below 100000"
    assert str(caught.value) == f"{tmp_path / name} {reason}; {ADVICE}"
    dataset = read_labelled_files(tmp_path, skip_bad=True)
    assert (levels(dataset), dataset.skipped) == ([2], ((tmp_path / name, reason),))


def test_an_index_given_twice_is_refused(tmp_path):
    fill(tmp_path, {"idx-1-label-0.png": [1], "idx-01-label-3.png": [2]})
    for skip_bad in (False, True):
        with pytest.raises(
            DataError, match=r"idx-01-label-3\.png has the index of idx-1-label-0\.png: expected each once"
        ):
            read_labelled_files(tmp_path, skip_bad=skip_bad)


def test_other_labelled_files_that_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"contains no images: expected files named idx-N-label-L\.png"):
        read_labelled_files(tmp_path)
    fill(tmp_path, {"idx-1-label-2.png": [1]})
    with pytest.raises(DataError, match=r"idx-1-label-2\.png has the label 2: expected 0 to 1"):
        read_labelled_files(tmp_path, ["a", "b"])
    (tmp_path / "idx-1-label-2.png").write_text("hello")
    with pytest.raises(DataError, match=r"idx-1-label-2\.png is not an image.*--skip-bad"):
        read_labelled_files(tmp_path)
    with pytest.raises(DataError, match=r"contains no image that can be read"):
        read_labelled_files(tmp_path, skip_bad=True)
    with pytest.raises(DataError, match=r"none cannot be read: No such file"):
        read_labelled_files(tmp_path / "none")


# What is refused in writing, and what is left after a failure

SMALL = Dataset(np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1]), ("a", "b"))
WRITERS = pytest.mark.parametrize("write", [write_folder, write_labelled_files])


@WRITERS
def test_nothing_is_overwritten(tmp_path, write):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("full", "file", "link"):
        with pytest.raises(DataError, match=rf"{name} already exists, and nothing is overwritten: remove it, or name"):
            write(tmp_path / name, SMALL)
    assert contents(tmp_path) == ["file", "full", "full/mine", "link"]


@WRITERS
def test_an_empty_folder_and_a_deep_one_are_filled(tmp_path, write):
    (tmp_path / "empty").mkdir(mode=0o750)
    for name in ("empty", "deep/er"):
        write(tmp_path / name, SMALL)
        assert len(list((tmp_path / name).rglob("*.png"))) == 2
    assert not list(tmp_path.rglob(".tmp-*"))


@WRITERS
@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_failure_half_way_leaves_nothing(tmp_path, monkeypatch, write, failure):
    def fail(path, image):
        path.write_bytes(b"half")
        if path.name.startswith(("1", "idx-1")):
            raise failure

    monkeypatch.setattr(image_folders, "write_image", fail)
    with pytest.raises((KeyboardInterrupt, DataError)) as caught:
        write(tmp_path / "a", SMALL)
    if isinstance(failure, OSError):
        assert str(caught.value) == (
            f"{tmp_path / 'a'} cannot be written: No space left on device; make room, or name another folder"
        )
    assert contents(tmp_path) == []


@WRITERS
def test_a_folder_below_a_file(tmp_path, write):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"file/a cannot be written: .*; .*name another folder"):
        write(tmp_path / "file" / "a", SMALL)


@WRITERS
def test_no_images_to_write(tmp_path, write):
    empty = Dataset(np.zeros((0, 1, 4, 4), np.float32), np.zeros(0, np.int64), ("a",))
    with pytest.raises(DataError, match=r"is not written: the data set has no images"):
        write(tmp_path / "a", empty)
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "T-shirt/top",
        "",
        ".",
        "..",
        ".hidden",
        "a\\b",
        "a:b",
        "a\n",
        "a.",
        "a ",
        "CON",
        "nul.txt",
        "Thumbs.db",
        "\ud800",
    ],
)
def test_class_names_that_are_no_file_names(tmp_path, name):
    dataset = Dataset(SMALL.images, SMALL.labels, ("a", name))
    with pytest.raises(DataError) as caught:
        write_folder(tmp_path / "x", dataset)
    assert str(caught.value).startswith(
        f"the class {name!r} cannot be the name of a folder on every system: expected no / "
    )
    assert contents(tmp_path) == []
    write_labelled_files(tmp_path / "x", dataset)


def test_class_names_that_some_systems_do_not_tell_apart(tmp_path):
    with pytest.raises(DataError, match=r"the classes 'a', 'A' are the same folder on some systems"):
        write_folder(tmp_path / "x", Dataset(SMALL.images, SMALL.labels, ("a", "A")))


# The names of data sets


def test_a_folder_s_name_holds_in_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert data.absolute("folder:a/b") == f"folder:{tmp_path}/a/b"
    assert data.absolute("folder:~/a") == "folder:/home/someone/a"
    assert data.absolute("mnist") == "mnist"


def test_unknown_names_are_told_of_folders():
    with pytest.raises(DataError, match=r"expected one of digits, mnist, fashion-mnist, kmnist, cifar10, folder:PATH"):
        data.load("drawings", "train")
    with pytest.raises(
        DataError, match=r"no data set 'folder:a': expected one of digits, mnist, fashion-mnist, kmnist, cifar10$"
    ):
        data.fetch("folder:a")
