"""Bring the catalogue of messages in step with the texts of the pages."""

from __future__ import annotations

from pathlib import Path

from balanza.provenance import write_text
from balanza.report import messages


def run(catalogue: Path, root: Path = Path()) -> list[str]:
    """Add what is new to a catalogue and set apart what is no longer shown, without losing a translation.

    Parameters
    ----------
    catalogue : Path
        The file, gettext's po.
    root : Path
        The project's folder, whose configuration has texts too.

    Returns
    -------
    list of str
        The messages that have no translation yet.
    """
    found = messages.updated(messages.read(catalogue), root / "config")
    write_text(catalogue, messages.text(found))
    return messages.untranslated(found)
