"""Sentences of results in the reader's language, from what `balanza.say` kept of them; nothing is computed again."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from balanza.provenance import read_json

Gettext = Callable[[str], str]
Ngettext = Callable[[str, str, int], str]
Figures = Callable[[str], str]


def in_folders(folders: Iterable[Path]) -> dict[str, Any]:
    """The records of all sentences in the JSON files of some folders and those below, by English text."""
    found: dict[str, Any] = {}
    for path in (path for folder in folders for path in sorted(folder.rglob("*.json"))):
        values = read_json(path)
        if isinstance(values, dict):
            found |= values.get("messages") or {}
    return found


def translated(text: str, records: Mapping[str, Any], look_up: Gettext, pick: Ngettext, figures: Figures) -> str:
    """A text of the results in another language.

    Parameters
    ----------
    text : str
        As the results have it, in English.
    records : mapping
        `messages` of the results, by English text.
    look_up, pick : callable
        gettext and ngettext of the catalogue: a message it does not know comes back as it is.
    figures : callable
        Puts a number as Python writes it into the signs of the locale.

    Returns
    -------
    str
        The text as it is where neither `records` nor the catalogue know it.
    """
    writer = _Writer(figures)

    def said(value: Any, within: frozenset[str] = frozenset()) -> Any:
        """A value in the other language; `within` are the texts that it is a part of, and so is not looked up as."""
        if isinstance(value, Mapping):
            return whole(value, within)
        if not isinstance(value, str):
            return value
        if value in records and value not in within:
            return whole(records[value], within | {value})
        sentence = f"{value}."  # it was one of its own
        if sentence in records and sentence not in within:
            return whole(records[sentence], within | {sentence}).removesuffix(".")
        return look_up(value) if value == text or " " in value.strip() else value  # names of columns have no blank

    def whole(record: Mapping[str, Any], within: frozenset[str]) -> str:
        if "parts" in record:
            return str(said(record["separator"], within)).join(str(said(part, within)) for part in record["parts"])
        if "capitalised" in record:
            told = str(said(record["capitalised"], within))
            return told[:1].upper() + told[1:]
        values = {name: said(value, within) for name, value in record["values"].items()}
        if "plural" in record:
            message = pick(record["message"], record["plural"], values["n"])
        else:
            message = look_up(record["message"])
        return writer.format(message, **values) if values else message

    return str(said(text)) if text else text


class _Writer(string.Formatter):
    """`str.format` with the signs of a locale in numbers."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self.figures(format(value, format_spec))
        return str(value) if value is None or isinstance(value, str) else format(value, format_spec)
