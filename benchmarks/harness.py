"""Run a contender in a process of its own, on one thread and under limits, and see what it took."""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import panel
from benchmarks.tasks import Contender, Task

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("OMP", "OPENBLAS", "MKL", "NUMBA", "RAYON")
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in LIBRARIES} | {"POLARS_MAX_THREADS": "1"}
MEMORY_SIGNS = ("MemoryError", "Unable to allocate", "bad_alloc", "memory allocation", "Cannot allocate memory")
GIB = 2**30


@dataclass(frozen=True)
class Limit:
    """What a contender may take: GiB of address space and CPU seconds."""

    gib: float = 6.0
    seconds: int = 300


@dataclass(frozen=True)
class Outcome:
    """`status` is ok or why there is no answer, `told` what the process wrote, seconds those of the whole process."""

    status: str
    cpu_seconds: float
    wall_seconds: float
    told: dict[str, Any]


def watch(command: Sequence[str], limit: Limit) -> Outcome:
    """Run a command that writes one line of JSON; where it does not, say whether memory, time or an error ended it."""
    before, started = _children_seconds(), time.perf_counter()
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        preexec_fn=lambda: _limit(limit),
    )
    told = done.stdout.splitlines()
    status = _status(done.returncode, done.stderr, limit) if done.returncode or not told else "ok"
    figures = json.loads(told[-1]) if status == "ok" else {}
    return Outcome(status, _children_seconds() - before, time.perf_counter() - started, figures)


def child(task: Task, contender: Contender, size: panel.Size) -> dict[str, Any]:
    """Do the task in this process; `fit_seconds` leave imports and the making of the panel out."""
    warnings.simplefilter("ignore")
    for name in contender.imports:
        importlib.import_module(name)
    imports = _peak()
    data = panel.frame(size, task.columns)
    started = time.process_time()
    value = contender.run(data)
    seconds = time.process_time() - started
    return {
        "version": version(contender.package),
        "fit_seconds": seconds,
        "peak_mib": _peak(),
        "import_mib": imports,
        "value": value,
    }


def installed(contender: Contender) -> str:
    """The version of a contender that could not tell it itself, empty where it lives elsewhere."""
    return "" if contender.apart else version(contender.package)


def _limit(limit: Limit) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (int(limit.gib * GIB),) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (limit.seconds, limit.seconds + 1))


def _status(code: int, errors: str, limit: Limit) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"no answer in {limit.seconds} CPU s" if code == -signal.SIGXCPU else "killed"
    if any(sign in errors for sign in MEMORY_SIGNS):
        return f"out of memory at {limit.gib:g} GiB"
    lines = errors.strip().splitlines() or [f"ended with {code}"]
    return f"failed: {lines[-1][:80]}"


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _peak() -> float:
    """Peak MiB of resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
