"""Which images are in colour, and how colour becomes grey and grey becomes colour."""

import numpy as np
import pytest
from PIL import Image

from autograd_cnn import data
from autograd_cnn.data import DataError
from autograd_cnn.data.colour import has_colour, with_channels
from autograd_cnn.data.folders import read_folder, write_folder
from autograd_cnn.data.images import read_image, write_image
from autograd_cnn.data.labelled_files import read_labelled_files, write_labelled_files

RED = np.zeros((3, 8, 8), np.float32)
RED[0, 2:5] = 1
GREY = np.random.default_rng(0).random((1, 8, 8), np.float32)


def save(folder, name, image):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, image)
    return path


class TestHasColour:
    @pytest.mark.parametrize(
        ("ending", "mode"),
        [
            *(("png", mode) for mode in ("1", "L", "LA", "RGB", "RGBA", "P", "I;16")),
            *(("tiff", mode) for mode in ("L", "LA", "RGB", "I;16")),
            *((ending, mode) for ending in ("bmp", "jpg", "webp") for mode in ("L", "RGB")),
        ],
    )
    def test_grey_is_grey_however_it_is_kept(self, ending, mode, tmp_path):
        levels = np.rint(GREY[0] * 255).astype(np.uint8)
        image = Image.fromarray(levels).convert("I") if mode == "I;16" else Image.fromarray(levels)
        image.convert(mode).save(tmp_path / f"a.{ending}")
        assert not has_colour([tmp_path / f"a.{ending}"])

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif"])
    def test_one_spot_of_colour_is_enough(self, name, tmp_path):
        grey = save(tmp_path, "grey.png", GREY)
        assert has_colour([grey, save(tmp_path, name, RED)])

    def test_what_cannot_be_read_has_none(self, tmp_path):
        (tmp_path / "a.png").write_bytes(b"no image")
        assert not has_colour([tmp_path / "a.png", tmp_path / "missing.png", tmp_path])
        assert not has_colour([])


class TestWithChannels:
    def test_grey_is_what_pillow_makes_of_it(self, tmp_path, rng):
        levels = rng.integers(0, 256, (1, 3, 9, 7)).astype(np.float32) / 255
        path = save(tmp_path, "a.png", levels[0])
        np.testing.assert_allclose(with_channels(levels, 1)[0], read_image(path, 1), atol=1 / 255)

    def test_grey_in_colour_and_back_is_itself(self, rng):
        grey = rng.random((4, 1, 5, 6), np.float32)
        colour = with_channels(grey, 3)
        assert colour.shape == (4, 3, 5, 6)
        np.testing.assert_allclose(with_channels(colour, 1), grey, atol=1e-6)
        assert with_channels(grey, 1) is grey

    @pytest.mark.parametrize(("have", "want"), [(1, 2), (2, 1), (3, 4), (4, 3)])
    def test_other_numbers_are_refused(self, have, want):
        with pytest.raises(DataError, match="expected 1 \\(grey\\) or 3"):
            with_channels(np.zeros((1, have, 2, 2), np.float32), want)


class TestFolders:
    @pytest.fixture
    def mixed(self, tmp_path):
        """Training images of which one is in colour, and test images of which none is."""
        for split in data.SPLITS:
            for label in "ab":
                save(tmp_path / "mixed" / split / label, "0.png", GREY)
        save(tmp_path / "mixed" / "train" / "b", "1.png", RED)
        return tmp_path / "mixed"

    def test_the_training_images_decide_for_both_splits(self, mixed):
        assert read_folder(mixed, "train").images.shape == (3, 3, 8, 8)
        assert read_folder(mixed, "test").images.shape == (2, 3, 8, 8)
        assert data.load(f"folder:{mixed}", "test", channels=1).images.shape == (2, 1, 8, 8)

    def test_colour_among_the_test_images_alone_is_not_looked_at(self, mixed):
        (mixed / "train" / "b" / "1.png").rename(mixed / "test" / "b" / "1.png")
        assert read_folder(mixed, "train").images.shape == (2, 1, 8, 8)
        assert read_folder(mixed, "test").images.shape == (3, 1, 8, 8)

    def test_colour_survives_a_folder(self, tmp_path, rng):
        images = rng.integers(0, 256, (6, 3, 5, 4)).astype(np.float32) / 255
        write_folder(tmp_path / "a", (images, [0, 1, 0, 1, 0, 1]))
        again = read_folder(tmp_path / "a")
        np.testing.assert_allclose(again.images, images[[0, 2, 4, 1, 3, 5]], atol=1e-6)
        write_labelled_files(tmp_path / "b", (images, [0, 1, 0, 1, 0, 1]))
        np.testing.assert_allclose(read_labelled_files(tmp_path / "b").images, images, atol=1e-6)

    def test_a_size_may_follow_from_the_own_size(self, mixed):
        sizes = []
        dataset = read_folder(mixed, "train", size=lambda own: sizes.append(own) or (4, 6))
        assert sizes == [(8, 8)]
        assert dataset.images.shape == (3, 3, 4, 6)
        assert data.load("digits", "test", size=lambda own: (2 * own[0], own[1])).images.shape == (360, 1, 16, 8)
