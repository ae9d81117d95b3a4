"""Sentences of results in the reader's language, from what `balanza.say` kept of them; nothing is computed again."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from babel.numbers import get_decimal_symbol, get_group_symbol

from balanza.provenance import read_json

Gettext = Callable[[str], str]
Ngettext = Callable[[str, str, int], str]


def in_folder(folder: Path) -> dict[str, Any]:
    """The records of all sentences in the JSON files of a folder and those below, by English text."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*.json")):
        values = read_json(path)
        if isinstance(values, dict):
            found |= values.get("messages") or {}
    return found


def translated(text: str, records: Mapping[str, Any], gettext: Gettext, ngettext: Ngettext, locale: str) -> str:
    """A text of the results in another language.

    Parameters
    ----------
    text : str
        As the results have it, in English.
    records : mapping
        `messages` of the results, by English text.
    gettext, ngettext : callable
        Of the catalogue: a message it does not know comes back as it is.
    locale : str
        Whose signs numbers are written with, for example ``es_MX``.

    Returns
    -------
    str
        The text as it is where neither `records` nor the catalogue know it.
    """
    writer = _Writer(locale)

    def said(value: Any) -> Any:
        if isinstance(value, str):
            if value in records:
                return whole(records[value])
            if f"{value}." in records:  # it was a sentence of its own
                return whole(records[f"{value}."]).removesuffix(".")
            return gettext(value) if value == text or " " in value.strip() else value  # names of columns have no blank
        return whole(value) if isinstance(value, Mapping) else value

    def whole(record: Mapping[str, Any]) -> str:
        if "parts" in record:
            return str(said(record["separator"])).join(str(said(part)) for part in record["parts"])
        if "capitalised" in record:
            told = str(said(record["capitalised"]))
            return told[:1].upper() + told[1:]
        values = {name: said(value) for name, value in record["values"].items()}
        if "plural" in record:
            message = ngettext(record["message"], record["plural"], values["n"])
        else:
            message = gettext(record["message"])
        return writer.format(message, **values) if values else message

    return str(said(text)) if text else text


def placeholders(message: str) -> set[str]:
    """The names in a message's braces, with their conversions and format specifications."""
    return {
        f"{name}!{conversion or ''}:{specification}"
        for _, name, specification, conversion in string.Formatter().parse(message)
        if name is not None
    }


class _Writer(string.Formatter):
    """`str.format` with the signs of a locale in numbers."""

    def __init__(self, locale: str) -> None:
        self.signs = str.maketrans({".": get_decimal_symbol(locale), ",": get_group_symbol(locale)})

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return format(value, format_spec).translate(self.signs)
        return str(value) if value is None or isinstance(value, str) else format(value, format_spec)
