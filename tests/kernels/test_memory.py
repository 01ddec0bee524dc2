"""Freed memory that stays with the process, in processes of their own."""

import os
import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
import autograd_cnn as ac

def step():
    arrays = [np.ones(200_000) for _ in range(10)]  # 16 MB, freed at the end

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment):
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_step_reuses_the_memory_of_the_last_one():
    assert faults() < 500
    assert faults(AUTOGRAD_CNN_KEEP_MEMORY="0") > 5 * 2000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_returned_when_asked():
    code = """
import numpy as np
from pathlib import Path
from autograd_cnn import kernels

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

arrays = [np.ones(1_000_000) for _ in range(10)]
kept = np.ones(10)
del arrays
before = resident()
kernels.return_freed_memory()
print(before - resident())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 40_000_000


def test_another_c_library_is_left_alone(monkeypatch):
    from autograd_cnn.kernels import memory

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    assert not memory.keep_freed_memory()
    memory.return_freed_memory()
