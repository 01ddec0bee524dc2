import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from autograd_cnn.data import DataError, images, load
from autograd_cnn.data.image_files import largest_image
from autograd_cnn.data.images import (
    _fit,
    bright_on_dark,
    image_sizes,
    polarity,
    read_image,
    read_images,
    resize,
    with_polarity,
    write_image,
)

# Grey of 8 bits, dark at the top left, and the same from 0 to 1.
GREY = np.linspace(0, 255, 20).astype(np.uint8).reshape(4, 5)
RAMP = GREY / np.float32(255)

pixels = st.floats(0, 1, width=32)
sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


shapes = st.tuples(st.integers(0, 2), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
batches = hnp.arrays(np.float32, shapes, elements=pixels)


# resize


@given(batches, sizes)
def test_resize_keeps_the_range(images, size):
    resized = resize(images, size)
    assert resized.shape == images.shape[:2] + size
    assert resized.dtype == np.float32
    assert np.all((resized >= 0) & (resized <= 1))


def test_resize_to_the_same_size_changes_nothing(rng):
    images = rng.random((2, 3, 4, 5), dtype=np.float32)
    assert resize(images, (4, 5)) is images


@given(pixels, sizes, sizes)
def test_resize_keeps_a_flat_image_flat(level, old, new):
    flat = np.full((1, 1, *old), level, np.float32)
    np.testing.assert_allclose(resize(flat, new), level, atol=1e-6)


@given(batches, sizes)
def test_resize_commutes_with_transposition(images, size):
    turned = resize(np.ascontiguousarray(images.swapaxes(2, 3)), size[::-1])
    np.testing.assert_allclose(resize(images, size), turned.swapaxes(2, 3), atol=1e-5)


def test_resize_halves_by_cubic_weights():
    step = np.array([[[[0, 0, 0, 0, 1, 1, 1, 1]]]], np.float32)
    halved = resize(step, (1, 4))[0, 0, 0]
    np.testing.assert_allclose(halved + halved[::-1], 1, atol=1e-6)
    assert halved[0] < 0.05
    assert halved[1] < 0.1


def test_resized_digits_keep_their_ink():
    images = load("digits", "test").images
    resized = resize(images, (28, 28))
    np.testing.assert_allclose(resized.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=0.02)


@pytest.mark.parametrize(
    "images", [np.zeros((1, 1, 2, 2)), np.zeros((1, 2, 2), np.float32), np.zeros((1, 1, 0, 2), np.float32)]
)
def test_resize_refuses_other_arrays(images):
    with pytest.raises(ValueError, match=r"images are float.*: expected float32 of shape \(N, C, H, W\)"):
        resize(images, (3, 3))


@pytest.mark.parametrize("size", [(0, 3), (3, -1), (3,)])
def test_a_size_is_two_positive_numbers(tmp_path, size):
    with pytest.raises(ValueError, match=r"size is .*: expected a height and a width"):
        resize(np.zeros((1, 1, 2, 2), np.float32), size)
    with pytest.raises(ValueError, match=r"size is .*: expected a height and a width"):
        read_image(tmp_path / "any.png", 1, size)


# read_image: every mode


def sixteen_bits():
    return Image.fromarray(GREY.astype(np.uint16) * 257)


def palette():
    return Image.fromarray(GREY).convert("P", palette=Image.Palette.ADAPTIVE)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.fromarray(GREY), "png"),
        (Image.fromarray(GREY).convert("LA"), "png"),
        (palette(), "png"),
        (palette(), "gif"),
        (Image.fromarray(GREY).convert("RGB"), "png"),
        (Image.fromarray(GREY).convert("RGB"), "bmp"),
        (Image.fromarray(GREY).convert("RGBA"), "png"),
        (Image.fromarray(GREY).convert("RGB").convert("CMYK"), "tiff"),
        (sixteen_bits(), "png"),
        (sixteen_bits(), "tiff"),
        (Image.fromarray(GREY.astype(np.int32) * 257), "tiff"),
        (Image.fromarray(RAMP), "tiff"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_read_as_the_same_grey(tmp_path, image, kind, channels):
    path = tmp_path / f"a.{kind}"
    image.save(path)
    seen = read_image(path, channels)
    assert seen.shape == (channels, 4, 5)
    assert seen.dtype == np.float32
    assert seen.flags.c_contiguous
    np.testing.assert_allclose(seen, np.broadcast_to(RAMP, seen.shape), atol=1e-6)


def test_black_and_white(tmp_path):
    Image.fromarray(GREY > 100).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "1"
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1)[0], GREY > 100)


def test_lab(tmp_path):
    Image.new("LAB", (2, 3), (255, 128, 128)).save(tmp_path / "a.tiff")
    np.testing.assert_allclose(read_image(tmp_path / "a.tiff", 1), 1, atol=0.02)


