"""The warm process of a run: it imports once, and forks for each job; the run starts it, and it ends with the run.

A job runs in a child with the streams, folder and environment of whoever asked; if that one goes, the child goes too.
Code that changed since it was imported is never used: the job is sent back, to start in a process of its own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from balanza.provenance import remember
from balanza.warm import job
from balanza.warm.protocol import COLD, receive_request, send

LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.sparse.csgraph",
    "scipy.special",
    "scipy.stats",
)
PACKAGES = ("kernels", "estimators", "checks", "verbs", "panel", "sources", "graph")
PATIENCE = 10.0
FILES = 65536
_INSTALLED = {str(Path(prefix).resolve() / "lib") for prefix in (sys.prefix, sys.base_prefix)}
Stamp = tuple[int, int]


def preload() -> None:
    """Import what most jobs need; what cannot be imported is met, and named, by the job that needs it."""
    import balanza
    from balanza.registry import registry

    for name in (*LIBRARIES, "balanza.__main__"):
        importlib.import_module(name)
    for package in PACKAGES:
        for module in pkgutil.iter_modules([str(Path(balanza.__path__[0]) / package)], f"balanza.{package}."):
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(module.name)
    registry("estimators"), registry("checks")
    importlib.import_module("balanza.__main__").command()
    # Only what is imported: an edit of these files is noticed, and ends the use of all that is held here.
    remember([name for name in sys.modules if name.partition(".")[0] == "balanza"])
    gc.freeze()


def sources() -> dict[str, Stamp]:
    """Time and size of every imported file that somebody may edit."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    own = {path for path in files if path and not any(str(Path(path).resolve()).startswith(at) for at in _INSTALLED)}
    return {path: _stamp(path) for path in sorted(own)}


def _stamp(path: str) -> Stamp:
    try:
        found = Path(path).stat()
    except OSError:
        return 0, -1
    return found.st_mtime_ns, found.st_size


class Server:
    """Takes jobs at a socket until its parent is gone or it is told to end."""

    def __init__(self, path: Path, listener: socket.socket) -> None:
        self.parent, self.path, self.listener = os.getppid(), path, listener
        self.jobs: dict[int, socket.socket] = {}
        self.selector = selectors.DefaultSelector()
        self.ended = False

    def serve(self) -> None:
        """Take jobs; jobs that still run at the end are ended too."""
        wake, waker = os.pipe()
        for end in (wake, waker):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        began = time.time_ns()
        preload()
        # What was written since may be newer than what was imported: no stamp will ever equal this one.
        self.loaded = {path: stamp if stamp[0] < began else None for path, stamp in sources().items()}
        self.selector.register(self.listener, selectors.EVENT_READ, "job")
        self.selector.register(wake, selectors.EVENT_READ, "child")
        while not self.ended and os.getppid() == self.parent:
            for key, _ in self.selector.select(timeout=1.0):
                if key.data == "job":
                    self._take()
                elif key.data == "child":
                    os.read(wake, 4096)
                else:
                    self._gone(key.data)
            self._reap()
        for process in self.jobs:
            _end_group(process)
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.ended = True

    def _take(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(PATIENCE)
        try:
            asked = receive_request(connection)
            if asked is None:
                connection.close()
                return
            request, streams = asked
            if any(_stamp(path) != stamp for path, stamp in self.loaded.items()):
                send(connection, COLD)
                connection.close()
            else:
                self._fork(connection, request, streams)
            for stream in streams:
                os.close(stream)
        except OSError:
            connection.close()

    def _fork(self, connection: socket.socket, request: dict[str, Any], streams: list[int]) -> None:
        process = os.fork()
        if process:
            self.jobs[process] = connection
            self.selector.register(connection, selectors.EVENT_READ, process)
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            code = _run(request, streams)
        finally:  # the child must never return into the loop of its parent
            os._exit(code)

    def _gone(self, process: int) -> None:
        """Whoever asked is gone."""
        self.selector.unregister(self.jobs[process])
        _end_group(process)

    def _reap(self) -> None:
        while self.jobs:
            process, status, used = os.wait4(-1, os.WNOHANG)
            if not process:
                return
            connection = self.jobs.pop(process)
            with contextlib.suppress(KeyError):
                self.selector.unregister(connection)
            code = os.waitstatus_to_exitcode(status)
            code = code if code >= 0 else 128 - code
            with contextlib.suppress(OSError), connection:
                send(connection, json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss]).encode())


def _run(request: dict[str, Any], streams: list[int]) -> int:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for stream, place in zip(streams, (0, 1, 2), strict=True):
        os.dup2(stream, place)
    os.closerange(3, FILES)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    return job.run(request["words"])


def _end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGTERM)


if __name__ == "__main__":
    Server(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))).serve()
