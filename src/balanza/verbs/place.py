"""Give each theme of the project its place: what the run found of it, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.compare.themes import Themes, place
from balanza.provenance import code_digest, file_digest, read_json, write_json
from balanza.strict import load


def run(
    themes: Path, claims: Iterable[Path], out: Path, weighed: Path | None = None, checks: Iterable[Path] = ()
) -> None:
    """Write `themes.json`.

    Parameters
    ----------
    themes : Path
        config/themes.yaml; its digest stands on the result.
    claims : iterable of Path
        The claim.json of each study that ran.
    out : Path
        The result.
    weighed : Path, optional
        pesos.json, where two arms were weighed.
    checks : iterable of Path
        Results of the checks that themes name.

    Raises
    ------
    ConfigError
        If the themes cannot be read.
    """
    known = {found["study"]: found for found in map(read_json, claims)}
    checked = {f"{found['study']}.{found['name']}": found for found in map(read_json, checks)}
    rows = place(load(Themes, themes), known, read_json(weighed) if weighed else None, checked)
    digests = {"themes_digest": file_digest(themes), "code_digest": code_digest("balanza.verbs.place")}
    write_json(out, {"themes": rows, **digests})
