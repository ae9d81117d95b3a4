"""Typesets the brief by Typst, whose compiler and fonts come in its package: two pages, the same bytes each time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from balanza.errors import BalanzaError
from balanza.provenance import replacing

PAGES = 2
SIZES = (11.0, 10.5, 10.0, 9.5, 9.0, 8.5, 8.0, 7.5, 7.0)
"""Sizes of letters that are tried in turn, in points, until all stands on its pages."""


def typeset(content: Mapping[str, Any], pictures: Mapping[str, str], out: Path) -> float:
    """Write the brief as PDF.

    Parameters
    ----------
    content : mapping
        What `balanza.report.brief.of_world` says.
    pictures : mapping of str to str
        SVG by file name.
    out : Path
        The file.

    Returns
    -------
    float
        The size of letters that it took.

    Raises
    ------
    BalanzaError
        If not even the smallest letters make it two pages.
    """
    import typst

    with TemporaryDirectory() as name:
        folder = Path(name)
        template = folder / "brief.typ"
        template.write_text((files("balanza.report") / "templates" / "brief.typ").read_text("utf-8"), "utf-8")
        (folder / "brief.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
        for file, drawn in pictures.items():
            (folder / file).write_text(drawn, "utf-8")
        for size in SIZES:
            compiler = typst.Compiler(
                str(template), root=str(folder), ignore_system_fonts=True, sys_inputs={"size": f"{size}"}
            )
            if json.loads(compiler.query("<pages>", field="value", one=True)) == PAGES:
                with replacing(out) as part:
                    compiler.compile(output=str(part), format="pdf")
                return size
    raise BalanzaError(
        f"its text does not fit on {PAGES} pages", where=str(out), cure="Shorten the titles and limits of the studies"
    )
