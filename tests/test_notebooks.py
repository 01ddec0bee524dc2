"""What the notebooks promise, as they are stored; that they run is checked by `.ci/run`."""

import ast
import base64
import io
import itertools
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from autograd_cnn.experiments.reproductions import REPRODUCTIONS

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = [
    "01_autograd", "02_convolution", "03_train_a_digit_reader", "04_prove_your_gradients", "05_beyond_first_order",
    "06_speed",
]  # fmt: skip
LARGEST = 250_000  # bytes, with its pictures


def test_there_are_six():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


@pytest.fixture(params=NAMES)
def cells(request):
    return json.loads((FOLDER / f"{request.param}.ipynb").read_text(encoding="utf-8"))["cells"]


def source(cell):
    return "".join(cell["source"])


def text(cells):
    return "\n\n".join(source(cell) for cell in cells if cell["cell_type"] == "markdown")


def code_cells(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_it_was_run_from_top_to_bottom_without_an_error(cells):
    assert [cell["execution_count"] for cell in code_cells(cells)] == list(range(1, len(code_cells(cells)) + 1))
    outputs = [output for cell in code_cells(cells) for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 1


def test_every_cell_with_numbers_or_a_picture_shows_it(cells):
    for cell in code_cells(cells):
        if re.search(r"^ *print\(|^ac\.plotting|plt\.subplots", source(cell), re.MULTILINE):
            assert cell["outputs"], source(cell)


def test_its_pictures_have_a_palette(cells):
    """They are half as large so: `python -m tests.run_notebooks` stores them."""
    outputs = [output for cell in code_cells(cells) for output in cell["outputs"]]
    for picture in filter(None, (output.get("data", {}).get("image/png") for output in outputs)):
        with Image.open(io.BytesIO(base64.b64decode("".join(picture)))) as image:
            assert image.mode == "P"


def test_it_opens_with_what_it_takes(cells):
    opening = source(cells[0])
    assert re.match(r"# \d · ", opening)
    for row in ("| what it takes |", "| Python |", 'pip install -e ".[notebooks]"', "| time |", "| to know |"):
        assert row in opening


def test_it_ends_with_hidden_answers_and_what_to_read_next(cells):
    ending = source(cells[-1])
    _, exercises, reading = re.split(r"^## Exercises$|^## What to read next$", ending, flags=re.MULTILINE)
    asked = re.findall(r"^\*\*(\d)\.\*\*", exercises, re.MULTILINE)
    assert asked == ["1", "2", "3", "4"]
    assert exercises.count("<details><summary>Answer</summary>\n\n") == exercises.count("</details>") == len(asked)
    assert "autograd-cnn reproduce --list" in reading
    for name in REPRODUCTIONS:
        assert f"`{name}`" in reading


def test_links_lead_somewhere(cells):
    for target in re.findall(r"\]\(([^)#]+)\)", text(cells)):
        assert target.startswith("https://") or (FOLDER / target).exists(), target


SHAPE = re.compile(r"\((?:[\w'·/+ ]+, ?)+[\w'·/+ ]*\)|one number|numbers")


def test_cells_that_compute_tell_shapes_in_comments_or_print_them(cells):
    for cell in code_cells(cells):
        if "np." in source(cell) and "import numpy" not in source(cell):
            comments = "\n".join(re.findall(r"#.*$|\"\"\".*\"\"\"", source(cell), re.MULTILINE))
            assert SHAPE.search(comments) or ".shape" in source(cell), source(cell)


def test_formulas_are_in_latex(cells):
    assert "$" in text(cells)


def test_code_is_python_and_imports_what_the_extra_brings(cells):
    allowed = {"IPython", "PIL", "autograd_cnn", "hypothesis", "matplotlib", "numpy", "torch"}
    standard = {"importlib", "json", "math", "os", "pathlib", "subprocess", "sys", "tempfile", "time"}
    for cell in code_cells(cells):
        for node in ast.walk(ast.parse(source(cell))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed | standard, names


@pytest.mark.parametrize("name", NAMES)
def test_it_makes_clean_diffs_and_names_no_machine(name):
    content = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert len(content) < LARGEST
    notebook = json.loads(content)
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"(text|code)-\d\d[a-z]?", id) for id in ids)
    for cell in code_cells(notebook["cells"]):
        kinds = [output.get("name", "") for output in cell["outputs"]]
        assert not [a for a, b in itertools.pairwise(kinds) if a and a == b], "a stream in pieces, as it came"
    outputs = [output for cell in code_cells(notebook["cells"]) for output in cell["outputs"]]
    shown = [part for o in outputs for part in (o.get("text", ""), o.get("data", {}).get("text/plain", ""))]
    told = "\n".join("".join(part) for part in shown) + "\n".join(source(cell) for cell in notebook["cells"])
    assert not re.search(r"(?<![\w.])/(home|root|tmp|Users|usr|work|opt)/|0x[0-9a-f]{6,}|ipykernel_", told)
