"""`train`: train a model, and write a folder of results."""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograd_cnn.cli import options, ranks, streams
from autograd_cnn.output.text import count, did_you_mean, meant, shown

if TYPE_CHECKING:
    from autograd_cnn.distributed import Communicator
    from autograd_cnn.training.checkpoints import Checkpoints
    from autograd_cnn.training.run_results import Results
    from autograd_cnn.training.runs import Run
    from autograd_cnn.training.settings import Settings


def add_parser(commands: options.Commands) -> None:
    """Add the command and its options."""
    parser = commands.add_parser(
        "train",
        help="train a model and write a folder of results",
        description="Train a model. Weights, metrics and pictures go into a folder. A checkpoint after every epoch, "
        "and after Ctrl-C, lets --resume go on after a stop and end with the same bits. The test images are looked at "
        "once, at the end.",
    )
    add_settings(parser)
    parser.add_argument(
        "--threads", type=options.positive, metavar="N", help="threads that share convolutions (default: 1)"
    )
    parser.add_argument(
        "--processes", type=options.positive, metavar="N",
        help="processes on this machine that share every batch, with one thread each; needs the extra mpi (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--distributed", action="store_true",
        help="train together with the other processes that mpiexec started, as in: mpiexec -n 8 autograd-cnn train "
        "--distributed; rank 0 alone prints and writes",
    )  # fmt: skip
    parser.add_argument(
        "--sync-batch-norm", action="store_true",
        help="with several processes, use batch norm statistics of the whole batch, not of each one's share",
    )  # fmt: skip
    options.add_max_pixels(parser)
    options.add_out(parser)
    _add_checkpoints(parser.add_argument_group("stopping and resuming"))
    defaults = {name: parser.get_default(name) for name in _KEPT}
    parser.set_defaults(run=functools.partial(run, defaults=defaults))


def add_settings(parser: Any) -> None:
    """Add the options that decide the outcome of a training; `settings_of` reads them."""
    options.add_data(parser)
    parser.add_argument("--gray", action="store_true", help="read colour images in grey")
    options.add_model(parser)
    parser.add_argument("--depth", type=options.positive, metavar="N", help="for resnet: 8, 14 or 20 (default: 14)")
    _add_recipe(parser.add_argument_group("how to train"))
    _add_evaluation(parser.add_argument_group("what to evaluate on the way"))
    options.add_skip_bad(parser)
    parser.add_argument("--seed", type=options.whole_number, metavar="N", help="seed of every random draw (default: 0)")


def _add_recipe(group: Any) -> None:
    group.add_argument(
        "--epochs", type=options.positive, metavar="N",
        help="total epochs (default: 25 for resnet; else 60 on digits, 3 on mnist, 10 on others)",
    )  # fmt: skip
    group.add_argument(
        "--batch-size", type=options.positive, metavar="N", help="images a step (default: 32; 64 for resnet)"
    )
    group.add_argument(
        "--optimizer", metavar="NAME",
        help="adam, adamw, rmsprop, adagrad, momentum (0.9) or sgd (Nesterov's momentum, 0.9) (default: adam; sgd for "
        "resnet)",
    )  # fmt: skip
    group.add_argument(
        "--lr", type=options.above_zero, metavar="X",
        help="the highest learning rate (default: 0.001 for rmsprop, 0.002 for adam and adamw, 0.02 for the others; "
        "0.1 for resnet)",
    )  # fmt: skip
    group.add_argument(
        "--schedule", metavar="NAME",
        help="learning rate schedule: cosine (down to 0), constant, one-cycle, step (a tenth at 50 %% and 75 %%) or "
        "warm-up (over 10 %%, then cosine) (default: cosine; one-cycle for resnet)",
    )  # fmt: skip
    group.add_argument(
        "--weight-decay", type=options.at_least_zero, metavar="X",
        help="how strongly each step pulls the weights to 0 (default: 0.01 for adamw, 0.0005 for resnet, else 0)",
    )  # fmt: skip
    group.add_argument(
        "--clip-norm", type=options.above_zero, metavar="X",
        help="scale the gradients down if their norm is larger (default: never)",
    )  # fmt: skip
    group.add_argument(
        "--augment", action=argparse.BooleanOptionalAction,
        help="shift, rotate and scale the training images at random, and crop and mirror those in colour (default: on "
        "digits, and on colour)",
    )  # fmt: skip
    group.add_argument(
        "--label-smoothing", type=options.share, metavar="X",
        help="how much of each label to share among all classes (default: 0.05 on digits, 0.1 for resnet, else 0)",
    )  # fmt: skip