def test_photo(tmp_path):
    Image.new("RGB", (16, 16), (200, 100, 50)).save(tmp_path / "a.jpg", quality=95)
    colour = read_image(tmp_path / "a.jpg", 3)
    np.testing.assert_allclose(colour[:, 8, 8] * 255, [200, 100, 50], atol=3)
    # ITU-R 601: how bright each colour looks.
    grey = read_image(tmp_path / "a.jpg", 1)[0]
    np.testing.assert_allclose(grey, np.tensordot([0.299, 0.587, 0.114], colour, 1), atol=0.01)


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    first, second = Image.new("L", (2, 2), 255), Image.new("L", (2, 2), 0)
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_image(tmp_path / "a.gif", 1).min() == 1


@pytest.mark.parametrize("values", [[[0.0, 1.5]], [[-0.5, 1.0]], [[0.0, np.nan]], [[np.inf, 0.0]]])
def test_floating_point_images_go_from_0_to_1(tmp_path, values):
    Image.fromarray(np.array(values, np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=r"a\.tiff cannot be read \(values from .* to .*, expected 0 to 1\)"):
        read_image(tmp_path / "a.tiff", 1)


# read_image: transparency, orientation, size


def drawing(ink, background):
    """A square of `ink`, half transparent at its left edge, on a fully transparent background."""
    image = Image.new("RGBA", (6, 6), (*background, 0))
    image.paste((*ink, 255), (2, 2, 4, 4))
    image.putpixel((1, 2), (*ink, 128))
    return image


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255)])
def test_transparent_pixels_contrast_with_the_ink(tmp_path, background):
    drawing((0, 0, 0), background).save(tmp_path / "black.png")
    drawing((255, 255, 255), background).save(tmp_path / "white.png")
    black, white = read_image(tmp_path / "black.png", 1), read_image(tmp_path / "white.png", 1)
    assert black[0, 0, 0] == 1
    assert white[0, 0, 0] == 0
    np.testing.assert_allclose(bright_on_dark(black), white, atol=0.01)


def test_a_wholly_transparent_image_is_white(tmp_path):
    Image.new("RGBA", (3, 3), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", 1).min() == 1


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (Image.fromarray(GREY), 0),
        (Image.fromarray(GREY).convert("RGB"), (0, 0, 0)),
        (Image.fromarray(np.arange(20, dtype=np.uint8).reshape(4, 5)).convert("P"), bytes([0] + [255] * 19)),
    ],
)
def test_a_colour_named_transparent_becomes_paper(tmp_path, image, transparency):
    image.save(tmp_path / "a.png", transparency=transparency)
    seen = read_image(tmp_path / "a.png", 3)
    assert seen[:, 0, 0].tolist() == [1, 1, 1]
    assert seen[0, 0, 1] < 0.1


def test_the_orientation_of_a_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1)[0], np.rot90(RAMP, -1))


def test_padding_keeps_the_proportions(tmp_path):
    image = np.full((1, 6, 2), 0.8, np.float32)
    image[0, 2:4] = 0
    write_image(tmp_path / "a.png", image)
    seen = read_image(tmp_path / "a.png", 3, (12, 12))
    level = np.float32(204 / 255)
    np.testing.assert_array_equal(seen[:, :, [0, 3, 8, 11]], level)
    np.testing.assert_array_equal(seen[:, :, 4:8], resize(read_image(tmp_path / "a.png", 3)[np.newaxis], (12, 4))[0])


@pytest.mark.parametrize("shape", [(1, 300), (300, 1)])
def test_a_thin_image_leaves_at_least_a_line(tmp_path, shape):
    write_image(tmp_path / "a.png", np.ones((1, *shape), np.float32))
    assert read_image(tmp_path / "a.png", 1, (7, 9)).shape == (1, 7, 9)


# read_image: errors


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match=r"none\.png cannot be read \(No such file .*\): expected an image file"):
        read_image(tmp_path / "none.png", 1)
    with pytest.raises(DataError, match=r"cannot be read \(.*\): expected an image file"):
        read_image(tmp_path, 1)


