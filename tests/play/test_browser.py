"""The page in a real browser: drawn on, looked at, and left without an error in its console."""

import base64
import contextlib
import importlib.util
import io
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.data.image_files import MAX_PIXELS, decode
from autograd_cnn.play.answers import answer
from autograd_cnn.play.learning import Pupil
from autograd_cnn.play.wire import read_picture
from autograd_cnn.training.digit_images import as_digits
from tests.play.conftest import drawing, png
from tests.play.test_server import Served

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = [name for name in ("playwright", "starlette", "uvicorn") if not importlib.util.find_spec(name)]
if not CHROMIUM:
    MISSING.append("chromium")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

ARGUMENTS = ["--no-sandbox", "--headless", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

#: How long the slowest panel may take on a busy machine.
PATIENCE = 60_000


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def served(reader):
    page = Served(Pupil(reader))
    yield page
    page.stop()


@pytest.fixture
def open_page(browser, served):
    """Return a function that opens the page; no page may have an error in its console."""
    said, sent = [], []
    with contextlib.ExitStack() as opened:

        def open_it(**options):
            options = {"reduced_motion": "reduce"} | options  # steps are shown as fast as they come
            context = opened.enter_context(contextlib.closing(browser.new_context(**options)))
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("request", lambda request: sent.append(request.post_data_buffer))
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(f"http://127.0.0.1:{served.port}/")
            page.wait_for_selector("body[data-ready]")
            page.sent = sent  # the bodies of its requests
            return page

        yield open_it
        assert said == []


@pytest.fixture(scope="module")
def test_digits():
    """One image (1, 28, 28) of each digit: of MNIST's test set where it is, else of the embedded one."""
    found = ac.data.load("mnist" if "AUTOGRAD_CNN_DATA" in os.environ else "digits", "test")
    return as_digits(found.images[[np.flatnonzero(found.labels == digit)[0] for digit in range(10)]])


def says(page, selector, pattern):
    """Wait until an element's text matches."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(re.compile(pattern), timeout=PATIENCE)


def pixels_of(page, selector):
    """Return what a canvas shows, (H, W, 4)."""
    url = page.locator(selector).evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def changes(page, selector, before):
    """Return whether a canvas comes to show anything else."""
    for _ in range(PATIENCE // 100):
        if not np.array_equal(before, pixels_of(page, selector)):
            return True
        page.wait_for_timeout(100)
    return False


def strokes(image):
    """Return strokes that fill the ink of a digit (1, 28, 28) from row to row: paths of (row, column)."""
    paths = []
    above = []
    for row, line in enumerate(image[0] > 0.5):
        runs = []
        for left, right in np.flatnonzero(np.diff(np.pad(line.astype(int), 1))).reshape(-1, 2):
            ends = [(row, left + 0.5), (row, max(left + 0.5, right - 1.5))]  # a pen is two pixels wide
            touching = [k for k, (start, stop, _) in enumerate(above) if start < right and left < stop]
            path = above.pop(touching[0])[2] if touching else []
            if not path:
                paths.append(path)
            path += ends if row % 2 else ends[::-1]
            runs.append((left, right, path))
        above = runs
    return paths


def draw(page, image):
    """Draw a digit (1, 28, 28) with the mouse."""
    page.click("#clear")
    says(page, "#verdict", "^Draw something")
    box = page.locator("#pad").bounding_box()
    scale = box["width"] / 28
    for path in strokes(image):
        (x, y), *rest = [(box["x"] + (c + 0.5) * scale, box["y"] + (r + 0.5) * scale) for r, c in path]
        page.mouse.move(x, y)
        page.mouse.down()
        for place in rest:
            page.mouse.move(*place)
        page.mouse.up()
    page.wait_for_selector("#bars[aria-busy=false]")  # the last stroke of all is answered
    says(page, "#verdict", "^It reads")


def bars(page):
    """Return the probabilities that the bars show, in percent."""
    return [float(text.split()[-2]) for text in page.locator("#bars li").all_inner_texts()]


def seen(page):
    """Return the pixels (H, W) that the page says the network sees, from 0 to 255."""
    return pixels_of(page, "#seen-image")[..., 0]


def test_strokes_of_real_digits_are_answered_as_the_function_does(open_page, served, test_digits):
    page = open_page()
    read = []
    for image in test_digits[:6]:
        draw(page, image)
        picture = next(body for body in reversed(page.sent) if body and body.startswith(b"P5"))
        found = answer(served.pupil.model, read_picture(served.pupil.model, picture))
        read.append(found["label"])
        assert bars(page) == pytest.approx(100 * found["probabilities"], abs=0.051)
        assert page.inner_text("#verdict").startswith(f"It reads {read[-1]}, with")
        assert np.abs(seen(page) - 255 * found["pixels"][0]).max() <= 1
        drawn = pixels_of(page, "#pad")[..., 0].reshape(28, 12, 28, 12).mean((1, 3)) / 255
        assert np.corrcoef(1 - drawn.ravel(), image.ravel())[0, 1] > 0.8  # what was drawn is the digit
    assert sum(digit == number for digit, number in enumerate(read)) >= 3  # chance would find one at most


def test_every_panel_changes(open_page, served, test_digits):
    from playwright.sync_api import expect

    page = open_page()
    draw(page, test_digits[3])
    canvases = ["#seen-image", "#saliency-image", "#layer-list div:first-child canvas"]
    says(page, "#saliency-text", "^The score of")
    before = {name: pixels_of(page, name) for name in canvases}
    draw(page, test_digits[7])
    for name, pixels in before.items():
        assert changes(page, name, pixels), name
    assert page.locator(".layer h3").all_inner_texts()[0].startswith("conv1 conv2d → 6×28×28, from ")
    assert page.locator(".layer").count() == 11

    read = int(np.argmax(bars(page)))
    other = str((read + 1) % 10)
    page.select_option("#saliency-class", other)
    says(page, "#saliency-text", f"^The score of {other} is")

    page.select_option("#nudge-class", other)
    page.click("#nudge-start")
    says(page, "#nudge-text", f"^It reads {other} after [0-9]+ steps. That took a mean change of")
    assert not np.array_equal(pixels_of(page, "#nudge-image"), pixels_of(page, "#seen-image"))

    page.select_option("#dream-class", "0")
    page.click("#dream-start")
    says(page, "#dream-text", "^Step 100 of 100: 0 (9|100)")
    assert pixels_of(page, "#dream-image")[..., 0].max() > 128

    page.select_option("#graph-class", other)
    page.click("#graph-start")
    page.wait_for_selector(".node.loss[aria-pressed=true]")
    assert page.locator(".node").count() == 24
    page.locator(".node", has_text="conv1.weight").click()
    says(page, "#graph-node h3", "^conv1.weight$")
    told = page.inner_text("#graph-node")
    draw(page, test_digits[0])  # the graph is that of the new drawing, with the same node open
    expect(page.locator("#graph-node")).not_to_have_text(told, timeout=PATIENCE)
    says(page, "#graph-node h3", "^conv1.weight$")
    assert page.locator("#graph-node canvas").count() == 4  # histogram and picture, of value and gradient


def test_a_lesson_is_learned_undone_and_downloaded(open_page, served, test_digits, tmp_path):
    page = open_page()
    draw(page, test_digits[5])
    read = int(np.argmax(bars(page)))
    other = (read + 1) % 10
    page.select_option("#learn-class", str(other))
    page.click("#learn-start")
    says(page, "#learn-text", "(Learned|not convinced) after [0-9]+ steps.*Of the old images it reads")
    says(page, "#verdict", f"^It reads {other}")
    assert pixels_of(page, "#learn-curve")[..., 3].any()
    with page.expect_download() as download:
        page.click("#weights")
    download.value.save_as(tmp_path / "taught.safetensors")
    taught = ac.load_model(tmp_path / "taught.safetensors")
    assert all(np.array_equal(p.numpy(), taught.params[name].numpy()) for name, p in served.pupil.model.params.items())
    page.click("#learn-undo")
    says(page, "#learn-text", "^The last lesson is undone")
    says(page, "#verdict", f"^It reads {read}")
    assert page.locator("#learn-undo").is_disabled()


def test_the_keyboard_alone_draws(open_page):
    page = open_page()
    page.locator("#pad").focus()
    press = page.keyboard.press
    for _ in range(9):
        press("ArrowUp")
    press("Space")
    for _ in range(18):
        press("ArrowDown")
    press("Space")
    says(page, "#verdict", "^It reads")
    ink = pixels_of(page, "#pad")[..., 0] < 128
    assert ink.any(1).sum() > 200  # a stroke from the top to the bottom
    assert ink.any(0).sum() < 60
    press("Backspace")
    says(page, "#verdict", "^Draw something")
    assert not (pixels_of(page, "#pad")[..., 0] < 128).any()


def test_every_control_can_be_reached_and_has_a_name(open_page, test_digits):
    page = open_page()
    controls = page.locator("button:enabled, select, input, a[href], summary, [tabindex='0']")
    reached = set()
    for _ in range(2 * controls.count()):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.textContent.trim()"))
    wanted = controls.evaluate_all("all => all.map(one => one.id || one.textContent.trim())")
    assert set(wanted) <= reached
    for image in page.locator("canvas").all():
        assert image.get_attribute("aria-label")
    for select in page.locator("select").all():
        assert select.evaluate("one => one.labels.length") == 1
    page.locator("#clear").focus()
    page.keyboard.press("Tab")  # focus that came by a key is seen
    assert page.locator("#undo-stroke").evaluate("one => getComputedStyle(one).outlineStyle") == "solid"


def test_a_photograph_is_read(open_page, served, test_digits, tmp_path):
    page = open_page()
    (tmp_path / "photograph.png").write_bytes(png(0.8 * drawing(test_digits[2])))
    page.set_input_files("#photograph", tmp_path / "photograph.png")
    says(page, "#verdict", "^It reads")
    pixels, _ = decode(tmp_path / "photograph.png", 3, None, MAX_PIXELS)
    found = answer(served.pupil.model, pixels)
    assert bars(page) == pytest.approx(100 * found["probabilities"], abs=0.06)
    (tmp_path / "blank.png").write_bytes(png(np.zeros((60, 60), np.float32)))
    page.set_input_files("#photograph", tmp_path / "blank.png")
    says(page, "#problem", "^The picture has no digit that can be told from its background")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_is_cut_off(open_page, test_digits, scheme, width, tmp_path):
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    page.click("#example")
    says(page, "#verdict", "It is labelled [0-9]")
    page.click("#graph-start")
    page.wait_for_selector("#graph-view svg")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert page.evaluate("""() => {
        const number = document.querySelector("#bars .first .number");
        number.textContent = "100.0 %";
        return number.scrollWidth <= number.clientWidth;
    }""")
    background, text = page.evaluate(
        "() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]; }"
    )
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (background, text)]
    assert (light[0] > 200 > 60 > light[1]) if scheme == "light" else (light[0] < 60 < 200 < light[1])
