"""Mutation testing: plant one small fault after another in the package, and see whether a test fails.

    pip install -e ".[test,mutation]"
    python -m tests.mutation                            every mutant of every module: hours
    python -m tests.mutation --sample 200 --seed 1      so many, drawn at random
    python -m tests.mutation optim transforms           of these modules

Cosmic Ray makes the mutants, and two operators more: a statement that is there for its effect, an error among them, is
left out; `+=` and its like become another. A mutant is imported in place of its module, in a process forked from one
that has imported NumPy and pytest already; no file is changed. The tests that run the changed line come first, the
fastest of them and one of each kind foremost, then the others of the module; the first failure ends it. A mutant that
takes ten times as long as the tests do is killed too. PyTorch and ONNX are not asked, so that the score is the same
without them.

What could change no result is no mutant: annotations and types, marks in signatures, the texts of errors, the sizes of
caches, `strict` of a `zip` of equal lengths, the thresholds and estimates of work that choose the faster of two ways
(`SPEED`, and what `threads.split` is told), and `is` for `==` and back, which are the same for what is compared here:
None, types and small integers.
"""

import argparse
import ast
import difflib
import faulthandler
import functools
import gc
import importlib
import importlib.util
import json
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "autograd_cnn"
ENVIRONMENT = {
    "HYPOTHESIS_PROFILE": "mutation",
    "MPLBACKEND": "Agg",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
}
#: The tests of each module, in files, folders and by name.
TESTS = {
    "graph": [
        "test_graph.py",
        "test_tensor.py",
        "test_gradient_checkpoint.py",
        "test_anomaly.py",
        "test_transforms.py",
        "test_sharing.py",
        "kernels/test_blas.py",
        "test_overwriting.py::test_the_array_put_in_place_is_of_the_same_shape_and_dtype",
        "test_overwriting.py::test_the_array_put_in_place_is_a_copy",
        "test_overwriting.py::test_a_tensor_may_be_given_its_own_array_backwards",
        "test_overwriting.py::test_a_tensor_may_be_given_its_own_array_transposed",
        "test_overwriting.py::test_a_tensor_may_be_given_anothers_array",
        "test_overwriting.py::test_what_was_overwritten_is_seen_though_others_come_after_it",
        "test_overwriting.py::test_transforms_and_checkpoints_are_held_to_the_same",
    ],
    "variable": ["test_graph.py", "test_tensor.py", "test_overwriting.py", "test_sharing.py"],
    "rules": ["test_graph.py", "test_anomaly.py", "test_primitive.py", "test_transforms.py", "ops/test_properties.py"],
    "recording": ["test_overwriting.py", "test_graph.py", "test_optim.py", "test_gradient_checkpoint.py"],
    "primitive": [
        "test_primitive.py",
        "test_graph.py",
        "test_tensor.py",
        "test_anomaly.py",
        "kernels/test_blas.py",
        "test_mixed_cases.py",
        "test_overwriting.py::test_what_the_caller_changes_afterwards_changes_no_gradient",
        "ops/test_properties.py",
    ],
    "calls": ["ops", "test_tensor.py", "test_primitive.py", "test_numpy_protocol.py"],
    "ops/numpy_protocol": ["test_numpy_protocol.py", "test_tensor.py", "test_mixed_cases.py"],
    "ops/numpy_functions": ["test_numpy_protocol.py", "test_tensor.py", "test_mixed_cases.py"],
    "ops": ["ops", "test_tensor.py", "kernels", "models"],
    "kernels": ["kernels", "ops", "models"],
    "optim": [
        "test_optim.py",
        "test_schedules.py",
        "test_gradient_clipping.py",
        "test_sharing.py",
        "test_docstrings.py",
    ],
    "transforms": ["test_transforms.py", "test_docstrings.py"],
}
#: Tests of tests, which kill nothing that those would not, and of what is not asked.
LEFT_OUT = ("test_a_wrong_rule_is_refused", "test_support_table.py", "test_pytorch.py")
#: Names, by file, that decide how fast a result is had and not which: thresholds, and estimates of work.
SPEED = {
    "kernels/banded.py": {
        *("LARGEST_COLUMNS", "TALLEST_BAND", "GATHER", "SCATTER", "MULTIPLY_ADD", "HALF_SPEED_ROWS"),
        *("_band_rows.columns", "_band_rows.nanoseconds", "_work", "_tile.wide"),
    },
    "kernels/conv.py": {"MOST_PLACES", "FEWEST_FEATURES_TO_TURN", "_turns"},
    "kernels/accumulated.py": {
        *("TALLEST_BAND", "BEGUN", "MOST_ROWS", "MOST_PIECES", "FEWEST_ROWS", "COSTS", "Costs"),
        *("_piece", "_piece_of_a_sum", "_band_rows", "_band_rows_for"),
    },
    "kernels/channelwise.py": {"_BLOCK", "_SUMMED", "_NEAR", "_BUFFER", "_SHORT", "_order"},
    "kernels/gathered.py": {"LARGEST_COPY", "suits.seen"},
    "kernels/im2col.py": {"LARGEST_COLUMNS", "suits.columns"},
    "kernels/layout.py": {"Order._is_theirs"},
    "kernels/memory.py": {"KEPT", "_TRIM_THRESHOLD", "_LARGEST_MMAP_THRESHOLD"},
    "kernels/pool.py": {"_order"},
    "kernels/tiled.py": {"BAND"},
    "kernels/problem.py": {"FEW_IMAGES"},
    "kernels/products.py": {"_UNPACKED", "_NARROWEST"},
    "kernels/rectifier.py": {"_BLOCK", "_SHORT"},
    "kernels/sums.py": {"_SMALL", "_WIDE", "_LANES"},
    "kernels/threads.py": {"SMALLEST_WORK", "PASS"},
}
CACHES = {"lru_cache", "cache", "remembered"}
SAME = {"Is_Eq", "Eq_Is", "IsNot_NotEq", "NotEq_IsNot"}
MEMORY = 4 << 30
IMPORTING = 30  # seconds that it may take to import and collect
NO_TESTS = 5  # what pytest exits with


