"""What separates the cells of a user's csv: commas, and no other character that spreadsheets write in their place."""

from __future__ import annotations

from collections.abc import Iterable

from balanza.errors import BalanzaError

OTHERS = {";": "semicolons", "\t": "tabs"}


def refuse_other_separator(header: Iterable[object], where: str, error: type[BalanzaError]) -> None:
    """Refuse a table that was read as one column because its cells are not separated by commas.

    Parameters
    ----------
    header : iterable
        The names of its columns, as read with commas.
    where, error : str, type
        The file, and the error to raise.
    """
    names = [str(name) for name in header]
    for separator, words in OTHERS.items():
        if len(names) == 1 and separator in names[0]:
            raise error(f"is separated by {words}", where=where, cure="Save it as csv with commas")
