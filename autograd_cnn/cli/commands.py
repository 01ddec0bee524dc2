"""The command line: arguments in, one line an error, an exit status."""

from __future__ import annotations

import argparse
import datetime
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from autograd_cnn import __version__, data, models

FAILURE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, as all others here are."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILURE, f"error: {message} (see {self.prog} --help)\n")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return number


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="autograd-cnn",
        description="Train, evaluate and use small convolutional networks, in NumPy.",
    )
    parser.add_argument("--version", action="version", version=f"autograd-cnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train a model and write a folder of results",
        description="Train a model. Weights, metrics and pictures go into a folder; a checkpoint after every "
        "epoch lets --resume go on after a stop and end with the same bits.",
    )
    train.add_argument("--data", default="digits", metavar="NAME", help=_one_of(data.NAMES, "digits"))
    train.add_argument("--model", default="lenet5", metavar="NAME", help=_one_of(models.names(), "lenet5"))
    train.add_argument(
        "--epochs", type=_positive, metavar="N", help="total epochs (default: 60 on digits, 3 on mnist, else 10)"
    )
    train.add_argument("--batch-size", type=_positive, metavar="N", help="images a step (default: 32)")
    train.add_argument(
        "--optimizer", default="adam", metavar="NAME",
        help="adam, adamw, rmsprop, adagrad, momentum (0.9) or sgd (Nesterov's momentum, 0.9) (default: adam)",
    )  # fmt: skip
    train.add_argument(
        "--lr", type=_rate, metavar="X",
        help="learning rate at the start, from where it falls to 0 along a cosine "
        "(default: 0.001 for rmsprop, 0.002 for adam and adamw, 0.02 for the others)",
    )  # fmt: skip
    train.add_argument(
        "--augment", action=argparse.BooleanOptionalAction,
        help="shift, rotate and scale the training images at random (default: on digits only)",
    )  # fmt: skip
    _add_skip_bad(train)
    train.add_argument("--seed", type=_seed, metavar="N", help="seed of every random draw (default: 0)")
    train.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: a new one under runs/)")
    train.add_argument(
        "--resume", type=Path, metavar="DIR",
        help="go on with the run in this folder; its settings are kept, and only --epochs may be given",
    )  # fmt: skip
    train.set_defaults(run=_train)

    evaluate = commands.add_parser(
        "evaluate",
        help="compare a trained model with labels",
        description="Evaluate weights on a data set's test images.",
    )
    _add_weights(evaluate)
    evaluate.add_argument("--data", default="digits", metavar="NAME", help=_one_of(data.NAMES, "digits"))
    _add_skip_bad(evaluate)
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser(
        "predict",
        help="classify image files",
        description="Print a line for each image: the file, its class, and the probability. Any kind of image "
        "will do; where the training images were light on dark, dark ink on light paper is inverted, and vice versa.",
    )
    _add_weights(predict)
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files")
    predict.set_defaults(run=_predict)

    inspect = commands.add_parser(
        "inspect",
        help="look into one training step of a model",
        description="Take one training step and write a folder: summary.txt (the ops in order, with shapes, "
        "parameters, multiply-adds and memory), graph.dot and graph.png, profile.txt and trace.json (the time by op "
        "and by line; ui.perfetto.dev opens the trace).",
    )
    inspect.add_argument("--model", default="lenet5", metavar="NAME", help=_one_of(models.names(), "lenet5"))
    inspect.add_argument("--data", default="digits", metavar="NAME", help=_one_of(data.NAMES, "digits"))
    inspect.add_argument("--batch-size", type=_positive, default=32, metavar="N", help="images a step (default: 32)")
    inspect.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of the parameters (default: 0)")
    inspect.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: a new one under runs/)")
    inspect.set_defaults(run=_inspect)

    reproduce = commands.add_parser(
        "reproduce",
        help="train a published system as its author did, then by our recipe",
        description="Train a published system as its author did, then by our recipe. A table of both is printed, and "
        "goes into a folder with pictures and the figures.",
    )
    reproduce.add_argument("name", nargs="?", metavar="NAME", help="which system; --list names them")
    reproduce.add_argument("--list", action="store_true", help="print the systems' names, one a line")
    reproduce.add_argument("--quick", action="store_true", help="a tenth of the images, two epochs at most")
    reproduce.add_argument("--data", default="mnist", metavar="NAME", help=_one_of(data.NAMES, "mnist"))
    reproduce.add_argument("--seed", type=_seed, default=0, metavar="N", help="seed of every random draw (default: 0)")
    reproduce.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: a new one under runs/)")
    reproduce.set_defaults(run=_reproduce)

    bench = commands.add_parser(
        "bench",
        help="time training steps, inference and single ops",
        description="Time training steps, inference and single ops, beside PyTorch's where that is installed. The "
        "figures go into a folder too, with pictures. The scripts under benchmarks/ in the repository ask more.",
    )
    bench.add_argument("--quick", action="store_true", help="small cases and few rounds, to see that it runs")
    bench.add_argument("--threads", type=_positive, default=1, metavar="N", help="to compute with (default: 1)")
    bench.add_argument("--out", type=Path, metavar="DIR", help="folder of results (default: a new one under runs/)")
    bench.set_defaults(run=_bench)

    data_parser = commands.add_parser(
        "data", help="fetch and export data sets", description="Fetch and export data sets."
    )
    verbs = data_parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    fetch = verbs.add_parser(
        "fetch",
        help="download a data set, if it is not on disk",
        description="Download a data set's files, if they are not on disk, and print where they are.",
    )
    fetch.add_argument("name", metavar="NAME", help=_one_of(data.PUBLISHED))
    fetch.set_defaults(run=_fetch)
    export = verbs.add_parser(
        "export-png",
        help="write a data set as PNG files",
        description="Write a data set as PNG files, grey of 8 bits, under DIR/train and DIR/test. Folders, a folder a "
        "class, are what --data folder:DIR reads; files go by the name idx-N-label-L.png.",
    )
    export.add_argument("name", metavar="NAME", help=_one_of(data.NAMES))
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the images")
    export.add_argument("--split", choices=(*data.SPLITS, "both"), default="both", help="which part (default: both)")
    export.add_argument(
        "--layout", choices=("folders", "files"), default="folders",
        help="a folder a class, or labels in file names (default: folders)",
    )  # fmt: skip
    export.add_argument(
        "--limit", type=_positive, metavar="N",
        help="at most N images of each split, from every class in turn (default: all)",
    )  # fmt: skip
    export.set_defaults(run=_export)
    return parser