class Mutant(NamedTuple):
    """The `occurrence`-th place where an operator finds something to change in a file."""

    path: Path
    operator: str
    occurrence: int
    position: tuple[int, int]

    def code(self):
        from cosmic_ray.mutating import mutate_code

        return mutate_code(self.path.read_text(encoding="utf-8"), operators()[self.operator](), self.occurrence)

    def difference(self):
        """Give the lines that differ, and say where."""
        source, mutated = self.path.read_text(encoding="utf-8").splitlines(), self.code().splitlines()
        changed = [line for line in difflib.unified_diff(source, mutated, n=0, lineterm="") if line[:3] not in NO_LINES]
        lines = "\n".join(f"    {line}" for line in changed if not line.startswith("@@"))
        return f"{self.path.relative_to(ROOT)}:{self.position[0]}: {self.operator}\n{lines}"


NO_LINES = ("---", "+++")


def operators():
    """Give the operators that make mutants, by their names."""
    import parso
    from cosmic_ray.operators.operator import Operator
    from cosmic_ray.plugins import get_operator, operator_names

    class RemoveStatement(Operator):
        """Leave out what is done for its effect: a call, an update in place, an error."""

        def mutation_positions(self, node):
            if node.type == "simple_stmt":
                first = node.children[0]
                call = first.type in ("atom_expr", "power") and first.children[-1].get_code().startswith("(")
                if call or first.type == "raise_stmt" or _augmented(first):
                    yield first.start_pos, first.end_pos

        def mutate(self, node, _index):
            first = node.children[0]
            prefix = first.get_first_leaf().prefix
            node.children[0] = parso.python.tree.Keyword("pass", first.start_pos, prefix)
            return node

        @classmethod
        def examples(cls):
            return ()

    class ReplaceAugmented(Operator):
        """Update by another operation."""

        others = {"+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "|=": "&=", "&=": "|="}  # noqa: RUF012

        def mutation_positions(self, node):
            if _augmented(node) and node.children[1].value in self.others:
                yield node.children[1].start_pos, node.children[1].end_pos

        def mutate(self, node, _index):
            node.children[1].value = self.others[node.children[1].value]
            return node

        @classmethod
        def examples(cls):
            return ()

    def _augmented(node):
        return node.type == "expr_stmt" and getattr(node.children[1], "value", "=") != "="

    # Those with arguments replace variables by others, which we have no use for; an operation that does nothing too.
    names = [n for n in operator_names() if n.partition("/")[2] not in ("NoOp", "VariableReplacer", "VariableInserter")]
    theirs = {n.partition("/")[2]: get_operator(n) for n in names if not n.endswith(tuple(f"_{s}" for s in SAME))}
    return theirs | {"RemoveStatement": RemoveStatement, "ReplaceAugmented": ReplaceAugmented}


def mutants(path):
    """Find every mutant of a file that could change a result."""
    from cosmic_ray.ast import ast_nodes, get_ast

    source = path.read_text(encoding="utf-8")
    spans = list(_without_effect(source, SPEED.get(str(path.relative_to(PACKAGE)), set())))
    nodes = list(ast_nodes(get_ast(source)))
    spans += [(n.start_pos, n.end_pos) for n in nodes if n.type == "operator" and n.parent.type == "parameters"]
    found = []
    for name, kind in operators().items():
        operator = kind()
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        found += [Mutant(path, name, i, at) for i, at in enumerate(places) if not any(a <= at < b for a, b in spans)]
    return found


def _without_effect(source, speed):
    """Give where a change has no effect on results, from a position to another."""
    tree, lines = ast.parse(source), [line.encode() for line in source.splitlines()]

    def at(line, column):
        return line, len(lines[line - 1][:column].decode())  # `ast` counts bytes

    def span(node):
        return at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)

    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef():
                yield from (span(a.annotation) for a in ast.walk(node.args) if isinstance(a, ast.arg) and a.annotation)
                yield from ([span(node.returns)] if node.returns else [])
                for decorator in node.decorator_list:
                    if _named(decorator) in CACHES:
                        (line, column), end = span(decorator)
                        yield (line, column - 1), end
                if any(_named(d) == "overload" for d in node.decorator_list):
                    yield (node.decorator_list[0].lineno, 0), span(node)[1]
            case ast.AnnAssign():
                yield span(node.annotation)
            case ast.JoinedStr():
                yield span(node)
            case ast.Raise(exc=ast.Call(args=[first, *_])):
                yield span(first)[0], span(node)[1]
            case ast.If(test=ast.Name("TYPE_CHECKING")):
                yield span(node)
            case ast.Call() if _named(node) in CACHES:
                yield span(node)
            case ast.Call(func=ast.Attribute(ast.Name("threads"), "split"), args=[_, work]):
                yield span(work)
            case ast.keyword(arg="strict"):
                yield span(node)
    yield from (span(node) for name, node in _definitions(tree) if name in speed)
    for node in tree.body:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        aliases = isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp | ast.Subscript)
        if names & speed or (aliases and isinstance(getattr(node.value, "op", ast.BitOr()), ast.BitOr)):
            yield span(node)


