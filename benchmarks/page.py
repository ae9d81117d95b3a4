"""docs/speed.md: budgets, ratios side by side and growth, from the table of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.panel import MONTHLY, Size
from benchmarks.results import Row
from benchmarks.tasks import OWN, Task

PAGE = Path(__file__).resolve().parents[1] / "docs" / "speed.md"
TEN = MONTHLY._replace(units=10 * MONTHLY.units)
UNITS = (MONTHLY, MONTHLY._replace(units=3 * MONTHLY.units), TEN)
PERIODS = (MONTHLY, MONTHLY._replace(periods=2 * MONTHLY.periods))
COHORTS = (MONTHLY._replace(cohorts=10), MONTHLY, MONTHLY._replace(cohorts=80))
GROWTH = (*UNITS, *PERIODS[1:], COHORTS[0], COHORTS[2])
HEAD = f"""\
<!-- Written by `python -m benchmarks --page` from benchmarks/results.csv: change those, not this one. -->
# Speed and memory

`make benchmarks` measures all of this anew and prints it. The panel is synthetic, drawn from one seed:
{MONTHLY.text} of an absorbing treatment, a quarter of the units never treated, a dose for
three quarters of them. Each contender does a task once, in a process of its own, one after another, on one thread.

- **CPU s** are user and system seconds of the whole process, imports and the making of the panel included; **fit s**
  leave those two out (a package that loads its parts late pays for them here). Time by the clock is not kept: the
  machine had other work. That work also disturbs CPU seconds, by some tens of per cent: read the ratios.
- **MiB** is the peak of resident memory of the whole process.
- **x** is a contender's figure over Balanza's for the same task: above 1, Balanza took less.
- **Value** is each one's own overall effect; where averages are defined alike they agree.
- Who asks for more address space or CPU seconds than the limit is said to, with the seconds it took by then.
"""
AFTER_BUDGETS = """
A verdict is that of one measurement. Tasks without a line on ten times the units were not measured there. The times of
`make reproduce`, of the tests and of the real data are no part of this table."""
COLUMNS = ("task", "contender", "CPU s", "x", "fit s", "MiB", "x", "value", "remark")


class Budget(NamedTuple):
    """A figure of the table and what it may be at most."""

    what: str
    figure: Callable[[Rows], float | None]
    most: float


class Rows:
    """Rows of the table, to be asked for by task, contender and size."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = {row.key: row for row in rows}

    def find(self, task: str, contender: str = OWN, size: Size = MONTHLY) -> Row | None:
        return self._rows.get((task, contender, size))

    def figure(self, name: str, task: str, contender: str = OWN, size: Size = MONTHLY) -> float | None:
        """One figure, None where it was not measured, infinite where this package had no answer."""
        row = self.find(task, contender, size)
        if row and not row.ok:
            return math.inf if contender == OWN else None
        return getattr(row, name) if row else None

    def seconds(self, task: str, size: Size = MONTHLY) -> float | None:
        """CPU seconds of the fit."""
        return self.figure("fit_seconds", task, size=size)

    def memory(self, task: str, size: Size = MONTHLY) -> float | None:
        """Peak MiB beyond what the imports take."""
        peak, imports = (self.figure(name, task, size=size) for name in ("peak_mib", "import_mib"))
        return peak if peak is None or imports is None or math.isinf(peak) else peak - imports


def write(tasks: Iterable[Task], rows: Iterable[Row]) -> None:
    """Write the page."""
    PAGE.write_text(text(tasks, rows), "utf-8")


def text(tasks: Iterable[Task], rows: Iterable[Row]) -> str:
    """The page in Markdown."""
    given, found = list(tasks), Rows(rows)
    parts = [
        HEAD,
        "## Budgets\n",
        *_budgets(given, found),
        AFTER_BUDGETS,
        "\n## Tasks\n",
        *(f"- `{task.name}`: {task.what}." for task in given),
        f"\n## Side by side: {MONTHLY.text}\n",
        *_side_by_side(given, found, MONTHLY),
        f"\n## Side by side: {TEN.text}\n",
        *_side_by_side(given, found, TEN),
        "\n## Growth\n",
        "Fit s and MiB beyond the imports, of Balanza alone. The exponent is the slope of the logarithm of a figure on"
        " that\nof the number of units: 1 is linear.\n",
        *_growth(given, found),
    ]
    return "\n".join(parts) + "\n"


def line(row: Row, own: Row | None) -> str:
    """One result for the terminal."""
    start = f"{row.task:18} {row.contender:22} {row.version:8} {row.units:6} x {row.periods:3} / {row.cohorts:2}"
    if not row.ok:
        return f"{start} {row.status} ({row.cpu_seconds:.1f} CPU s)"
    seconds, mib = ("", "") if row is own else (_text(ratio, "x") for ratio in _ratios(row, own))
    return f"{start} {row.cpu_seconds:8.2f} CPU s {seconds:>6} {_text(row.peak_mib):>7} MiB {mib:>6}"


