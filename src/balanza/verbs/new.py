"""Start an estimator or a check: copy the form that is filled in, under its name."""

from __future__ import annotations

import keyword
import re
from pathlib import Path

from balanza.errors import ConfigError
from balanza.provenance import write_text
from balanza.registry import LEGAL_NAME, What, registry

FOLDER = Path("src/balanza")
TITLE = re.compile(r'(?<=\n    )title="[^"]*"')


def run(what: What, name: str) -> Path:
    """Write `src/balanza/<what>/<name>.py` from `_template.py`, and say what to do next.

    Parameters
    ----------
    what : {"estimators", "checks"}
    name : str
        Small letters, digits and underscores, a letter first; neither an estimator nor a check may have it already.

    Returns
    -------
    Path
        The new file.

    Raises
    ------
    ConfigError
        If the name is not legal or taken, or the working directory is not a copy of the project.
    """
    template, path = FOLDER / what / "_template.py", FOLDER / what / f"{name}.py"
    if not template.is_file():
        raise ConfigError(
            f"there is no {template} here",
            where=str(Path.cwd()),
            cure=f"Run it in the project's folder, or add an outside package by the entry-point group balanza.{what}"
            " (docs/add-an-estimator.md)",
        )
    if not LEGAL_NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ConfigError(
            f"the name {name!r} is not legal",
            cure="Use small letters, digits and underscores, a letter first, and no word of the language Python",
        )
    if path.exists() or _taken(name):
        raise ConfigError(f"there is an estimator or a check {name!r} already", cure="Choose another name")
    text = template.read_text("utf-8").replace('name="_template"', f'name="{name}"', 1)
    write_text(path, TITLE.sub(f'title="{name.replace("_", " ").capitalize()}"', text, count=1))
    print(_next(what, name, path))
    return path


def _taken(name: str) -> bool:
    """Estimators and checks share their names: each has a page in docs/methods and a log under its own."""
    found = [registry("estimators"), registry("checks")]
    return any(name in part.entries or name in part.broken for part in found)


def _next(what: What, name: str, path: Path) -> str:
    function = "estimate" if what == "estimators" else "check"
    return (
        f"Wrote {path}: a working example. Next:\n"
        f"1. Write {function}() and SPEC in it: docs/add-an-estimator.md says what each field is for.\n"
        f"2. python -m pytest tests/contract -k {name}\n"
        f"3. snakemake        (it joins every study that it supports and that says `{what}: auto`)\n"
        "4. python -m balanza methods        (writes its page in docs/methods)"
    )