def _definitions(tree, inside=""):
    """Give the functions and classes in a tree, and what is assigned in them, by their qualified names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield inside + node.name, node
            yield from _definitions(node, f"{inside}{node.name}.")
        elif isinstance(node, ast.Assign):
            yield from ((inside + target.id, node) for target in node.targets if isinstance(target, ast.Name))


def _named(node):
    """Name what is called: `cache` of `functools.cache` or `cache(…)`."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "attr", getattr(node, "id", None))


# --- running -------------------------------------------------------------------------------------------------------


class Baseline(NamedTuple):
    """What a module's tests take, and which of them run each line of each file."""

    durations: dict[str, float]
    lines: dict[str, dict[int, list[str]]]


class Measure:
    """A plugin of pytest that tells the lines that each test runs, and its time.

    A cache hides who else needs what it holds: each test finds the package's caches empty.
    """

    def __init__(self, coverage):
        self.coverage, self.durations, self.caches = coverage, defaultdict(float), []

    def pytest_collection_modifyitems(self, items):
        items[:] = [item for item in items if getattr(item, "originalname", None) not in LEFT_OUT]
        caches = (x for x in gc.get_objects() if isinstance(x, functools._lru_cache_wrapper))
        self.caches = [cache.cache_clear for cache in caches if cache.__module__.startswith(PACKAGE.name)]
        self.caches += [
            op._plans.clear for op in importlib.import_module(f"{PACKAGE.name}.primitive").registry.values()
        ]

    def pytest_runtest_protocol(self, item):
        for clear in self.caches:
            clear()
        self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logfinish(self):
        self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report):
        self.durations[report.nodeid] += report.duration