def _budgets(tasks: Sequence[Task], rows: Rows) -> list[str]:
    lines = ["| what | at most | measured | |", "|---|---|---|---|"]
    grown = [budget for task in tasks if rows.find(task.name, size=TEN) for budget in _tenfold(task.name)]
    for budget in (*BUDGETS, *grown):
        figure = budget.figure(rows)
        verdict = "not measured" if figure is None else "met" if figure <= budget.most else "**not met**"
        lines.append(_cells([budget.what, _text(budget.most), _text(figure), verdict]))
    return lines


def _side_by_side(tasks: Sequence[Task], rows: Rows, size: Size) -> list[str]:
    lines = [_cells(COLUMNS), _cells(["---"] * len(COLUMNS))]
    for task in tasks:
        own = rows.find(task.name, size=size)
        found = [row for name in task.contenders if (row := rows.find(task.name, name, size))]
        lines += [_row(row, own, task.contenders[row.contender].note) for row in found]
    return lines


def _row(row: Row, own: Row | None, note: str) -> str:
    seconds, mib = (None, None) if row is own else _ratios(row, own)
    figures = [row.cpu_seconds, seconds, row.fit_seconds, row.peak_mib, mib]
    value = "–" if row.value is None else f"{row.value:.4g}"
    remark = "; ".join(filter(None, [note, "" if row.ok else row.status]))
    return _cells([f"`{row.task}`", f"{row.contender} {row.version}", *map(_text, figures), value, remark])


def _cells(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _growth(tasks: Sequence[Task], rows: Rows) -> list[str]:
    lines = [
        "| task | | units x 1, 3, 10 | exponent | periods x 1, 2 | cohorts 10, 40, 80 |",
        "|---|---|---|---|---|---|",
    ]
    for task in tasks:
        for name, figure in (("fit s", rows.seconds), ("MiB", rows.memory)):
            series = [[figure(task.name, size) for size in sizes] for sizes in (UNITS, PERIODS, COHORTS)]
            if any(value is not None for value in series[0][1:] + series[1][1:]):
                cells = [", ".join(map(_text, values)) for values in series]
                lines.append(_cells([f"`{task.name}`", name, cells[0], _exponent(series[0]), *cells[1:]]))
    return lines


def _exponent(values: Sequence[float | None]) -> str:
    pairs = zip(UNITS, values, strict=True)
    known = [(math.log(size.units), math.log(value)) for size, value in pairs if value and math.isfinite(value)]
    return f"{np.polyfit(*zip(*known, strict=True), 1)[0]:.2f}" if len(known) > 1 else "–"


def _ratios(row: Row, own: Row | None) -> list[float | None]:
    if own is None or not (row.ok and own.ok):
        return [None, None]
    return [_over(row.cpu_seconds, own.cpu_seconds), _over(row.peak_mib, own.peak_mib)]


def _over(top: float | None, bottom: float | None) -> float | None:
    return None if top is None or not bottom else top / bottom


def _text(value: float | None, unit: str = "") -> str:
    """Three digits, all digits of whole numbers, and a dash for what is not there."""
    if value is None or math.isinf(value):
        return "–" if value is None else "no answer"
    return (f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}") + unit


def _taken(what: str, task: str, seconds: float, mib: float) -> tuple[Budget, Budget]:
    """Seconds and memory of one task on the monthly panel."""
    return (
        Budget(f"{what}: CPU s", lambda rows: rows.figure("cpu_seconds", task), seconds),
        Budget(f"{what}: MiB", lambda rows: rows.figure("peak_mib", task), mib),
    )


def _share(task: str, name: str, other: str) -> Callable[[Rows], float | None]:
    return lambda rows: _over(rows.figure(name, task), rows.figure(name, task, other))


def _tenfold(task: str) -> tuple[Budget, Budget]:
    """Linear growth."""
    return (
        Budget(
            f"`{task}`, ten times the units: multiple of fit s",
            lambda rows: _over(rows.seconds(task, TEN), rows.seconds(task)),
            10,
        ),
        Budget(
            f"`{task}`, ten times the units: multiple of MiB beyond the imports",
            lambda rows: _over(rows.memory(task, TEN), rows.memory(task)),
            10,
        ),
    )


GROUP_TIME = "callaway_santanna"
BUDGETS = (
    Budget("Group-time: CPU as a share of diff-diff's", _share(GROUP_TIME, "cpu_seconds", "diff-diff"), 1 / 4),
    Budget("Group-time: CPU as a share of csdid's", _share(GROUP_TIME, "cpu_seconds", "csdid"), 1 / 25),
    Budget(
        "Group-time: CPU as a share of csdid's, cell by cell",
        _share(GROUP_TIME, "cpu_seconds", "csdid, cell by cell"),
        1 / 25,
    ),
    Budget("Group-time: MiB", lambda rows: rows.figure("peak_mib", GROUP_TIME), 500),
    *_taken("Sun-Abraham", "sun_abraham", 10, 1024),
    *_taken("Linear ETWFE", "etwfe", 10, 1024),
    *_taken("Poisson ETWFE", "etwfe_poisson", 60, 2048),
    Budget(
        "999 random reassignments: fit s as a multiple of one fit's",
        _share("randomization", "fit_seconds", f"{OWN}, one fit"),
        10,
    ),
    *_taken("Bootstrap, 9,999 draws, 32 clusters", "bootstrap", 5, 1024),
)
