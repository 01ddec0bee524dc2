"""`predict`: what it takes, what it prints, and what it does about bad files."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import autograd_cnn as ac
from autograd_cnn.cli import main
from autograd_cnn.cli.image_arguments import image_files
from autograd_cnn.data import DataError
from autograd_cnn.models import lenet5
from autograd_cnn.training.saved_models import SavedModel

SEVEN = np.zeros((28, 28), np.uint8)
SEVEN[4:7, 6:20] = 255
SEVEN[7:24, 14:17] = 255


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights that were not trained: what they answer does not matter here."""
    folder = tmp_path_factory.mktemp("weights")
    saved = SavedModel("lenet5", lenet5, lenet5.init(0), tuple("0123456789"), (1, 28, 28), reading="digit")
    saved.save(folder / "digits.safetensors")
    cats = SavedModel("lenet5", lenet5, lenet5.init(0), ('a "big" cat', *"bcdefghij"), (1, 28, 28))
    cats.save(folder / "cats.safetensors")
    return folder


@pytest.fixture(autouse=True)
def pictures(tmp_path, monkeypatch):
    """A folder to work in, with pictures of a digit in folders of their own, and other files."""
    monkeypatch.chdir(tmp_path)
    for name in ("scan10.png", "scan2.png", "more/scan1.JPG", "more/.hidden.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        drawing = Image.new("L", (60, 90), 230)
        drawing.paste(Image.fromarray(230 - SEVEN // 2), (10, 30))
        drawing.save(tmp_path / name, quality=95)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def predict(capsys, weights, *arguments, status=0):
    assert main(["predict", "--weights", str(weights / "digits.safetensors"), *map(str, arguments)]) == status
    return capsys.readouterr()


def files(out):
    return [line.rsplit(" ", 2)[0] for line in out.splitlines()]


class TestWhatIsTaken:
    def test_files_folders_and_patterns(self, weights, capsys):
        out = predict(capsys, weights, "scan10.png", ".", "scan*.png").out
        joined = ["scan2.png", "scan10.png", "more/scan1.JPG"]
        shown = [os.path.normpath(name) for name in files(out)]
        assert shown == ["scan10.png", *map(os.path.normpath, joined), "scan2.png", "scan10.png"]

    def test_a_file_with_the_name_of_a_pattern_is_itself(self, pictures, weights, capsys):
        (pictures / "scan2.png").rename(pictures / "scan[1].png")
        assert files(predict(capsys, weights, "scan[1].png").out) == ["scan[1].png"]

    def test_a_list_of_files(self, pictures, weights, capsys):
        (pictures / "list.txt").write_text("scan2.png\n\nmore\n")
        out = predict(capsys, weights, "--files-from", "list.txt").out
        assert files(out) == ["scan2.png", str(Path("more", "scan1.JPG"))]

    def test_a_list_is_read_as_it_goes(self):
        assert next(image_files([], os.devnull), None) is None
        assert next(image_files(["a.png"], "gone.txt")) == "a.png"

    def test_standard_input_is_an_image_or_a_list(self, pictures, weights):
        command = [sys.executable, "-m", "autograd_cnn", "predict", "--weights", weights / "digits.safetensors"]
        with (pictures / "scan2.png").open("rb") as picture:
            done = subprocess.run([*command, "-"], stdin=picture, capture_output=True, text=True)
        assert files(done.stdout) == ["-"], done.stderr
        done = subprocess.run([*command, "--files-from", "-"], input="scan2.png\n", capture_output=True, text=True)
        assert files(done.stdout) == ["scan2.png"], done.stderr
        done = subprocess.run([*command, "-"], input="", capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: standard input is empty: expected an image file")

    def test_standard_input_only_once_and_something_at_all(self, weights, capsys):
        assert "standard input was given more than once" in predict(capsys, weights, "-", "-", status=2).err
        assert "there is no image to classify" in predict(capsys, weights, status=2).err


class TestBadFiles:
    def test_they_are_reported_and_the_others_answered(self, weights, capsys):
        printed = predict(capsys, weights, "gone.png", "scan2.png", "notes.txt", "none*.png", "scan10.png", status=2)
        assert files(printed.out) == ["scan2.png", "scan10.png"]
        errors = printed.err.splitlines()
        assert [line.split()[:2] for line in errors] == [
            ["error:", "gone.png"], ["error:", "notes.txt"], ["error:", "none*.png"]
        ]  # fmt: skip

    def test_the_largest_image_to_decode_may_be_set(self, weights, capsys):
        small = predict(capsys, weights, "--max-pixels", "5399", "scan2.png", status=2)
        assert "scan2.png is too large an image, 60×90: expected at most 5,399 pixels" in small.err
        assert files(predict(capsys, weights, "--max-pixels", "5400", "scan2.png").out) == ["scan2.png"]

    def test_a_folder_without_images(self, pictures, weights, capsys):
        (pictures / "empty").mkdir()
        assert "empty has no image file in it" in predict(capsys, weights, "empty", status=2).err

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
    def test_a_named_pipe_is_refused_and_not_waited_for(self, pictures, weights, capsys):
        os.mkfifo(pictures / "pipe.png")
        assert (
            "pipe.png cannot be read (it is not a regular file)" in predict(capsys, weights, "pipe.png", status=2).err
        )

    def test_several_digits_or_none_are_said(self, weights, capsys):
        Image.fromarray(np.concatenate([SEVEN, SEVEN], axis=1)).resize((224, 112)).save("pair.png")
        Image.new("L", (40, 40), 200).save("blank.png")
        err = predict(capsys, weights, "pair.png", "blank.png", status=2).err
        assert "pair.png seems to have 2 digits: expected one" in err
        assert "blank.png has no digit that can be told from its background" in err
        assert files(predict(capsys, weights, "pair.png", "--split").out) == ["pair.png", "pair.png"]

    def test_split_is_for_handwritten_digits(self, weights, capsys):
        arguments = ["predict", "--weights", str(weights / "cats.safetensors"), "--split", "scan2.png"]
        assert main(arguments) == 2
        assert "leave out --split" in capsys.readouterr().err


class TestFormats:
    def test_json_lines(self, weights, capsys):
        out = predict(capsys, weights, "scan2.png", "scan10.png", "--format", "jsonl", "--top-k", 3).out
        rows = [json.loads(line) for line in out.splitlines()]
        assert [row["file"] for row in rows] == ["scan2.png", "scan10.png"]
        for row in rows:
            assert row.keys() == {"file", "label", "probability", "top"}
            assert len(row["top"]) == 3
            assert row["top"][0] == {"label": row["label"], "probability": row["probability"]}
            probabilities = [entry["probability"] for entry in row["top"]]
            assert probabilities == sorted(probabilities, reverse=True)

    def test_csv_can_be_read_back_whatever_the_names(self, pictures, weights, capsys):
        name = 'two\nlines, "quoted".png' if os.name != "nt" else "one, two.png"
        (pictures / "scan2.png").rename(pictures / name)
        arguments = [
            "predict",
            "--weights",
            str(weights / "cats.safetensors"),
            name,
            "--format",
            "csv",
            "--top-k",
            "10",
        ]
        assert main(arguments) == 0
        header, row = csv.reader(io.StringIO(capsys.readouterr().out))
        assert header[:5] == ["file", "label", "probability", "label_2", "probability_2"]
        assert row[0] == name
        assert set(row[1::2]) == {'a "big" cat', *"bcdefghij"}
        assert sum(map(float, row[2::2])) == pytest.approx(1, abs=1e-3)

    def test_text_names_the_top_classes_in_one_line(self, weights, capsys):
        line = predict(capsys, weights, "scan2.png", "--top-k", 99).out
        assert len(line.split()) == 1 + 2 * 10

    @pytest.mark.skipif(os.name == "nt", reason="Windows allows no such names")
    def test_control_characters_are_shown_and_not_sent(self, pictures, weights, capsys):
        (pictures / "scan2.png").rename(pictures / "red\x1b[31m.png")
        printed = predict(capsys, weights, "red\x1b[31m.png", "gone\x1b[31m.png", status=2)
        assert printed.out.startswith(r"red\x1b[31m.png ")
        assert printed.err.startswith(r"error: gone\x1b[31m.png ")

    def test_show_draws_what_the_model_saw(self, weights, capsys):
        predict(capsys, weights, "scan2.png", "scan10.png", "--show", "seen.png")
        with Image.open("seen.png") as picture:
            assert picture.format == "PNG"
            assert picture.width > 400
        assert "is not a folder" in predict(capsys, weights, "scan2.png", "--show", "gone/seen.png", status=2).err


class TestModel:
    def test_the_library_answers_as_the_command_does(self, weights, capsys):
        label, probability = predict(capsys, weights, "scan2.png").out.split()[1:]
        saved = ac.load_model(weights / "digits.safetensors")
        labels, probabilities = saved.predict(["scan2.png"])
        assert saved.class_names[labels[0]] == label
        assert f"{probabilities[0].max():.4f}" == probability
        labels, again = saved.predict(np.asarray(Image.open("scan2.png"))[np.newaxis, np.newaxis])
        assert again == pytest.approx(probabilities, abs=1e-5)

    def test_arrays_of_another_size_are_read_as_digits(self, weights):
        saved = ac.load_model(weights / "digits.safetensors")
        images = ac.data.load("digits", "test").images[:5]
        read = np.stack([ac.data.read_digit(image) for image in images])
        assert np.array_equal(saved.predict(images)[1], saved.predict(read)[1])
        with pytest.raises(DataError, match="image 1 of 2: the picture has no digit"):
            saved.predict(np.stack([images[0], 0 * images[0]]))

    def test_an_unknown_reading_is_refused(self, tmp_path):
        metadata = {"model": "lenet5", "reading": "letter"}
        ac.save_weights(tmp_path / "odd.safetensors", lenet5.init(0), metadata=metadata)
        with pytest.raises(Exception, match=r"has the reading 'letter'; expected 'digit', or none"):
            ac.load_model(tmp_path / "odd.safetensors")
