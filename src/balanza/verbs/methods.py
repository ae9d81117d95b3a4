"""Write the page of each estimator and check, from what their files say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from balanza.provenance import write_text
from balanza.report import methods


def run(names: Sequence[str], out: Path, root: Path = Path()) -> list[Path]:
    """Write `<name>.md` for each name, or all pages of this package and their index.

    Parameters
    ----------
    names : sequence of str
        Names of the registry; none for all that this package has. Pages of methods that are gone are then removed.
    out : Path
        Folder of the pages.
    root : Path
        The project's folder, whose tests are named in the pages.

    Returns
    -------
    list of Path
        The pages written.

    Raises
    ------
    Unsupported
        If a name is not registered.
    """
    pages = methods.pages(names, root)
    for name, text in pages.items():
        write_text(out / f"{name}.md", text)
    if not names:
        for path in sorted(out.glob("*.md")):
            if path.stem not in pages and path.read_text("utf-8").startswith(methods.MARK):
                path.unlink()
    return [out / f"{name}.md" for name in pages]