def _add_evaluation(group: Any) -> None:
    group.add_argument(
        "--validation", type=options.share, metavar="X",
        help="hold out this share of the training images, keep the weights that do best on them in best.safetensors, "
        "and test those (default: 0)",
    )  # fmt: skip
    group.add_argument(
        "--patience", type=options.positive, metavar="N",
        help="stop after N epochs without a lower validation loss (implies --validation 0.1)",
    )  # fmt: skip
    group.add_argument(
        "--test-every-epoch", action="store_true", help="look at the test images after every epoch, to draw their curve"
    )


def _add_checkpoints(group: Any) -> None:
    group.add_argument(
        "--resume", type=Path, metavar="DIR",
        help="resume the run in this folder; its settings are kept, and only --epochs may be changed",
    )  # fmt: skip
    group.add_argument(
        "--checkpoint-every", type=options.interval, metavar="N", default=(None, None),
        help="also save a checkpoint every N steps, or minutes, as in 10min (default: only after every epoch)",
    )  # fmt: skip
    group.add_argument(
        "--keep", type=options.whole_number, metavar="K", default=0,
        help="keep the last K checkpoints as checkpoint-STEP.safetensors (default: the last alone)",
    )  # fmt: skip


#: Options that --resume takes from the run itself.
_KEPT = (
    "data", "batch_size", "optimizer", "lr", "schedule", "weight_decay", "clip_norm", "augment", "validation",
    "label_smoothing", "gray", "depth", "patience", "test_every_epoch", "skip_bad", "seed", "threads", "out",
    "sync_batch_norm",
)  # fmt: skip


def run(given: argparse.Namespace, defaults: Mapping[str, Any]) -> int:
    """Train, with a bar, and print the report."""
    if given.processes not in (None, 1) and not given.distributed:
        from autograd_cnn.distributed.launch import launch

        return launch(given.processes, [*given.arguments, "--distributed"])
    if given.distributed:
        return ranks.run(lambda comm, silence: _run(given, defaults, comm, silence))
    _run(given, defaults, None)
    return 0


def _run(
    given: argparse.Namespace,
    defaults: Mapping[str, Any],
    comm: Communicator | None,
    silence: contextlib.ExitStack | None = None,
) -> None:
    from autograd_cnn.distributed import Alone, together
    from autograd_cnn.training.run_folder import hold

    comm = comm or Alone()
    if given.resume and together(lambda: _is_finished(given, defaults), comm):
        return
    folder = given.resume or given.out or options.new_folder(f"{Path(given.data).name}-{Path(given.model).stem}")
    advice = "go on with a copy of the folder" if given.resume else "give another --out"
    with streams.lossy(), contextlib.ExitStack() as held:
        if comm.rank == 0:
            together(lambda: held.enter_context(hold(folder, advice)), comm)
        else:
            together(lambda: None, comm)
        run = together(lambda: _resume(given, comm) if given.resume else _start(given, folder, comm), comm)
        options.show_skipped(run.train, run.test)
        _describe(run)
        if (results := ranks.train(run, lambda: train_with_bar(run), held, silence)) is not None:
            _show_results(run, results)


def _describe(run: Run) -> None:
    s = run.settings
    shape = " × ".join(map(str, run.train.images.shape[1:]))
    held_out = "" if run.validation is None else f", {count(len(run.validation), 'image')} held out for validation"
    print(
        f"{shown(s.model)} on {shown(s.data)}: {count(len(run.train), 'image')}, {shape}, "
        f"{count(len(run.train.class_names), 'class', 'classes')}{held_out}, {count(s.epochs, 'epoch')}, seed {s.seed}"
    )


