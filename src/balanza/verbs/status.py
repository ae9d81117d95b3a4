"""Say what the last run has done, does now and could not do, and why, in plain words."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from balanza.progress import span
from balanza.provenance import read_json
from balanza.status import log

LAST_LINES = 5
MOST = 20
"""Jobs that are named one by one, at most."""


def run(folder: Path) -> list[str]:
    """The lines that tell of the last run in a folder, and of the results that lie there.

    Parameters
    ----------
    folder : Path
        Where `snakemake` was started: the folder of the Snakefile.
    """
    path = log.newest(folder)
    if path is None:
        told = [f"No run was started in {folder.resolve()} yet: `snakemake` starts one."]
    else:
        told = [*_of_run(log.read(path), folder), f"The whole log: {path}"]
    return told + [line for world in sorted((folder / "results").glob("*")) for line in _of_results(world)]


def _of_run(run: log.Run, folder: Path) -> Iterator[str]:
    began = f"{run.began:%Y-%m-%d %H:%M:%S}" if run.began else "an unknown time"
    words = run.command.partition(" ")[2]
    yield f"The run of {began}, `snakemake{' ' if words else ''}{words}`"
    state = _state(run, folder)
    yield f"  {state}"
    if not run.total:
        yield "  Done: nothing was to be done, or the log ends before the plan of jobs."
        return
    left = run.seconds_left if state.startswith("It goes on") else None
    pace = f"; at the pace so far about {span(left)} more" if left is not None else ""
    yield f"  Done: {len(run.done):,} of {run.total:,} jobs{pace}."
    if run.submitted:
        yield f"  Sent to Slurm: {run.submitted:,} jobs, of which each may do several of these."
    if run.tried_again:
        yield f"  Tried again: {run.tried_again:,} times, since a job failed or its node died."
    if run.running:
        stopped = not state.startswith("It goes on")
        yield f"  {'Cut off' if stopped else 'Running, or waiting in the queue'}: {len(run.running):,} jobs."
        yield from (f"    {run.names[job]}, since {run.begun[job]:%H:%M:%S}" for job in run.running[:MOST])
    yield from _of_failures(run, folder)


def _state(run: log.Run, folder: Path) -> str:
    if run.ended:
        return "It has ended, and some jobs failed." if run.failed else "It has ended."
    alive = _alive(run.host, folder)
    if alive is None:
        return f"It goes on, or was cut off: it ran on {run.host}, and cannot be seen from {socket.gethostname()}."
    if alive:
        return "It goes on."
    return "It was cut off in the middle. `make resume` takes its lock away and goes on where it stopped."


def _alive(host: str, folder: Path) -> bool | None:
    """Whether a Snakemake is at work in the folder; None where that cannot be known."""
    if host != socket.gethostname() or not Path("/proc/self/cmdline").exists():
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            if b"snakemake" in words and (process / "cwd").resolve() == folder.resolve():
                return True
    return False


def _of_failures(run: log.Run, folder: Path) -> Iterator[str]:
    """Each failed job with the last lines of its log; those of a group that only went down with others in one line."""
    silent: Counter[str] = Counter()
    if run.failed:
        yield f"  Failed: {len(run.failed):,} jobs. Mend what they say, and start the run again: it goes on from there."
    for failure in run.failed:
        words = [line for path in failure.logs if path.suffix == ".log" for line in _last(folder / path)]
        if not words:
            silent[failure.rule] += 1
            continue
        yield f"    {run.names.get(failure.job, failure.rule)} (rule {failure.rule}, {failure.logs[0]}):"
        yield from (f"      {line}" for line in words)
    for rule, count in sorted(silent.items()):
        yield (
            f"    {count:,} of rule {rule} without a word of their own: their node died, they were ended for time or"
            " memory, or another job of their group failed. See .snakemake/slurm_logs."
        )


def _last(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
    except OSError:
        return []


def _of_results(world: Path) -> Iterator[str]:
    """What lies in the results of a world, whichever run made it."""
    found = sorted(world.glob("studies/*/estimates/*.json")) + sorted(world.glob("studies/*/checks/*.json"))
    if not found:
        return
    counts: Counter[tuple[str, str]] = Counter()
    broken = []
    for path in found:
        with suppress(OSError, ValueError):
            values = read_json(path)
            kind = path.parent.name
            counts[kind, values["status"]] += 1
            if values["status"] == "failed":
                broken.append(f"    {path.relative_to(world)}: {values['reason']}")
    studies = len({path.parents[1] for path in found})
    page = "the report is there" if (world / "index.html").is_file() else "no report yet"
    yield f"{world}: {studies} studies, {page}."
    for kind in ("estimates", "checks"):
        parts = [f"{count:,} {status}" for (one, status), count in sorted(counts.items()) if one == kind]
        if parts:
            yield f"  {kind.capitalize()}: {', '.join(parts)}."
    if broken:
        yield "  Failed inside, recorded as results, and shown in the report:"
        yield from broken
