"""draw_graph: the text, what it says, and the pictures."""

import io
import os
import re
import shutil
import time

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.inspection import drawing
from autograd_cnn.models import lenet5

rng = np.random.default_rng(0)


@pytest.fixture
def graph():
    """Two paths from one leaf that meet again, and a constant used by both."""
    w, c = ac.Tensor(np.ones((2, 3)), requires_grad=True), ac.Tensor(np.full((2, 3), 2.0))
    h = ac.tanh(w)
    return ac.draw_graph((h * c + ac.exp(h) * c).sum(), {"layer": {"w": w}})


@pytest.fixture
def without_graphviz(monkeypatch):
    monkeypatch.setattr(drawing.shutil, "which", lambda _: None)


def labels(graph):
    return re.findall(r'n(\d+) \[label="(.*?)"', graph)


def test_the_text_names_ops_shapes_parameters_and_what_is_kept(graph):
    assert isinstance(graph, str)
    boxes = dict(labels(graph))
    kinds = {label.split("\\n")[0]: label.split("\\n")[1:] for label in boxes.values()}
    assert kinds["layer.w"] == ["2×3 float64"]
    assert kinds["tanh"] == ["2×3 float64", "keeps out 48 B"]
    assert kinds["exp"] == ["2×3 float64", "keeps out 48 B"]
    assert kinds["y"] == ["2×3 float64"]
    assert kinds["sum"] == ["one number float64", "keeps nothing"]
    arrows = {(boxes[a].split("\\n")[0], boxes[b].split("\\n")[0]) for a, b in re.findall(r"n(\d+) -> n(\d+)", graph)}
    assert arrows == {
        ("layer.w", "tanh"), ("tanh", "multiply"), ("tanh", "exp"), ("exp", "multiply"), ("y", "multiply"),
        ("multiply", "add"), ("add", "sum"),
    }  # fmt: skip


def test_a_constant_used_twice_is_one_box_and_its_bytes_count_once(graph):
    assert sum(label.startswith("y\\n") for _, label in labels(graph)) == 1
    assert sorted(label.split("\\n")[2] for _, label in labels(graph) if label.startswith("multiply")) == [
        "keeps y",
        "keeps y 48 B",
    ]


def test_parameters_values_ops_and_the_end_look_different(graph):
    fills = {label.split("\\n")[0]: fill for label, fill in re.findall(r'label="(.*?)" fillcolor="(.*?)"', graph)}
    assert len({fills["layer.w"], fills["y"], fills["exp"], fills["sum"]}) == 4


def test_after_backward_it_says_that_what_was_kept_is_freed():
    w = ac.Tensor(np.ones(2), requires_grad=True)
    loss = ac.exp(w).sum()
    loss.backward()
    assert "exp\\n2 float64\\nfreed" in ac.draw_graph(loss)


def test_quotes_in_names_are_text():
    w = ac.Tensor(np.ones(2), requires_grad=True)
    assert r"say \"w\"" in ac.draw_graph(w.sum(), {'say "w"': w})


def test_a_leaf_alone_is_a_graph():
    assert len(labels(ac.draw_graph(ac.Tensor([1.0], requires_grad=True)))) == 1


def test_no_graph_no_picture():
    with pytest.raises(ValueError, match=r"nothing that requires a gradient.*requires_grad=True"):
        ac.draw_graph(ac.Tensor([1.0]))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "dot", "gv"])
def test_files_of_every_kind(graph, kind, tmp_path, without_graphviz):
    path = tmp_path / f"graph.{kind}"
    graph.save(path)
    content = path.read_bytes()
    if kind == "png":
        with Image.open(path) as image:
            image.load()
            assert min(image.size) > 200
    elif kind == "svg":
        assert b"<svg" in content
        assert "tanh" in content.decode()
    elif kind == "pdf":
        assert content.startswith(b"%PDF")
    else:
        assert content.decode() == graph
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_another_kind_is_refused(graph, tmp_path):
    with pytest.raises(ValueError, match=r"\.png, \.svg or \.pdf; got '.*graph.bmp'"):
        graph.save(tmp_path / "graph.bmp")


def test_boxes_of_a_picture_do_not_overlap(without_graphviz):
    x = ac.Tensor(np.ones(2), requires_grad=True)
    y = x
    for _ in range(3):
        y = ac.concatenate([ac.exp(y), ac.tanh(y), ac.sqrt(y) * np.ones(y.shape)])
    loss = ac.softmax_cross_entropy(
        lenet5.apply(lenet5.init(rng), rng.random((2, 1, 28, 28), np.float32)), np.array([1, 2])
    )
    for end in (y.sum(), loss):
        boxes = ac.draw_graph(end).boxes
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert a.row != b.row or abs(a.x - b.x) >= (a.width + b.width) / 2


def test_a_graph_too_large_to_read_is_refused_without_graphviz(tmp_path, without_graphviz):
    x = ac.Tensor(np.ones(2), requires_grad=True)
    y = x
    for _ in range(500):
        y = y + 1
    with pytest.raises(ValueError, match=r"up to 400 boxes.*has 501: install Graphviz"):
        ac.draw_graph(y).save(tmp_path / "g.png")


def test_eight_times_the_ops_take_about_eight_times_as_long():
    """In a chain every op is a row of its own: to look for a row's boxes among all took 64 times as long."""

    def seconds(ops):
        t = ac.Tensor([1.0], requires_grad=True)
        for _ in range(ops):
            t = t + 1.0
        times = []
        for _ in range(3):
            begin = time.process_time()
            assert ac.draw_graph(t).count("->") == ops
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(16_000) < 24 * seconds(2_000)


def test_graphviz_draws_where_it_is_installed(graph, tmp_path, monkeypatch):
    """A `dot` of our own, which gives back what it was given."""
    program = tmp_path / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "asked for $1"\ncat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    graph.save(tmp_path / "g.svg")
    assert (tmp_path / "g.svg").read_text() == f"asked for -Tsvg\n{graph}"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_itself_reads_the_text(graph):
    with Image.open(io.BytesIO(graph._repr_png_())) as image:
        image.load()
