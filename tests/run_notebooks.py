"""Run notebooks from the top, and store them with their outputs.

python -m tests.run_notebooks                     # all of them
python -m tests.run_notebooks 01_autograd 06_speed

Nothing of the run stays but the outputs, and streams are stored whole. Pictures get a palette of 256 colours, which
nobody sees, and which makes them half as large.
"""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent.parent / "notebooks"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which notebooks (default: all)")
    for name in parser.parse_args().names or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / f"{name}.ipynb"
        notebook = nbformat.read(path, nbformat.NO_CONVERT)
        execute(notebook)
        nbformat.write(notebook, path)
        print(f"{name}: {path.stat().st_size:,} bytes")


def execute(notebook: nbformat.NotebookNode) -> None:
    """Run all cells, and leave what belongs into the file."""
    where = {"metadata": {"path": str(FOLDER)}}
    NotebookClient(notebook, resources=where, record_timing=False, coalesce_streams=True).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                output.data["image/png"] = base64.b64encode(with_palette(base64.b64decode(picture))).decode()


def with_palette(picture: bytes) -> bytes:
    """Return a PNG file's picture with 256 colours, on white."""
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    colours = Image.alpha_composite(white, image).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    content = io.BytesIO()
    colours.save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    main()
