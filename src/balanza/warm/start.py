"""Starts the warm process of a run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from balanza.warm.protocol import ENVIRONMENT


def start() -> None:
    """Start the warm process, and tell jobs where it is; it ends with the process that called this.

    Jobs that come before it is ready wait for it. Where the system knows no such sockets, jobs start on their own.
    """
    if not hasattr(socket, "AF_UNIX"):
        return
    path = Path(tempfile.mkdtemp(prefix="balanza-")) / "jobs"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        place = listener.fileno()
        command = [sys.executable, "-m", "balanza.warm.server", str(path), str(place)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[place])  # noqa: S603 - our own words
    os.environ[ENVIRONMENT] = str(path)