def _one_of(names: Sequence[str], default: str | None = None) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" + (f" (default: {default})" if default else "")


def _add_skip_bad(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--skip-bad", action="store_true",
        help="leave out the files of a folder that cannot be read, and list them, in place of an error",
    )  # fmt: skip


def _show_skipped(*datasets: data.Dataset) -> None:
    skipped = dict.fromkeys(file for dataset in datasets for file in dataset.skipped)
    for path, reason in skipped:
        print(f"skipped: {path} {reason}", file=sys.stderr)
    if skipped:
        print(f"skipped {len(skipped)} in all", file=sys.stderr)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="a weights.safetensors file")
    parser.add_argument("--model", metavar="NAME", help="the weights' model, where the file does not name it")


def _train(options: argparse.Namespace) -> None:
    from autograd_cnn.training.progress import training_bar

    run = _resume(options) if options.resume else _start(options)
    s = run.settings
    _show_skipped(run.train, run.test)
    print(f"{s.model} on {s.data}: {len(run.train)} images, {s.epochs} epochs, seed {s.seed}")

    try:
        with training_bar(s.epochs, run.steps, run.history) as show:
            run.fit(on_step=show)
    except KeyboardInterrupt:
        if run.history.epochs:
            done = len(run.history.epochs)
            print(f"stopped after epoch {done}; go on with: train --resume {run.folder}", file=sys.stderr)
        raise
    summary, report = run.finish()
    print(report)
    print(
        f"\ntest accuracy {summary['test_accuracy']:.2%}, mean confidence {summary['mean_confidence']:.2%}, "
        f"trained in {summary['seconds']:.1f} s"
    )
    print(f"weights, metrics and pictures are in {run.folder}")


def _start(options: argparse.Namespace) -> Any:
    from autograd_cnn.training.runs import OPTIMIZERS, Run, RunError, Settings

    if options.optimizer not in OPTIMIZERS:
        *others, last = OPTIMIZERS
        raise RunError(f"--optimizer {options.optimizer!r} is unknown; expected {', '.join(others)} or {last}")
    settings = Settings.resolve(
        data=options.data,
        model=options.model,
        epochs=options.epochs,
        batch_size=options.batch_size,
        optimizer=options.optimizer,
        lr=options.lr,
        augment=options.augment,
        seed=options.seed,
        skip_bad=options.skip_bad,
    )
    return Run.start(settings, options.out or _new_folder(f"{Path(settings.data).name}-{options.model}"))


def _resume(options: argparse.Namespace) -> Any:
    from autograd_cnn.training.runs import Run, RunError

    fixed = ("data", "model", "batch_size", "optimizer", "lr", "augment", "skip_bad", "seed", "out")
    parser = _parser()
    plain = parser.parse_args(["train"])
    given = [f"--{name.replace('_', '-')}" for name in fixed if getattr(options, name) != getattr(plain, name)]
    if given:
        raise RunError(f"--resume keeps the run's own settings; leave out {', '.join(given)}")
    return Run.resume(options.resume, options.epochs)


def _evaluate(options: argparse.Namespace) -> None:
    from autograd_cnn import training
    from autograd_cnn.training import metrics, runs

    model, params, class_names = runs.load_model(options.weights, options.model)
    dataset = runs.load_data(options.data, "test", model, options.skip_bad)
    dataset = runs.match_classes(options.weights, class_names, options.data, dataset)
    _show_skipped(dataset)
    result = training.evaluate(model.apply, params, dataset)
    right = int((result.predictions == dataset.labels).sum())
    print(f"accuracy {result.accuracy:.4f} ({right}/{len(dataset)})")
    print(f"loss {result.loss:.4f}")
    print(f"mean confidence {result.mean_confidence:.4f}")
    print(metrics.classification_report(dataset.labels, result.predictions, dataset.class_names))


