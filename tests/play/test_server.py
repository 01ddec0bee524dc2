"""The server of the page: its answers over HTTP, whom it refuses, and the command that starts it."""

import base64
import contextlib
import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import autograd_cnn as ac
from autograd_cnn.cli import main
from autograd_cnn.play import server
from autograd_cnn.play.answers import answer
from autograd_cnn.play.guard import MOST_BYTES
from autograd_cnn.play.learning import Pupil
from autograd_cnn.play.wire import encode, read_picture
from tests.play.conftest import drawing, png, untrained

needs_server = pytest.mark.skipif(
    not (importlib.util.find_spec("starlette") and importlib.util.find_spec("uvicorn")),
    reason="Starlette and uvicorn are not installed: pip install -e '.[play]'",
)


class Served:
    """A server in a thread, and its answers."""

    def __init__(self, pupil):
        self.pupil = pupil
        self.socket = server.listen(0)
        self.port = self.socket.getsockname()[1]
        self.server = server.make_server(pupil, self.socket)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()

    def ask(self, method, path, body=None, **headers):
        """Return the status, the headers and the body; of `headers`, None leaves one out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Origin": f"http://127.0.0.1:{self.port}"} | headers
        with contextlib.closing(connection):
            connection.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()

    def post(self, name, **content):
        """Return the answer to JSON."""
        status, _, body = self.ask("POST", f"/api/{name}", encode(content))
        assert status == 200, body
        return json.loads(body)

    def follow(self, name, **content):
        """Return the answers of something that takes several steps."""
        status, _, body = self.ask("POST", f"/api/{name}", encode(content))
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines()]

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()


@pytest.fixture(scope="module")
def served(reader):
    if needs_server.args[0]:
        pytest.skip(needs_server.kwargs["reason"])
    page = Served(Pupil(reader))
    yield page
    page.stop()


def array(sent):
    return np.frombuffer(base64.b64decode(sent["data"]), sent["dtype"]).reshape(sent["shape"])


class TestAnswers:
    def test_the_network_is_named(self, served):
        status, headers, body = served.ask("GET", "/api/model", Origin=None)
        found = json.loads(body)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert (found["name"], found["parameters"], found["data"]) == ("lenet5", 61706, "digits")

    def test_a_picture_is_read_as_the_function_reads_it(self, served, reader, digits):
        content = png(drawing(digits.images[7]))
        status, _, body = served.ask("POST", "/api/picture", content)
        found = json.loads(body)
        expected = answer(reader, read_picture(reader, content))
        assert status == 200
        assert array(found["probabilities"]) == pytest.approx(expected["probabilities"], abs=1e-6)
        assert np.array_equal(array(found["pixels"]), expected["pixels"])
        assert [layer["op"] for layer in found["layers"]] == [layer["op"] for layer in expected["layers"]]
        again = served.post("answer", pixels=array(found["pixels"]))
        assert again["probabilities"] == found["probabilities"]

    @pytest.mark.parametrize(
        ("picture", "sentence"),
        [
            (np.zeros((90, 90), np.float32), "the picture has no digit"),
            (np.pad(np.tile(np.pad(np.ones((60, 6), np.float32), 30), 2), 9), "the picture seems to have 2 digits"),
        ],
    )
    def test_a_picture_without_a_digit_is_no_wrong_request(self, served, picture, sentence):
        status, _, body = served.ask("POST", "/api/picture", png(picture))
        assert status == 200
        assert json.loads(body)["unread"].startswith(sentence)

    def test_everything_on_the_page_is_answered(self, served, reader, digits):
        pixels = digits.images[7]
        target = (int(reader.predict(pixels)[0][0]) + 1) % 10
        assert array(served.post("saliency", pixels=pixels, target=target)["gradient"]).any()
        assert served.post("computation", pixels=pixels, target=target)["nodes"][-1]["kind"] == "loss"
        assert served.follow("nudge", pixels=pixels, target=target)[-1]["label"] == target
        assert served.follow("dream", target=7, seed=1)[-1]["label"] == 7
        assert served.post("example")["truth"] in range(10)

    def test_a_lesson_changes_the_weights_and_can_be_undone(self, served, reader, digits, tmp_path):
        pixels = digits.images[7]
        target = (int(reader.predict(pixels)[0][0]) + 1) % 10
        before = served.ask("GET", "/weights.safetensors")[2]
        assert served.follow("learn", pixels=pixels, target=target)[-1]["lessons"] == 1
        status, headers, after = served.ask("GET", "/weights.safetensors")
        assert status == 200
        assert headers["content-disposition"] == 'attachment; filename="weights.safetensors"'
        (tmp_path / "taught.safetensors").write_bytes(after)
        taught = ac.load_model(tmp_path / "taught.safetensors")
        probabilities = array(served.post("answer", pixels=pixels)["probabilities"])
        assert taught.predict(pixels)[1][0] == pytest.approx(probabilities, abs=1e-6)
        assert served.post("undo")["lessons"] == 0
        assert served.ask("GET", "/weights.safetensors")[2] == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "body", "sentence"),
        [
            ("picture", b"", "the picture is not an image in a format that is read"),
            ("picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image in a format that is read"),
            ("answer", b"no json", "the request is not JSON"),
            ("answer", b"[" * 100_000, "the request is not JSON"),
            ("answer", b"[]", "the request is not a JSON object"),
            ("answer", b"{}", "the request has no pixels: expected float32 of 1×28×28, in base64"),
            ("answer", encode({"pixels": np.zeros((1, 27, 28), np.float32)}), "the request has no pixels"),
            ("answer", encode({"pixels": np.full((1, 28, 28), np.nan, np.float32)}), "pixels that are not from 0 to 1"),
            ("answer", encode({"pixels": {"data": "é"}}), "the request has no pixels"),
            ("dream", b'{"target": true, "seed": 0}', "no whole number under 'target'"),
            ("dream", b'{"target": 10, "seed": 0}', "there is no class 10: expected 0 to 9"),
            ("dream", b'{"target": 1, "seed": -1}', "no whole number under 'seed'"),
            ("nudge", encode({"pixels": np.zeros((1, 28, 28), np.float32)}), "no whole number under 'target'"),
            ("undo", b"{}", "there is no lesson to undo"),
        ],
    )
    def test_a_wrong_request_is_answered_by_a_sentence(self, served, name, body, sentence):
        status, _, content = served.ask("POST", f"/api/{name}", body)
        assert status == 400
        error = json.loads(content)["error"]
        assert sentence in error
        assert "/" not in error.replace("PNG/", "")  # no path of this machine

    def test_an_image_that_is_too_large_for_memory(self, served):
        body = b"P5 30000 30000 255\n" + bytes(100)
        status, _, content = served.ask("POST", "/api/picture", body)
        assert status == 400
        assert "expected at most 25,000,000 pixels" in json.loads(content)["error"]

    @pytest.mark.parametrize(
        "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "", "[::1]:{port}"]
    )
    def test_another_host_is_refused(self, served, host):
        status, _, body = served.ask("GET", "/", Host=host.format(port=served.port))
        assert status == 403
        assert b"127.0.0.1 and localhost alone" in body

    def test_localhost_is_this_machine(self, served):
        name = f"localhost:{served.port}"
        assert served.ask("POST", "/api/example", b"{}", Host=name, Origin=f"http://{name}")[0] == 200

    @pytest.mark.parametrize(
        "origin", ["http://evil.example", "null", None, "https://127.0.0.1:{port}", "http://127.0.0.1"]
    )
    def test_another_site_is_refused(self, served, origin):
        given = origin and origin.format(port=served.port)
        status, _, body = served.ask("POST", "/api/undo", b"{}", Origin=given)
        assert status == 403
        assert b"only the page that this server serves" in body

    def test_another_site_may_not_read_either(self, served):
        assert served.ask("GET", "/api/model", Origin="http://evil.example")[0] == 403

    def test_a_large_request_is_refused_before_it_is_read(self, served):
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
            own = f"127.0.0.1:{served.port}"
            head = f"POST /api/picture HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n"
            connection.sendall(f"{head}Content-Length: {MOST_BYTES + 1}\r\n\r\n".encode())
            assert b" 413 " in connection.recv(100)

    def test_a_large_request_that_does_not_say_so_is_refused(self, served):
        chunks = (bytes(2**20) for _ in range(MOST_BYTES // 2**20 + 1))
        try:
            status = served.ask("POST", "/api/picture", chunks)[0]
        except (ConnectionError, BrokenPipeError):  # it hung up before all was sent
            status = 413
        assert status == 413

    @pytest.mark.parametrize(
        "path", ["/../server.py", "/%2e%2e/server.py", "/server.py", "/etc/passwd", "/page/main.js"]
    )
    def test_no_file_but_the_page_s_is_served(self, served, path):
        assert served.ask("GET", path)[0] == 404

    def test_what_a_browser_is_told(self, served):
        for path in ("/", "/main.js", "/api/model", "/nothing"):
            _, headers, _ = served.ask("GET", path)
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert "server" not in headers
        assert served.ask("GET", "/main.js")[1]["content-type"].startswith("text/javascript")


def test_the_page_loads_nothing_from_elsewhere():
    page = server.resources.files("autograd_cnn.play") / "page"
    assert {file.name for file in page.iterdir()} == set(server.PAGE)
    for name in server.PAGE:
        text = (page / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text
        assert "https:" not in text
        assert " style=" not in text
        assert "<script>" not in text
        assert "innerHTML" not in text


def start(*arguments, cwd):
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "autograd_cnn", "play", "--no-browser", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment,
    )  # fmt: skip


def page_of(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://").strip().rstrip("/"), timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read()


class TestCommand:
    @pytest.fixture
    def weights(self, tmp_path):
        untrained("mlp").save(tmp_path / "w.safetensors")
        return tmp_path / "w.safetensors"

    @needs_server
    def test_it_prints_its_address_first_and_stops_quietly(self, weights, tmp_path):
        play = start("--weights", str(weights), "--port", "0", cwd=tmp_path)
        url = play.stdout.readline()
        assert url.startswith("http://127.0.0.1:")
        status, body = page_of(url)
        assert (status, body[:15]) == (200, b"<!doctype html>")
        play.send_signal(signal.SIGINT)
        _, errors = play.communicate(timeout=30)
        assert (play.returncode, errors) == (130, "interrupted\n")
        assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]

    @needs_server
    def test_an_answer_that_is_going_on_does_not_keep_it_from_stopping_quietly(self, tmp_path):
        untrained("mlp", (3, 64, 64)).save(tmp_path / "large.safetensors")
        play = start("--weights", "large.safetensors", "--port", "0", cwd=tmp_path)
        url = play.stdout.readline().strip().rstrip("/")
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/api/dream", b'{"target": 1, "seed": 1}', {"Origin": url})
            assert json.loads(connection.getresponse().readline())["step"] == 0  # the rest is not waited for
            play.send_signal(signal.SIGINT)
            _, errors = play.communicate(timeout=30)
        assert (play.returncode, errors) == (130, "interrupted\n")

    @needs_server
    def test_without_weights_it_trains_first_and_shows_it(self, tmp_path):
        play = start("--port", "0", cwd=tmp_path)
        assert play.stdout.readline().startswith("http://127.0.0.1:")
        assert play.stdout.readline() == (
            "first, lenet5 learns digits, as with train; --weights takes a network that has learned\n"
        )
        time.sleep(1)
        play.send_signal(signal.SIGINT)
        _, errors = play.communicate(timeout=60)
        assert play.returncode == 130
        assert "step" in errors  # the bar

    @needs_server
    def test_the_network_that_it_trained_is_served(self, tmp_path):
        (tmp_path / "small.py").write_text(
            "import autograd_cnn as ac\n"
            "from autograd_cnn.nn.layers import flatten, linear\n"
            "INPUT_SHAPE = (1, 8, 8)\n"
            "init, apply = ac.sequential(flatten, linear(64, 10))\n"
        )
        play = start("--model", "small.py", "--port", "0", cwd=tmp_path)
        url = play.stdout.readline()
        assert play.stdout.readline().startswith("first, small.py learns digits")
        assert play.stdout.readline().startswith("next time: autograd-cnn play --weights runs")
        connection = http.client.HTTPConnection(url.removeprefix("http://").strip().rstrip("/"), timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", "/api/model")
            found = json.loads(connection.getresponse().read())
        assert (found["parameters"], found["shape"], found["data"]) == (650, [1, 8, 8], "digits")
        play.send_signal(signal.SIGTERM)
        _, errors = play.communicate(timeout=60)
        assert play.returncode == 143
        assert re.search("test [0-9.]+%", errors)

    @needs_server
    def test_a_port_in_use_is_one_line(self, weights, capsys):
        with server.listen(0) as taken:
            port = str(taken.getsockname()[1])
            assert main(["play", "--weights", str(weights), "--port", port, "--no-browser"]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err == f"error: --port {port} is in use by another program; give another, or 0 for any\n"

    @pytest.mark.parametrize("port", ["70000", "-1", "x"])
    def test_a_port_that_is_none(self, port, capsys):
        with pytest.raises(SystemExit) as ended:
            main(["play", f"--port={port}"])
        assert ended.value.code == 2
        assert "argument --port" in capsys.readouterr().err

    def test_what_is_missing_is_one_line(self, weights, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "starlette", None)
        assert main(["play", "--weights", str(weights), "--no-browser"]) == 2
        assert capsys.readouterr().err == (
            'error: the page takes Starlette and uvicorn, which are not installed: pip install "autograd-cnn[play]"\n'
        )

    @needs_server
    def test_weights_that_are_not_there(self, capsys):
        assert main(["play", "--weights", "gone.safetensors", "--no-browser"]) == 2
        assert capsys.readouterr().err.startswith("error: gone.safetensors does not exist")
