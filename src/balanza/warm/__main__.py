"""Runs a verb and writes what it cost: in the warm process of the run where there is one, else in this process.

    python -m balanza.warm --cost FILE VERB ...

prints, writes and ends as `python -m balanza VERB ...` does. It imports next to nothing, since it starts once a job.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import time

from balanza.warm.protocol import COLD, ENVIRONMENT, LOST, receive, send_request

Ended = tuple[int, float, int]
"""Exit code, CPU seconds and peak KiB."""


def main(words: list[str]) -> int:
    """Run the verb, and return its exit code."""
    cost, words = (words[1], words[2:]) if words[:1] == ["--cost"] else (None, words)
    began = time.monotonic()
    code, seconds, kibibytes = _warm(words) or _cold(words)
    if cost:
        row = f"{time.monotonic() - began:.3f}\t{seconds:.3f}\t{kibibytes / 1024:.1f}"
        _write(cost, f"verb\twall_seconds\tcpu_seconds\tpeak_mib\n{words[0]}\t{row}\n")
    return code


def _warm(words: list[str]) -> Ended | None:
    """Have the warm process do it; None where no warm process takes the job."""
    path = os.environ.get(ENVIRONMENT)
    if not path:
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(path)
            send_request(connection, {"words": words, "folder": os.getcwd(), "environment": dict(os.environ)})
            answer = receive(connection)
        except OSError:
            return None
    if answer == COLD:
        return None
    if not answer:
        print(f"error: {LOST}", file=sys.stderr)
        return 1, 0.0, 0
    code, seconds, kibibytes = json.loads(answer)
    return code, seconds, kibibytes


def _cold(words: list[str]) -> Ended:
    from balanza.warm.job import run

    code = run(words)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return code, sum(one.ru_utime + one.ru_stime for one in used), max(one.ru_maxrss for one in used)


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