def _predict(options: argparse.Namespace) -> None:
    import numpy as np

    from autograd_cnn import ops, training
    from autograd_cnn.data.images import BRIGHT_ON_DARK, read_image, with_polarity
    from autograd_cnn.nn import serialization
    from autograd_cnn.training import runs

    model, params, class_names = runs.load_model(options.weights, options.model)
    channels, height, width = model.INPUT_SHAPE
    polarity = serialization.read_metadata(options.weights).get("polarity", BRIGHT_ON_DARK)
    images = np.stack([with_polarity(read_image(path, channels, (height, width)), polarity) for path in options.images])
    for path, row in zip(options.images, ops.softmax(training.predict(model.apply, params, images)), strict=True):
        print(f"{path} {class_names[row.argmax()]} {row.max():.4f}")


def _inspect(options: argparse.Namespace) -> None:
    from autograd_cnn.cli.step import inspect_step

    folder = options.out or _new_folder(f"inspect-{options.model}")
    summary, profile = inspect_step(options.model, options.data, options.batch_size, options.seed, folder)
    print(f"{options.model}, one training step of {options.batch_size} images\n\n{summary}\n\n{profile}\n")
    print(f"summary, graph and profile are in {folder}")


def _reproduce(options: argparse.Namespace) -> None:
    from autograd_cnn.experiments.reproductions import FILES, REPRODUCTIONS, Study
    from autograd_cnn.training import runs

    if options.list:
        print("\n".join(REPRODUCTIONS))
        return
    if options.name not in REPRODUCTIONS:
        given = "no name was given" if options.name is None else f"there is no system {options.name!r}"
        raise runs.RunError(f"{given}: expected one of {', '.join(REPRODUCTIONS)}")
    folder = options.out or _new_folder(f"reproduce-{options.name}")
    runs.claim_folder(folder, FILES)
    train, test = (runs.load_data(options.data, split, models.lenet5) for split in data.SPLITS)
    system = REPRODUCTIONS[options.name]
    print(f"{options.name}: {system.TITLE}\n")
    study = Study(options.name, folder, train, test, options.quick, options.seed)
    system.run(study)
    print(f"\n{study.save()}\n\nfigures and pictures are in {folder}")


def _bench(options: argparse.Namespace) -> None:
    from threadpoolctl import threadpool_limits

    from autograd_cnn.experiments import comparison as benchmark
    from autograd_cnn.training import runs

    folder = options.out or _new_folder("bench")
    runs.claim_folder(folder, benchmark.FILES)
    with threadpool_limits(options.threads, user_api="blas"):
        benchmark.run(folder, threads=options.threads, quick=options.quick)
    print(f"\nfigures and pictures are in {folder}")


def _new_folder(name: str) -> Path:
    """Name a folder after what is done and the time it is done."""
    return Path("runs", f"{name}-{datetime.datetime.now().strftime('%Y%m%d-%H%M%S')}")


def _fetch(options: argparse.Namespace) -> None:
    paths = data.fetch(options.name)
    print("\n".join(map(str, paths)) or f"{options.name} is part of the package")


def _export(options: argparse.Namespace) -> None:
    from autograd_cnn.data import folders
    from autograd_cnn.training.progress import bar

    write = folders.write_folder if options.layout == "folders" else folders.write_labelled_files
    splits = data.SPLITS if options.split == "both" else (options.split,)
    for split in splits:
        folders.check_absent(options.out / split)
    datasets = {split: data.load(options.name, split) for split in splits}
    for split, dataset in datasets.items():
        indices = folders.take_evenly(dataset.labels, options.limit or len(dataset)).tolist()
        with bar(indices, desc=split, unit="image") as moving:
            write(options.out / split, dataset, moving)
        print(f"{len(indices)} images are in {options.out / split}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and give the exit status: 0, 2 for bad input, 130 when interrupted."""
    from threadpoolctl import threadpool_limits

    from autograd_cnn.nn.serialization import CheckpointError
    from autograd_cnn.training import TrainingError
    from autograd_cnn.training.runs import RunError

    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr has it: class names may be in any script
    try:
        # Networks of this size gain nothing from BLAS threads, and on a busy machine they wait for one another:
        # `train` took 164 s with two threads and 8 s with one, on two cores shared with a test run.
        with threadpool_limits(1, user_api="blas"):
            options.run(options)
    except (RunError, TrainingError, CheckpointError, data.DataError, models.UnknownModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILURE
    except OSError as error:
        # A disk that is full, a folder that may not be written: the system's word for it, and the file's name.
        print(f"error: {error.filename or 'the output'}: {error.strerror or error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0
