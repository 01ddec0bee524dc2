"""The time from a stroke to its answer, as the page itself measures it in Chromium.

python -m tests.play.stroke_to_answer --weights runs/mine
"""

import argparse

import numpy as np

import autograd_cnn as ac
from autograd_cnn.play.learning import Pupil
from tests.play.conftest import png
from tests.play.test_browser import ARGUMENTS, CHROMIUM
from tests.play.test_server import Served

#: A seven, along which the mouse moves so many times, so many milliseconds apart.
CORNERS, MOVES, PAUSE = [(0.25, 0.25), (0.75, 0.25), (0.45, 0.8)], 60, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="a weights file, or the folder of a run")
    served = Served(Pupil(ac.load_model(parser.parse_args().weights)))
    try:
        print("from the stroke to the answer on the page:", told(moves(served.port)))
        print("of that, the server:", told(requests(served)))
    finally:
        served.stop()


def moves(port):
    """Return the milliseconds that the page took after each move of a stroke."""
    from playwright.sync_api import sync_playwright

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("body[data-ready]")
        box = page.locator("#pad").bounding_box()
        ends = np.array(CORNERS) * box["width"] + (box["x"], box["y"])
        for i, (x, y) in enumerate(
            zip(*(np.interp(np.linspace(0, 2, MOVES), range(3), axis) for axis in ends.T), strict=True)
        ):
            page.mouse.move(x, y)
            if i == 0:
                page.mouse.down()
            page.wait_for_timeout(PAUSE)
            took.append(float(page.locator("body").get_attribute("data-took") or "nan"))
        browser.close()
    return took[3:]  # after the page has warmed up


def requests(served):
    """Return the milliseconds that the server takes for a picture."""
    from time import perf_counter

    drawing = np.zeros((140, 140), np.float32)
    drawing[30:110, 62:74] = 1
    picture, took = png(drawing), []
    for _ in range(MOVES):
        begin = perf_counter()
        assert served.ask("POST", "/api/picture", picture)[0] == 200
        took.append(1e3 * (perf_counter() - begin))
    return took[3:]


def told(milliseconds):
    median, most = np.nanpercentile(milliseconds, (50, 90))
    return f"median {median:.0f} ms, nine of ten within {most:.0f} ms"


if __name__ == "__main__":
    main()
