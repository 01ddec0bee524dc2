"""Pictures as a phone takes them of a digit on paper, made from a clean one.

The ink is drawn on a sheet with a colour, a texture and perhaps ruled lines. The sheet is seen at an angle, under light
that is brighter on one side, with a shadow. The camera adds a cast, blur and noise, and saves a JPEG. Every draw comes
from one generator, so a seed makes the same pictures everywhere.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Pixels = np.ndarray[Any, np.dtype[np.float32]]
Rng = np.random.Generator

PAPERS = {
    "white": (246, 246, 244), "cream": (244, 236, 212), "grey": (205, 206, 208), "yellow note": (250, 236, 120),
    "pink note": (248, 184, 200), "blue note": (168, 208, 240), "green note": (186, 232, 168),
    "cardboard": (196, 160, 116),
}  # fmt: skip
INKS = {
    "black": (28, 28, 32), "blue": (36, 52, 150), "red": (190, 34, 44), "green": (20, 110, 60), "pencil": (98, 98, 102),
    "violet": (104, 40, 130),
}  # fmt: skip
BOARDS = {"blackboard": (44, 58, 52), "slate": (52, 56, 64)}
CHALKS = {"white chalk": (232, 232, 226), "yellow chalk": (236, 222, 130)}
LINES = {"blue": (150, 178, 216), "grey": (172, 174, 178), "red": (226, 150, 156)}


@dataclass(frozen=True)
class Scene:
    """What is photographed and how; the defaults are a plain picture, and `Scene.draw` draws one at random.

    Lengths are shares of the picture's shorter side.
    """

    size: tuple[int, int] = (384, 288)  # height and width, in pixels
    paper: tuple[int, int, int] = PAPERS["white"]
    ink: tuple[int, int, int] = INKS["black"]
    lines: tuple[int, int, int] | None = None
    line_spacing: float = 0.12
    grid: bool = False
    texture: float = 0.0
    height: float = 0.4  # of the box of 20×20 in which the digit stands
    centre: tuple[float, float] = (0.5, 0.5)  # shares of height and width
    rotate: float = 0.0  # degrees
    perspective: float = 0.0  # the largest displacement of a corner
    gradient: float = 0.0  # light that is lost from one side to the other
    shadow: float = 0.0  # light that a shadow takes
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: float = 0.0  # standard deviation
    noise: float = 0.0
    quality: int = 92

    @classmethod
    def draw(cls, rng: Rng) -> Scene:
        """Draw a scene; about one in twelve is chalk on a board."""
        board = rng.random() < 0.08
        papers, inks = (BOARDS, CHALKS) if board else (PAPERS, INKS)
        # Half of all papers are white, as they are.
        paper = papers[_choose(rng, papers)] if board or rng.random() < 0.5 else PAPERS["white"]
        size = (480, 360) if rng.random() < 0.5 else (360, 480)
        if rng.random() < 0.25:
            size = (360, 360)
        height = float(rng.uniform(0.2, 0.6))
        room = np.array([height * 360 / length for length in size]) * 0.7 + 0.02
        return cls(
            size=size,
            paper=paper,
            ink=inks[_choose(rng, inks)],
            lines=LINES[_choose(rng, LINES)] if not board and rng.random() < 0.4 else None,
            line_spacing=float(rng.uniform(0.08, 0.2)),
            grid=bool(rng.random() < 0.3),
            texture=float(rng.uniform(0, 0.05)),
            height=height,
            centre=tuple(rng.uniform(np.minimum(room, 0.5), np.maximum(1 - room, 0.5)).tolist()),
            rotate=float(rng.uniform(-10, 10)),
            perspective=float(rng.uniform(0, 0.08)),
            gradient=float(rng.uniform(0, 0.5)),
            shadow=float(rng.uniform(0.15, 0.5)) if rng.random() < 0.5 else 0.0,
            cast=tuple(rng.uniform(0.85, 1.0, 3).tolist()),
            blur=float(rng.uniform(0.001, 0.006)),
            noise=float(rng.uniform(0.0, 0.025)),
            quality=int(rng.integers(40, 93)),
        )


def photograph(digit: Pixels, scene: Scene, rng: Rng) -> Pixels:
    """Return a picture (3, H, W), float32 in [0, 1], of a clean digit (28, 28), bright on dark."""
    return np.moveaxis(np.asarray(Image.open(io.BytesIO(jpeg(digit, scene, rng))), np.float32), -1, 0) / 255


def jpeg(digit: Pixels, scene: Scene, rng: Rng) -> bytes:
    """Return the same picture as a JPEG file."""
    sheet = _paper(scene, rng)
    ink = _ink(digit, scene)[:, :, np.newaxis] * (1 - 0.25 * _cloud(scene.size, 24, rng)[:, :, np.newaxis])
    sheet += ink * (np.array(scene.ink, np.float32) / 255 - sheet)
    seen = _seen_at_an_angle(sheet, scene, rng)
    seen *= _light(scene, rng)[:, :, np.newaxis] * np.array(scene.cast, np.float32)
    seen = _smooth(seen, scene.blur * min(scene.size))
    seen += scene.noise * rng.standard_normal(seen.shape, np.float32)
    file = io.BytesIO()
    Image.fromarray(np.rint(np.clip(seen, 0, 1) * 255).astype(np.uint8)).save(file, "JPEG", quality=scene.quality)
    return file.getvalue()


def _choose(rng: Rng, names: dict[str, Any]) -> str:
    return list(names)[rng.integers(len(names))]


def _paper(scene: Scene, rng: Rng) -> Pixels:
    """Draw the empty sheet (H, W, 3): its colour, its grain, and its lines."""
    height, width = scene.size
    sheet = np.empty((height, width, 3), np.float32)
    sheet[:] = np.array(scene.paper, np.float32) / 255
    if scene.lines:
        sheet = _ruled(sheet, scene, rng)
    grain = 0.6 * (_cloud(scene.size, 3, rng) - 0.5) + (_cloud(scene.size, 60, rng) - 0.5)
    return sheet * (1 + scene.texture * grain[:, :, np.newaxis])


def _ruled(sheet: Pixels, scene: Scene, rng: Rng) -> Pixels:
    spacing = scene.line_spacing * min(scene.size)
    thickness = max(1.0, rng.uniform(0.003, 0.006) * min(scene.size))
    distance = [(np.arange(n) + rng.uniform(0, spacing)) % spacing for n in scene.size]
    horizontal, vertical = (np.clip(thickness - np.minimum(d, spacing - d) * 2 + 0.5, 0, 1) for d in distance)
    cover = horizontal[:, np.newaxis] * np.ones(scene.size, np.float32)
    if scene.grid:
        cover = np.maximum(cover, vertical)
    colour = np.array(scene.lines, np.float32) / 255 * np.array(scene.paper, np.float32) / 246
    return (sheet + cover[:, :, np.newaxis].astype(np.float32) * (colour - sheet)).astype(np.float32)


def _ink(digit: Pixels, scene: Scene) -> Pixels:
    """Draw how much ink covers each point of the sheet, (H, W) in [0, 1]."""
    scale = scene.height * min(scene.size) / 20
    pen = Image.fromarray(np.asarray(digit, np.float32)).resize([round(28 * scale)] * 2, Image.Resampling.BICUBIC)
    pen = pen.rotate(scene.rotate, Image.Resampling.BICUBIC)
    top, left = (round(share * n - pen.height / 2) for share, n in zip(scene.centre, scene.size, strict=True))
    sheet = Image.new("F", scene.size[::-1])
    sheet.paste(pen, (left, top))
    # A pen leaves an edge of about a pixel; MNIST's own pixels, enlarged, would be a soft cloud.
    edge = np.asarray(_smooth(np.asarray(sheet)[:, :, np.newaxis], 0.15 * scale))[:, :, 0]
    return np.clip((edge - 0.4) * min(scale, 6) + 0.5, 0, 1).astype(np.float32)


def _seen_at_an_angle(sheet: Pixels, scene: Scene, rng: Rng) -> Pixels:
    """Look at the sheet from a point that is not above its middle; it reaches beyond the picture on all sides."""
    height, width = scene.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    moved = corners + rng.uniform(-1, 1, (4, 2)) * scene.perspective * min(scene.size)
    rows = [
        row
        for (x, y), (u, v) in zip(corners, moved, strict=True)
        for row in ([x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y])
    ]
    transform = np.linalg.solve(np.array(rows), moved.ravel())
    border = max(1, round(2 * scene.perspective * min(scene.size)))
    padded = np.pad(sheet, ((border, border), (border, border), (0, 0)), mode="reflect")
    # The transform is about the sheet; that of the padded one is shifted there and back.
    shift = np.array([[1, 0, border], [0, 1, border], [0, 0, 1.0]])
    matrix = shift @ np.append(transform, 1).reshape(3, 3)
    matrix /= matrix[2, 2]
    bands = [
        Image.fromarray(np.ascontiguousarray(padded[:, :, c])).transform(
            (width, height), Image.Transform.PERSPECTIVE, matrix.ravel()[:8].tolist(), Image.Resampling.BICUBIC
        )
        for c in range(3)
    ]
    return np.stack([np.asarray(band) for band in bands], axis=-1).copy()


def _light(scene: Scene, rng: Rng) -> Pixels:
    """Return how much light falls on each point, (H, W): less from one side to the other, and a soft shadow."""
    y, x = np.meshgrid(*(np.linspace(-0.5, 0.5, n) for n in scene.size), indexing="ij")
    angle, turn = rng.uniform(0, 2 * np.pi, 2)
    light = 1 - scene.gradient * np.clip(0.5 + np.cos(angle) * x + np.sin(angle) * y, 0, 1)
    across = np.cos(turn) * x + np.sin(turn) * y - rng.uniform(-0.3, 0.3)
    softness = rng.uniform(0.01, 0.12)
    return (light * (1 - scene.shadow / (1 + np.exp(-np.clip(across / softness * 4, -30, 30))))).astype(np.float32)


def _cloud(size: tuple[int, int], grain: float, rng: Rng) -> Pixels:
    """Return smooth noise (H, W) in [0, 1], whose patches are about `grain` pixels wide."""
    points = rng.random([max(2, round(n / grain)) for n in size], np.float32)
    return np.clip(np.asarray(Image.fromarray(points).resize(size[::-1], Image.Resampling.BICUBIC)), 0, 1)


def _smooth(image: Pixels, deviation: float) -> Pixels:
    """Blur each channel of an image (H, W, C) with a Gaussian."""
    if deviation <= 0:
        return image
    radius = int(3 * deviation + 1)
    weight = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation) ** 2)
    weight /= weight.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(radius, radius) if a == axis else (0, 0) for a in range(3)], mode="edge")
        n = image.shape[axis]
        parts = (padded[k : k + n] if axis == 0 else padded[:, k : k + n] for k in range(2 * radius + 1))
        image = sum(share * part for share, part in zip(weight.tolist(), parts, strict=True))
    return image