class Select:
    """A plugin of pytest that keeps these tests, in this order; one that takes ten times as long ends them all."""

    def __init__(self, order, durations):
        self.rank, self.durations = {test: i for i, test in enumerate(order)}, durations

    def pytest_runtest_protocol(self, item):
        faulthandler.dump_traceback_later(5 + 10 * self.durations[item.nodeid], exit=True, file=2)

    def pytest_collection_modifyitems(self, items):
        items[:] = sorted((item for item in items if item.nodeid in self.rank), key=lambda item: self.rank[item.nodeid])


class Mutated(SourceFileLoader):
    """Load a module from other code than its file holds."""

    def __init__(self, name, path, code):
        super().__init__(name, str(path))
        self.code = code

    def get_code(self, _name):
        return compile(self.code, self.path, "exec", dont_inherit=True)


class Finder:
    """Find a mutant where its module is imported."""

    def __init__(self, path, code):
        self.name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        self.path, self.code = path, code

    def find_spec(self, name, *_):
        if name == self.name:
            return importlib.util.spec_from_file_location(name, self.path, loader=Mutated(name, self.path, self.code))
        return None


def forked(work, log, seconds):
    """Call `work` in a child with its output in a file; give its exit status, or None if it took too long."""
    pid = os.fork()
    if pid == 0:
        os.setsid()  # what it starts itself ends with it
        with open(log, "w") as out:  # noqa: PTH123
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = 70
        try:
            status = work()
        finally:
            sys.stdout.flush()
            os._exit(status)
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.005)


def pytest_of(files, folder, *plugins):
    """Run tests in a child; what they write goes into a folder that its parent's next child empties."""
    import pytest

    os.chdir(folder)
    places = ["--rootdir", str(ROOT), "--basetemp", str(folder / f"tests-{os.getppid()}")]
    return int(
        pytest.main(["-x", "-q", "--tb=short", "-p", "no:cacheprovider", *places, *files], plugins=list(plugins))
    )


def files_of(module):
    found = []
    for name in TESTS[module]:
        path = ROOT / "tests" / name
        found += sorted(path.glob("test_*.py")) if path.is_dir() else [path]
    return [str(path) for path in found if path.name not in LEFT_OUT]


def measure(module, paths, folder):
    """Run a module's tests as they are."""
    result = folder / f"{module}.json"

    def work():
        import coverage

        cov = coverage.Coverage(data_file=None, include=[str(p) for p in paths], config_file=False, branch=False)
        cov.start()
        plugin = Measure(cov)
        status = pytest_of(files_of(module), folder, plugin)
        cov.stop()
        data = cov.get_data()
        lines = {path: data.contexts_by_lineno(path) for path in data.measured_files()}
        for tests in (tests for found in lines.values() for tests in found.values()):
            tests[:] = [test for test in tests if test]  # none while a module is imported
        result.write_text(json.dumps([plugin.durations, lines]), encoding="utf-8")
        return status

    log = folder / f"{module}.log"
    if forked(work, log, 3600) != 0:
        raise SystemExit(
            f"the tests of {module} should pass before they are tried on mutants:\n{log.read_text()[-3000:]}"
        )
    durations, lines = json.loads(result.read_text(encoding="utf-8"))
    return Baseline(durations, {path: {int(n): tests for n, tests in found.items()} for path, found in lines.items()})


