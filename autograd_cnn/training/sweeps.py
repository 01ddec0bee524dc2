"""A sweep: trainings with different settings and seeds, each a run in a folder of its own, and their comparison."""

from __future__ import annotations

import dataclasses
import signal
import statistics
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograd_cnn import plotting
from autograd_cnn.data import DataError
from autograd_cnn.output import text
from autograd_cnn.output.files import write_json
from autograd_cnn.training.errors import RunError, TrainingError
from autograd_cnn.training.interrupts import interrupt
from autograd_cnn.training.run_folder import hold
from autograd_cnn.training.run_results import MOST_BYTES, Summary, read_summary
from autograd_cnn.training.runs import Run
from autograd_cnn.training.saved_state import STATE_FILE
from autograd_cnn.training.schema import SchemaError, parse
from autograd_cnn.training.settings import Settings

#: The files of a sweep besides the folders of its runs: what it trains, and the results.
SWEEP_FILE, RESULTS_FILE, PICTURE_FILE = "sweep.json", "results.json", "results.png"


@dataclass(frozen=True)
class Trained:
    """The result of one training.

    Attributes
    ----------
    settings : Settings
    accuracy : float, optional
        On the test set; None if the training failed.
    seconds : float
        Of training alone.
    failure : str, optional
        Why there is no accuracy.
    """

    settings: Settings
    accuracy: float | None = None
    seconds: float = 0.0
    failure: str | None = None


@dataclass(frozen=True)
class Sweep:
    """Trainings to be compared.

    Attributes
    ----------
    trainings : list of Settings

    Examples
    --------
    >>> sweep = Sweep([Settings(lr=lr, seed=seed) for lr in (0.001, 0.003) for seed in (0, 1)])
    >>> sweep.varied
    ['lr', 'seed']
    >>> sweep.name(sweep.trainings[0])
    'lr=0.001,seed=0'
    """

    trainings: list[Settings]

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        """Read what the sweep in a folder trains.

        Raises
        ------
        RunError
            If the folder holds no sweep.
        """
        file = folder / SWEEP_FILE
        try:
            if file.exists() and not (file.is_file() and file.stat().st_size <= MOST_BYTES):
                raise RunError(f"{file} is not a file of at most {MOST_BYTES:,} bytes; give the folder of a sweep")
            sweep: Sweep = parse(file.read_text(encoding="utf-8"), cls)
        except FileNotFoundError:
            raise RunError(f"{folder} holds no {SWEEP_FILE}; give the folder of a sweep") from None
        except (OSError, ValueError, SchemaError) as error:
            raise RunError(f"{file} cannot be read: {error}") from error
        if not sweep.trainings:
            raise RunError(f"{file} names no training; expected at least one")
        return sweep

    def write(self, folder: Path) -> None:
        """Write what `read` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / SWEEP_FILE, dataclasses.asdict(self))

    @property
    def varied(self) -> list[str]:
        """The names of the settings that differ, the seed last."""
        names = [f.name for f in dataclasses.fields(Settings) if len({getattr(s, f.name) for s in self.trainings}) > 1]
        return sorted(names, key=lambda name: name == "seed")

    def name(self, settings: Settings, seed: bool = True) -> str:
        """Return a name that tells a training from all others; without `seed`, from those with other settings."""
        names = [name for name in self.varied if seed or name != "seed"]
        return ",".join(f"{name}={_brief(getattr(settings, name))}" for name in names) or "all"

    def run(self, folder: Path, executor: Executor) -> Iterator[Trained]:
        """Train what is not trained yet, and yield every result as it is ready; stopped trainings are resumed."""
        futures: dict[Future[Trained], Settings] = {
            executor.submit(train, settings, folder / self.name(settings)): settings for settings in self.trainings
        }
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise

    def summarise(self, found: Sequence[Trained], folder: Path) -> str:
        """Write the results and their picture, and return their table: a row for each setting, over its seeds."""
        order = {settings: i for i, settings in enumerate(self.trainings)}
        found = sorted(found, key=lambda trained: order[trained.settings])
        groups: dict[str, list[Trained]] = {}
        for trained in found:
            groups.setdefault(self.name(trained.settings, seed=False), []).append(trained)
        accuracies = {name: [t.accuracy for t in group if t.accuracy is not None] for name, group in groups.items()}
        write_json(folder / RESULTS_FILE, [dataclasses.asdict(trained) for trained in found])
        if any(accuracies.values()):
            shown = {name: values for name, values in accuracies.items() if values}
            drawn = plotting.dots(shown, title="Accuracy over seeds", xlabel="test accuracy")
            plotting.save(drawn, folder / PICTURE_FILE)
        rows = [
            [name, *_spread(accuracies[name]), str(len(accuracies[name])), _failed(group), _seconds(group)]
            for name, group in groups.items()
        ]
        return text.table(["settings", "mean", "deviation", "lowest", "highest", "seeds", "failed", "seconds"], rows)


def train(settings: Settings, folder: Path) -> Trained:
    """Train to the end in a folder, resuming what is there; a training that fails is a result, too."""
    try:
        with hold(folder), _saving_at_the_end():
            summary = read_summary(folder)
            if summary is None:
                run = Run.resume(folder) if (folder / STATE_FILE).exists() else Run.start(settings, folder)
                run.fit()
                found = run.finish().summary
                summary = Summary(len(run.history.epochs), found["test_accuracy"], found["seconds"])
        return Trained(settings, summary.test_accuracy, summary.seconds)
    except (RunError, TrainingError, DataError) as error:
        return Trained(settings, failure=str(error))


def serve() -> None:
    """Ignore Ctrl-C, which reaches all processes of a terminal: the parent process handles it and ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _saving_at_the_end() -> Iterator[None]:
    """Make SIGTERM save the state of a training; outside the block it just ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _brief(value: Any) -> str:
    """Return a setting's value in a form suitable for the name of a folder."""
    return Path(value).stem if isinstance(value, str) else str(value)


def _spread(accuracies: list[float]) -> list[str]:
    if not accuracies:
        return ["", "", "", ""]
    deviation = f"{statistics.stdev(accuracies):.2%}" if len(accuracies) > 1 else ""
    return [f"{statistics.fmean(accuracies):.2%}", deviation, f"{min(accuracies):.2%}", f"{max(accuracies):.2%}"]


def _failed(group: Sequence[Trained]) -> str:
    return str(sum(trained.failure is not None for trained in group) or "")


def _seconds(group: Sequence[Trained]) -> str:
    seconds = [trained.seconds for trained in group if trained.failure is None]
    return f"{statistics.fmean(seconds):.1f}" if seconds else ""
