"""One process of the fuzzing: it reads damaged files one after another, and says what was wrong with any of them."""

import contextlib
import json
import os
import re
import signal
import sys
import traceback
import warnings
from pathlib import Path

from autograd_cnn.output.text import shown

MEMORY = 256 * 2**20  # bytes above those of reading whole files
SECONDS = 5  # of processor time: the machine may be busy

#: What starts a program, reaches out, or runs what a file says.
FORBIDDEN = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile",
    "socket.connect", "socket.getaddrinfo", "ctypes.dlopen", "pickle.find_class", "webbrowser.open",
}  # fmt: skip


def finding(loader, path, ran=()):
    """Return what is wrong with how a loader takes a file, or None, and whether the file was accepted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loader.load(path)
    except loader.errors as error:
        text = str(error)
        if text != shown(text):
            return f"the error is not one plain line: {text!r}", False
        if str(path) not in text and str(path.parent) not in text:
            return f"the error does not name the file: {text}", False
    except Exception:  # noqa: BLE001 -- whatever it is, it is what is looked for
        return traceback.format_exc(), False
    else:
        return (f"it did {sorted(set(ran))}" if ran else None), True
    return (f"it did {sorted(set(ran))}" if ran else None), False


class Memory:
    """The most memory that this process has had at once, in bytes, since it was last asked to forget it."""

    def __init__(self):
        self.base = self._read("VmRSS")

    @staticmethod
    def _read(field):
        try:
            return 1024 * int(re.search(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())[1])
        except OSError:  # a system without /proc counts the whole life of the process
            import resource

            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def peak(self):
        """Return the bytes above the base, and begin anew."""
        peak = self._read("VmHWM") - self.base
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        return peak


def work(loader, folder, seed, first, last):
    """Read the damaged files from `first` to before `last`, and print a line of JSON for each."""
    path = Path(folder, loader.file)
    for whole in loader.seeds():
        path.write_bytes(whole)
        finding(loader, path)  # all that is imported late
    ran = []
    sys.addaudithook(lambda event, _: ran.append(event) if event in FORBIDDEN else None)
    memory = Memory()
    memory.peak()
    for index in range(first, last):
        content = loader.case(seed, index)
        path.write_bytes(content)
        memory.peak()
        print(json.dumps({"index": index}), flush=True)
        ran.clear()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # SIGPROF ends the process, in C code too
        wrong, accepted = finding(loader, path, ran)
        signal.setitimer(signal.ITIMER_PROF, 0)
        peak = memory.peak()
        if peak > MEMORY and not wrong:
            wrong = f"it took {peak / 2**20:.0f} MiB above the base"
        print(json.dumps({"index": index, "wrong": wrong, "accepted": accepted, "peak": peak}), flush=True)
    os._exit(0)