def train_with_bar(run: Run) -> Results | None:
    """Train to the end, with a bar; return the results, on rank 0."""
    from autograd_cnn.training.progress import training_bar

    if run.comm.rank:
        run.fit()
        return None
    try:
        with training_bar(run.settings.epochs, run.steps, run.history) as bar:
            run.fit(on_step=bar)
            results = run.finish()
            bar.end(f", test {results.summary['test_accuracy']:.1%}")
            return results
    except KeyboardInterrupt:
        if run.history.step_losses:
            step = f"step {len(run.history.step_losses):,} of {run.steps:,}"
            print(f"stopped after {step}; go on with: autograd-cnn train --resume {shown(run.folder)}", file=sys.stderr)
        raise


def _show_results(run: Run, results: Results) -> None:
    summary = results.summary
    print(results.report)
    if run.history.stopped:
        print(f"\nstopped early: {shown(run.history.stopped)}")
    elif run.validation is not None:
        print(f"\nthe weights after epoch {summary['tested_epoch']} are tested, with the lowest validation loss")
    print(
        f"\ntest accuracy {summary['test_accuracy']:.2%}, mean confidence {summary['mean_confidence']:.2%}, "
        f"trained in {summary['seconds']:.1f} s"
    )
    print(shown(f"weights, metrics and pictures are in {run.folder}"))


def settings_of(given: argparse.Namespace) -> Settings:
    """Return the settings that options name, with defaults for the others.

    Raises
    ------
    RunError
        If an optimizer or a schedule is unknown.
    """
    from autograd_cnn.training.settings import OPTIMIZERS, SCHEDULES, Settings

    kept: dict[str, Any] = {
        name: getattr(given, name, None)  # a sweep lacks some of them
        for name in _KEPT
        if name not in ("out", "optimizer", "schedule")
    }
    return Settings.resolve(
        model=given.model,
        epochs=given.epochs,
        optimizer=given.optimizer and _known("--optimizer", given.optimizer, OPTIMIZERS),
        schedule=given.schedule and _known("--schedule", given.schedule, SCHEDULES),
        **kept,
    )


def _start(given: argparse.Namespace, folder: Path, comm: Communicator | None) -> Run:
    from autograd_cnn.training.runs import Run

    return Run.start(settings_of(given), folder, _checkpoints(given), comm)


def _checkpoints(given: argparse.Namespace) -> Checkpoints:
    from autograd_cnn.training.checkpoints import Checkpoints

    steps, minutes = given.checkpoint_every
    return Checkpoints(steps, minutes, given.keep)


def _known(option: str, given: str, known: Mapping[str, Any]) -> str:
    from autograd_cnn.training.errors import RunError

    name = meant(given, known)
    if name not in known:
        raise RunError(
            f"{option} {given!r} is unknown; expected {options.one_of(list(known))}{did_you_mean(given, known)}"
        )
    return name


def _is_finished(given: argparse.Namespace, defaults: Mapping[str, Any]) -> bool:
    """Check the options with --resume, and tell whether the run is finished; if so, print that."""
    from autograd_cnn.training.run_results import tested_epochs
    from autograd_cnn.training.saved_state import SavedState

    options.refuse_with_resume(given, defaults)
    state = SavedState.read(given.resume)
    done, stopped = len(state.history.epochs), state.history.stopped
    asked = given.epochs or state.settings.epochs
    if tested_epochs(given.resume) != done or (done < asked and not stopped) or asked < done:
        return False
    why = f", where it stopped early: {stopped}" if stopped else f"; --epochs {done + 1} or more goes on with it"
    print(shown(f"{given.resume} is finished: it has run {count(done, 'epoch')}{why}"))
    return True


def _resume(given: argparse.Namespace, comm: Communicator | None) -> Run:
    from autograd_cnn.training.runs import Run

    model = None if given.model == "lenet5" else given.model
    return Run.resume(given.resume, given.epochs, _checkpoints(given), model, comm)
