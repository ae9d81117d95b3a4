"""The pages of docs/methods: what the file of an estimator or a check says of itself, and the tests that hold it."""

from __future__ import annotations

import ast
import csv
import importlib
import inspect
import json
import math
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from balanza.contract import Published
from balanza.provenance import named_modules
from balanza.registry import Entry, What, find, registry

MARK = "<!-- Written by `python -m balanza methods` from"
SORTS: tuple[What, ...] = ("estimators", "checks")
TESTS = ("tests/published", "tests/estimators", "tests/checks")
SPEED = "benchmarks/results.csv"
MONTHLY = {"contender": "balanza", "units": "2475", "periods": "132", "cohorts": "40", "status": "ok"}
SECTION = re.compile(r"^(\w+)\n-+\n", re.MULTILINE)


def pages(names: Sequence[str], root: Path | None) -> dict[str, str]:
    """Markdown of the pages by name: of those asked for, or of all that this package has, with their index `README`.

    Parameters
    ----------
    names : sequence of str
        Names of the registry.
    root : Path or None
        The project's folder, where the tests and the table of speeds are looked for; None leaves them out.

    Returns
    -------
    dict of str

    Raises
    ------
    Unsupported
        If a name is not registered.
    """
    environment = Environment(
        loader=PackageLoader("balanza.report"),
        autoescape=select_autoescape(["html"]),  # Markdown is no HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"default": default, "cell": _cell, "line": _line}
    environment.globals |= {"mark": MARK}
    own = {what: {n: e for n, e in registry(what).entries.items() if not e.outside} for what in SORTS}
    chosen = {what: {n: find(what, n) for n in names if n in registry(what).entries} for what in SORTS}
    for name in names:
        if not any(name in part for part in chosen.values()):
            find("estimators", name)
    tests, speed = (_tests(root), _speed(root)) if root else ({}, {})
    page = environment.get_template("method.md.j2")
    found = {
        name: page.render(what=what, speed=speed.get(name), **_facts(entry, tests))
        for what, entries in (chosen if names else own).items()
        for name, entry in entries.items()
    }
    return found if names else found | {"README": environment.get_template("methods.md.j2").render(**own)}


def _facts(entry: Entry, tests: dict[str, list[tuple[str, str]]]) -> dict[str, Any]:
    module = importlib.import_module(entry.module)
    title, _, text = (inspect.getdoc(module) or "").partition("\n")
    return {
        "spec": entry.spec,
        "file": f"src/{entry.module.replace('.', '/')}.py" if not entry.outside else entry.module,
        "summary": title,
        "text": text.strip(),
        "returns": _returns(entry),
        "figures": [row for item in entry.reference for row in _figures(item)],
        "tests": tests.get(entry.module, []),
    }


def _returns(entry: Entry) -> str:
    """The text of the section Returns of the function's docstring, without the type that heads it."""
    parts = SECTION.split(inspect.getdoc(entry.function) or "")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    lines = sections.get("Returns", "").strip().splitlines()
    return " ".join(line.strip() for line in lines if line.startswith(" "))


def _figures(item: Published) -> list[dict[str, str]]:
    """One row of the table for each figure."""
    call = [f"`covariates: [{', '.join(item.covariates)}]`"] if item.covariates else []
    call += [f"`weights: {item.weights}`"] if item.weights else []
    call += [f"`{name}: {default(value)}`" for name, value in item.options.items()]
    error_tolerance = item.tolerance if item.error_tolerance is None else item.error_tolerance
    return [
        {
            "data": item.data,
            "call": ", ".join(call) or "defaults",
            "figure": name,
            "value": _digits(value, item.tolerance),
            "error": "–" if error is None else _digits(error, error_tolerance),
            "tolerance": f"{item.tolerance:.2g}"
            + ("" if error is None or error_tolerance == item.tolerance else f", {error_tolerance:.2g}"),
            "source": item.source,
        }
        for name, (value, error) in item.figures.items()
    ]


def _digits(value: float, tolerance: float) -> str:
    """A figure to the digits that its tolerance tells apart."""
    return f"{value:.{math.floor(1e-9 - math.log10(tolerance))}f}"


def default(value: Any) -> str:
    """An option's value as a study file would have it."""
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def _line(items: Collection[str]) -> str:
    """A set in words."""
    first = sorted(items)
    return " or ".join([", ".join(first[:-1]), first[-1]] if len(first) > 1 else first)


def _tests(root: Path) -> dict[str, list[tuple[str, str]]]:
    """Test files that import a module, with the first paragraph of their docstrings, by module."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(path for folder in TESTS for path in (root / folder).glob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        paragraph = " ".join((ast.get_docstring(tree) or "").split("\n\n")[0].split())
        for module in sorted(named_modules(tree)):
            found.setdefault(module, []).append((path.relative_to(root).as_posix(), paragraph))
    return found


def _speed(root: Path) -> dict[str, dict[str, float]]:
    """CPU seconds of the fit and peak MiB on the monthly panel, by method, from the table of `make benchmarks`."""
    if not (root / SPEED).is_file():
        return {}
    with (root / SPEED).open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row.items() >= MONTHLY.items()]
    return {row["task"]: {name: float(row[name]) for name in ("fit_seconds", "peak_mib")} for row in rows}