def lines_of(path, position):
    """Give the lines that run when the statement at a position does: of a function's head, those of its body."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    around = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno <= position[0] <= n.end_lineno]
    if not around:
        return []
    statement = max(around, key=lambda node: node.lineno)
    body = [] if isinstance(statement, ast.FunctionDef | ast.ClassDef) else getattr(statement, "body", [])
    return range(statement.lineno, body[0].lineno if body else statement.end_lineno + 1)


def in_turn(tests, durations):
    """Order tests by their time, where each further one of a function, with other parameters, counts for longer."""
    turns, cost = Counter(), {}
    for test in sorted(tests, key=durations.get):
        function = test.partition("[")[0]
        turns[function] += 1
        cost[test] = durations[test] * turns[function]
    return sorted(cost, key=cost.get)


def survives(mutant, code, baseline, folder):
    """Tell whether a mutant passes every test of its module."""
    log = folder / f"{os.getpid()}.log"
    by_line = baseline.lines.get(str(mutant.path), {})
    near = {test for line in lines_of(mutant.path, mutant.position) for test in by_line.get(line, ())}
    for chosen in (near, baseline.durations.keys() - near):
        order = in_turn(chosen, baseline.durations)
        if not order:
            continue

        def work(order=order):
            faulthandler.dump_traceback_later(IMPORTING, exit=True, file=2)
            sys.meta_path.insert(0, Finder(mutant.path, code))
            files = dict.fromkeys(str(ROOT / test.partition("::")[0]) for test in order)
            return pytest_of(files, folder, Select(order, baseline.durations))

        # Where a fault leaves none of these tests, none has failed.
        if forked(work, log, 10 + 10 * sum(baseline.durations[test] for test in order)) not in (0, NO_TESTS):
            return False
    return True


def attempt(baselines, folder, chosen):
    """Give a module, a mutant of it, and whether it survives; None for one that is no Python."""
    module, mutant = chosen
    code = mutant.code()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SyntaxWarning)  # `is 1` is no fault that anyone would make
            compile(code, mutant.path, "exec", dont_inherit=True)
    except (SyntaxError, SyntaxWarning):
        return module, mutant, None
    return module, mutant, survives(mutant, code, baselines[module], folder)


def margin(killed, count):
    """Give Wilson's interval of 95 % for the share that is killed of all, of which these are a sample."""
    z, p = 1.96, killed / count
    middle, half = p + z * z / (2 * count), z * math.sqrt(p * (1 - p) / count + z * z / (4 * count**2))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TESTS)}; all of them by default")
    parser.add_argument("--sample", type=int, metavar="N", help="try so many mutants, drawn at random; all by default")
    parser.add_argument("--seed", type=int, default=0, help="what they are drawn by (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="try so many at a time (default %(default)s)")
    options = parser.parse_args(argv)
    if unknown := set(options.modules) - TESTS.keys():
        parser.error(f"no module {sorted(unknown)[0]!r}; expected some of {', '.join(TESTS)}")
    modules = options.modules or list(TESTS)
    files = {
        name: [p for p in sorted((PACKAGE / name).glob("*.py")) if p.name != "__init__.py"] or [PACKAGE / f"{name}.py"]
        for name in modules
    }
    chosen = [(name, mutant) for name in modules for path in files[name] for mutant in mutants(path)]
    print(f"{len(chosen)} mutants of {', '.join(modules)}")
    if options.sample is not None and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)

    os.environ.update(ENVIRONMENT)
    sys.modules.update(dict.fromkeys(("torch", "onnx")))  # as if they were not installed
    import hypothesis.extra.numpy  # noqa: F401 -- once, for every child
    import matplotlib as mpl  # noqa: F401
    import numpy as np  # noqa: F401
    import pytest  # noqa: F401

    counts, killed = Counter(), Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        baselines = {module: measure(module, files[module], folder) for module in {module for module, _ in chosen}}
        with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
            for module, mutant, survived in pool.imap(functools.partial(attempt, baselines, folder), chosen):
                counts[module] += survived is not None
                killed[module] += survived is False
                if survived:
                    print(f"survived: {mutant.difference()}", flush=True)
                if counts.total() % 25 == 0:
                    print(f"{counts.total()} of {len(chosen)} tried", file=sys.stderr, flush=True)
    for module in modules:
        if counts[module]:
            print(f"{module}: {killed[module]} of {counts[module]} killed, {killed[module] / counts[module]:.1%}")
    low, high = margin(killed.total(), counts.total())
    share = killed.total() / counts.total()
    interval = f" ({low:.1%} to {high:.1%} of all, with 95 % confidence)" if options.sample is not None else ""
    print(f"in all: {killed.total()} of {counts.total()} killed, {share:.1%}{interval}")


if __name__ == "__main__":
    main()