def test_not_an_image(tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(
        DataError, match=r"a\.png is not an image in a format that is read \(PNG, .*\): expected an image"
    ):
        read_image(tmp_path / "a.png", 1)


def test_truncated(tmp_path, rng):
    Image.fromarray(rng.integers(0, 256, (30, 30), np.uint8)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"a\.png cannot be read \(.*truncated.*\): expected an image file"):
        read_image(tmp_path / "a.png", 1)


def test_an_image_of_too_many_pixels(tmp_path):
    Image.new("L", (12, 10)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", 1, max_pixels=120).shape == (1, 10, 12)
    with pytest.raises(DataError, match=r"a\.png is too large an image, 12×10: expected at most 119 pixels; make it"):
        read_image(tmp_path / "a.png", 1, max_pixels=119)
    assert list(image_sizes([tmp_path / "a.png"], max_pixels=120)) == [(10, 12)]
    assert list(image_sizes([tmp_path / "a.png"], max_pixels=119)) == [None]


def test_an_image_with_too_long_a_side(tmp_path):
    Image.new("1", (65_536, 1)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=r"a\.tiff is too long an image, 65536×1: expected at most 65,535 pixels along"):
        read_image(tmp_path / "a.tiff", 1)


def test_webp_has_half_the_limit(tmp_path):
    Image.new("RGB", (12, 10)).save(tmp_path / "a.webp")
    assert read_image(tmp_path / "a.webp", 1, max_pixels=240).shape == (1, 10, 12)
    with pytest.raises(DataError, match=r"a\.webp is too large an image, 12×10: expected at most 119 pixels"):
        read_image(tmp_path / "a.webp", 1, max_pixels=239)


def test_a_header_that_promises_too_much_for_pillow(tmp_path, monkeypatch):
    Image.new("L", (12, 10)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(DataError, match=r"a\.png is too large an image: expected at most 100 pixels; make it smaller"):
        read_image(tmp_path / "a.png", 1)


def test_a_file_of_too_many_bytes(tmp_path):
    Image.new("L", (5, 5)).save(tmp_path / "a.png")
    with (tmp_path / "a.png").open("ab") as file:
        file.truncate(101 * 2**20)  # a hole, which takes no room on the disk
    with pytest.raises(DataError, match=r"a\.png is too large for an image: expected at most 101,048,576 bytes"):
        read_image(tmp_path / "a.png", 1)


def test_postscript_is_not_run(tmp_path, monkeypatch):
    def run(*args, **kwargs):
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", run)
    Image.new("L", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png is not an image in a format that is read \(PNG, JPEG,"):
        read_image(tmp_path / "a.png", 1)


@pytest.mark.skipif(os.name != "posix", reason="pipes as POSIX has them")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png cannot be read \(it is not a regular file\)"):
        read_image(tmp_path / "a.png", 1)


# read_image: large images, which are averaged before they are resized


def scene(height, width):
    """Return a drawing without sharp edges, on paper of one colour."""
    y, x = np.mgrid[:height, :width] / [[[height]], [[width]]]
    ink = np.maximum(0, np.sin(np.pi * (1.6 * y - 0.3))) * np.maximum(0, np.sin(np.pi * (1.6 * x - 0.3)))
    return np.uint8(230 - 200 * ink * (0.5 + 0.5 * x))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("L", "png"), ("RGB", "png"), ("RGBA", "png"), ("LA", "png"), ("P", "gif"), ("RGB", "jpg"), ("CMYK", "jpg"),
        ("I;16", "png"), ("I", "tiff"), ("F", "tiff"), ("RGB", "webp"), ("L", "ppm"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(700, 600), (90, 1500), (1500, 80)])
def test_a_large_image_is_read_as_if_at_once(tmp_path, mode, kind, shape):
    grey = scene(*shape)
    wide = {"I;16": grey.astype(np.uint16) * 257, "I": grey.astype(np.int32) * 257, "F": grey / np.float32(255)}
    image = Image.fromarray(wide[mode]) if mode in wide else Image.fromarray(grey).convert("RGB").convert(mode)
    image.save(tmp_path / f"a.{kind}")
    seen = read_image(tmp_path / f"a.{kind}", 1, (16, 14))
    expected = _fit(grey[np.newaxis] / np.float32(255), shape, (16, 14))
    np.testing.assert_allclose(seen, expected, atol=0.03)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tiff", "webp"])
def test_a_large_image_is_turned_as_a_small_one_is(tmp_path, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(scene(400, 700)).convert("RGB")
    image.save(tmp_path / f"a.{kind}", exif=exif)
    with Image.open(tmp_path / f"a.{kind}") as opened:
        upright = np.asarray(ImageOps.exif_transpose(opened).convert("L"), np.float32) / np.float32(255)
    np.testing.assert_allclose(read_image(tmp_path / f"a.{kind}", 1), upright[np.newaxis], atol=1e-6)
    expected = _fit(upright[np.newaxis], upright.shape, (16, 14))
    np.testing.assert_allclose(read_image(tmp_path / f"a.{kind}", 1, (16, 14)), expected, atol=0.03)


def test_averages_do_not_hide_what_is_out_of_range(tmp_path):
    values = np.full((300, 300), 0.5, np.float32)
    for odd in (1.5, -0.5, np.nan, np.inf):
        values[100, 100] = odd
        Image.fromarray(values).save(tmp_path / "a.tiff")
        with pytest.raises(DataError, match=r"a\.tiff cannot be read \(values from .* to .*, expected 0 to 1\)"):
            read_image(tmp_path / "a.tiff", 1, (8, 8))


def test_channels_are_one_or_three(tmp_path):
    with pytest.raises(DataError, match=r"a\.png cannot be read with 2 channels: expected 1 \(grey\) or 3 \(colour\)"):
        read_image(tmp_path / "a.png", 2)


def encoded(kind):
    buffer = io.BytesIO()
    Image.fromarray(GREY).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("images") / "image"


@given(data=st.data(), kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]))
def test_damage_gives_an_image_or_a_data_error(scratch, data, kind):
    content = bytearray(encoded(kind))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[place] = data.draw(st.integers(0, 255))
    scratch.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        image = read_image(scratch, 3, (8, 8))
    except DataError:
        return
    assert image.shape == (3, 8, 8)


# write_image, bright_on_dark


@given(hnp.arrays(np.uint8, st.tuples(st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))))
def test_read_inverts_write(scratch, levels):
    path, image = scratch.with_suffix(".png"), levels / np.float32(255)
    write_image(path, image)
    np.testing.assert_array_equal(read_image(path, len(image)), image, strict=True)


def test_written_pixels_are_rounded_and_clipped(tmp_path):
    write_image(tmp_path / "a.png", np.array([[[-1, 0.4 / 255, 0.6 / 255, 2]]], np.float32))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 1) * 255, [[[0, 0, 1, 255]]])


