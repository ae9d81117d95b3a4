"""Reads Snakemake's own log of a run: which jobs began, ended, were tried again or failed.

The log is written for people; where a line is not as expected it is passed over, and no count is made up from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

CLOCK = "%a %b %d %H:%M:%S %Y"
CHECK = " (check log file(s) for error details)"
_CLOCK = re.compile(r"^ *\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]")
_TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)
_BEGUN = re.compile(r"^ *Job (\d+): (.+)$")
_DONE = re.compile(r"^Finished jobid: (\d+) ")
_AGAIN = re.compile(r"^Trying to restart job \S+\.")
_SUBMITTED = re.compile(r"^Job \S+ has been submitted with SLURM jobid \d+")
_ERROR = re.compile(r"^ *Error in rule (\w+):$")


@dataclass
class Failure:
    """A job that failed: its rule, its number in the run, and its log files."""

    rule: str
    job: int
    logs: list[Path]


@dataclass
class Run:
    """One run as its log tells it; times are those of the machine that ran it."""

    command: str = ""
    host: str = ""
    began: datetime | None = None
    last: datetime | None = None
    total: int = 0
    names: dict[int, str] = field(default_factory=dict)
    begun: dict[int, datetime | None] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)
    tried_again: int = 0
    submitted: int = 0
    failures: dict[int, Failure] = field(default_factory=dict)
    ended: bool = False

    @property
    def failed(self) -> list[Failure]:
        """Jobs whose last attempt failed."""
        return [one for job, one in sorted(self.failures.items()) if job not in self.done]

    @property
    def running(self) -> list[int]:
        """Jobs that began and neither ended nor failed, or wait in the queue of a cluster."""
        return [job for job in self.begun if job not in self.done]

    @property
    def seconds_left(self) -> float | None:
        """How long the rest will take if it goes on at the pace of what is done; None where nothing is known."""
        if not (self.done and self.began and self.last and self.total):
            return None
        passed = (self.last - self.began).total_seconds()
        return passed / len(self.done) * max(self.total - len(self.done), 0)


def newest(folder: Path) -> Path | None:
    """The log of the last run that was started in a folder."""
    logs = sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"))
    return logs[-1] if logs else None


def read(path: Path) -> Run:
    """Read a log, whole or of a run that goes on."""
    text = path.read_text(encoding="utf-8", errors="replace")
    run, clock = Run(), None
    run.host, run.command = (_head(text, key) for key in ("Host", "Command"))
    found = _TOTAL.search(text)
    run.total = int(found.group(1)) if found else 0
    lines = iter(text.splitlines())
    for line in lines:
        if match := _CLOCK.match(line):
            clock = datetime.strptime(match.group(1), CLOCK)
            run.began, run.last = run.began or clock, clock
        elif match := _BEGUN.match(line):
            job = int(match.group(1))
            run.names[job], run.begun[job] = match.group(2), clock
            run.failures.pop(job, None)  # it is tried again
        elif match := _DONE.match(line):
            run.done.add(int(match.group(1)))
        elif _AGAIN.match(line):
            run.tried_again += 1
        elif _SUBMITTED.match(line):
            run.submitted += 1
        elif match := _ERROR.match(line):
            _failed(run, match.group(1), lines)
        elif line.startswith(("Complete log", "Nothing to be done")):
            run.ended = True
    return run


def _head(text: str, key: str) -> str:
    found = re.search(rf"^  {key}: (.+)$", text, re.MULTILINE)
    return found.group(1) if found else ""


def _failed(run: Run, rule: str, lines: Iterator[str]) -> None:
    """Take in the lines on one job that failed: its number and, last of what is of use, its log files."""
    job, logs = -1, []
    for line in lines:
        key, _, value = line.strip().partition(": ")
        if key == "jobid":
            job = int(value)
        elif key == "log":
            logs = [Path(name) for name in value.removesuffix(CHECK).split(", ")]
            break
        elif key not in {"message", "input", "output"}:
            break
    if job >= 0:
        run.failures[job] = Failure(rule, job, logs)
        run.begun.pop(job, None)
