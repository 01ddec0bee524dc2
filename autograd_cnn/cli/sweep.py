"""`sweep`: train with every combination of settings and seeds, and compare them."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import options, streams, train
from autograd_cnn.output.text import count, shown

if TYPE_CHECKING:
    from autograd_cnn.training.sweeps import Sweep, Trained

#: Options that take a single value: trainings on different data are not compared.
_SINGLE = {"--data"}

#: Options allowed with --resume.
_RESUMING = {"resume", "processes", "distributed"}


class _Lists:
    """A parser, or a group of it, whose options with a value take several, separated by commas."""

    def __init__(self, group: Any) -> None:
        self.group = group

    def add_argument(self, name: str, **settings: Any) -> None:
        """Add an option."""
        if "action" not in settings and name not in _SINGLE:
            settings["type"] = _each(settings.get("type", str))
            settings["metavar"] = f"{settings['metavar']},…"
        self.group.add_argument(name, **settings)

    def add_argument_group(self, title: str) -> _Lists:
        """Add a group of options."""
        return _Lists(self.group.add_argument_group(title))


def _each(read: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    def read_all(text: str) -> list[Any]:
        return [read(part) for part in text.split(",")]

    return read_all


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "sweep",
        help="train with every combination of settings and seeds, and compare them",
        description="Train with every combination of the values that options are given, separated by commas, as in "
        "--lr 0.001,0.003 --seed 0,1,2. Each training is a run in a folder of its own. A table and a picture show the "
        "mean over the seeds and the spread.",
    )
    train.add_settings(_Lists(parser))
    parser.add_argument(
        "--processes", type=options.positive, metavar="N",
        help="trainings at a time, each in a process with one thread (default: as many as there are cores)",
    )  # fmt: skip
    parser.add_argument(
        "--distributed", action="store_true",
        help="share the trainings among the processes that mpiexec started; needs the extra mpi",
    )  # fmt: skip
    options.add_out(parser)
    parser.add_argument(
        "--resume", type=Path, metavar="DIR", help="resume the sweep in this folder; leave out all settings"
    )
    kept = {name: value for name, value in vars(parser.parse_args([])).items() if name not in _RESUMING}
    parser.set_defaults(run=functools.partial(run, defaults=kept))


def run(given: argparse.Namespace, defaults: Mapping[str, Any]) -> int:
    """Train all, print each as it ends, and then the table."""
    from autograd_cnn.training.run_folder import claim_folder, hold
    from autograd_cnn.training.sweeps import SWEEP_FILE, Sweep

    if given.resume:
        options.refuse_with_resume(given, defaults)
    with _workers(given) as executor:
        if executor is None:  # a rank that has done its share of the trainings
            return 0
        sweep = Sweep.read(given.resume) if given.resume else Sweep(_combinations(given))
        folder = given.resume or given.out or options.new_folder(f"sweep-{Path(given.data).name}")
        if not given.resume:
            claim_folder(folder, (SWEEP_FILE,), f"give another --out, or go on with --resume {folder}")
        with streams.lossy(), hold(folder):
            sweep.write(folder)
            print(f"{count(len(sweep.trainings), 'training')}, by {', '.join(sweep.varied) or 'nothing varied'}")
            found = _run(sweep, folder, executor)
            print(f"\n{sweep.summarise(found, folder)}\n\n{shown(f'results and runs are in {folder}')}")
    return options.FAILURE if any(trained.failure for trained in found) else 0


def _run(sweep: Sweep, folder: Path, executor: Executor) -> list[Trained]:
    found: list[Trained] = []
    try:
        for trained in sweep.run(folder, executor):
            found.append(trained)
            if trained.failure:
                print(f"error: {shown(sweep.name(trained.settings))}: {shown(trained.failure)}", file=sys.stderr)
            else:
                result = f"test accuracy {trained.accuracy:.2%}, trained in {trained.seconds:.1f} s"
                print(f"{len(found)}/{len(sweep.trainings)} {shown(sweep.name(trained.settings))}: {result}")
    except KeyboardInterrupt:
        print(f"stopped; go on with: autograd-cnn sweep --resume {shown(folder)}", file=sys.stderr)
        raise
    return found


@contextlib.contextmanager
def _workers(given: argparse.Namespace) -> Iterator[Executor | None]:
    """Yield an executor that shares trainings among processes; None in a worker."""
    if given.distributed:
        from autograd_cnn.distributed import shared_executor

        with shared_executor() as executor:
            yield executor
        return
    from autograd_cnn.distributed.launch import cores
    from autograd_cnn.training.sweeps import serve

    # Spawned, not forked: a fork in a program with threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.processes or cores(), context, serve) as executor:
        try:
            yield executor
        except BaseException:
            for process in multiprocessing.active_children():  # they save the state of their trainings
                process.terminate()
            raise


def _combinations(given: argparse.Namespace) -> list[Any]:
    """Return the settings of every combination of the values that were given."""
    from autograd_cnn.training.errors import RunError
    from autograd_cnn.training.model_files import find

    several = {name: value for name, value in vars(given).items() if isinstance(value, list) and name != "arguments"}
    for name, values in several.items():
        if len(set(values)) < len(values):
            raise RunError(f"--{name.replace('_', '-')} names a value twice; expected each once")
    for name in given.model:
        find(name)  # an unknown one is an error before any training
    return [
        train.settings_of(argparse.Namespace(**vars(given) | dict(zip(several, values, strict=True))))
        for values in itertools.product(*several.values())
    ]