@pytest.mark.parametrize(
    "image", [np.zeros((2, 4, 4), np.float32), np.zeros((4, 4), np.float32), np.zeros((1, 4, 4)), np.zeros((1, 0, 4))]
)
def test_write_refuses_other_arrays(tmp_path, image):
    with pytest.raises(ValueError, match=r"image is float.*: expected float32 of shape \(1, H, W\) or \(3, H, W\)"):
        write_image(tmp_path / "a.png", image)
    assert not (tmp_path / "a.png").exists()


def test_dark_ink_on_white_paper_is_inverted():
    ink = np.ones((1, 7, 7), np.float32)
    ink[:, 2:5, 2:5] = 0.25
    ink[:, 0, :3] = 0  # a stroke may run off the edge
    np.testing.assert_array_equal(bright_on_dark(ink), 1 - ink, strict=True)
    bright = bright_on_dark(ink)
    assert bright_on_dark(bright) is bright


def test_digits_are_left_as_they_are():
    images = load("digits", "test").images
    assert all(bright_on_dark(image) is image for image in images)


@pytest.mark.parametrize(
    ("bright", "expected"),
    [
        (0, "bright on dark"),
        (1, "bright on dark"),
        (2, "mixed"),
        (8, "mixed"),
        (9, "dark on bright"),
        (10, "dark on bright"),
    ],
)
def test_polarity_is_that_of_nine_images_in_ten(bright, expected):
    images = np.full((10, 3, 5, 4), 0.1, np.float32)
    images[:bright] = 0.9
    assert polarity(images) == expected


def test_images_are_turned_to_a_polarity():
    digits = load("digits", "test").images[:5]
    assert polarity(digits) == "bright on dark"
    for image in digits:
        assert with_polarity(image, "bright on dark") is image
        assert with_polarity(image, "mixed") is image
        np.testing.assert_array_equal(with_polarity(image, "dark on bright"), 1 - image)
        np.testing.assert_array_equal(with_polarity(1 - image, "dark on bright"), 1 - image)
        np.testing.assert_array_equal(with_polarity(1 - image, "bright on dark"), image)


def test_the_limit_of_pixels_is_raised_within_a_block_for_all_that_reads_files(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "PIXELS_WORTH_A_THREAD", 1)  # threads have a context of their own
    write_image(tmp_path / "a.png", np.zeros((1, 10, 12), np.float32))
    with largest_image(119):
        with pytest.raises(DataError, match=r"expected at most 119 pixels.*--max-pixels"):
            read_image(tmp_path / "a.png", 1)
        assert isinstance(next(read_images([tmp_path / "a.png"], 1, (4, 4))), DataError)
        assert list(image_sizes([tmp_path / "a.png"])) == [None]
        assert read_image(tmp_path / "a.png", 1, max_pixels=120).shape == (1, 10, 12)
        with largest_image(120):
            assert next(read_images([tmp_path / "a.png"], 1, (4, 4))).shape == (1, 4, 4)
    assert read_image(tmp_path / "a.png", 1).shape == (1, 10, 12)
