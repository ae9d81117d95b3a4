"""Sentences that remember how they were made, so that a reader in another language gets them with the same numbers.

A `Said` is the English sentence, and a plain string to whoever does not ask; beside it, it keeps its template (the
message that a catalogue translates) and the values that filled it. `messages` collects them from what is written.

Only the standard library, because `balanza.provenance` and `balanza.errors` read this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Record = dict[str, Any]


class Said(str):
    """An English text with `record`, what it was made of.

    The record is one of these: `message` and `values`; the same with `plural`, the message for any number but one, and
    `n` among the values; `parts` and `separator`; `capitalised`. What they hold are numbers, texts, or records again.
    """

    record: Record
    __slots__ = ("record",)

    def __new__(cls, text: str, record: Record) -> Said:
        made = super().__new__(cls, text)
        made.record = record
        return made

    def __str__(self) -> str:  # an exception that is raised with it, and `str` of that, keep it
        return self

    def __getnewargs__(self) -> tuple[str, Record]:  # type: ignore[override]
        return str.__str__(self), self.record

    def __add__(self, other: str) -> str:
        return joined([self, other])

    def __radd__(self, other: str) -> str:
        return joined([other, self])


def say(message: str, /, **values: Any) -> str:
    """A sentence, or a part of one.

    Parameters
    ----------
    message : str
        The template, as `str.format` takes it; without values the text itself. Lists are joined by `joined` first.
    **values
        What stands in its braces: numbers, texts, or what was said before.
    """
    text = message.format(**values) if values else message
    return Said(text, {"message": message, "values": _kept(values)})


def say_n(one: str, many: str, n: float, /, **values: Any) -> str:
    """A sentence that depends on a number, which its templates know as `n`.

    Parameters
    ----------
    one, many : str
        The templates for one, and for any other number.
    n : int or float
    **values
        As in `say`.
    """
    values = {"n": n, **values}
    text = (one if n == 1 else many).format(**values)
    return Said(text, {"message": one, "plural": many, "values": _kept(values)})


def joined(parts: Iterable[Any], separator: str = "") -> str:
    """Texts one after the other, with what stands between them; empty ones count as in `str.join`."""
    told = list(parts)
    return Said(
        separator.join(str(part) for part in told),
        {"parts": [_record(part) for part in told], "separator": _record(separator)},
    )


def capitalised(text: str) -> str:
    """A text with a large first letter."""
    return Said(text[:1].upper() + text[1:], {"capitalised": _record(text)})


def _kept(values: Mapping[str, Any]) -> Record:
    return {name: _record(value) for name, value in values.items()}


def _record(value: Any) -> Any:
    """A value as JSON keeps it; what is no finite number is kept as the text that it formats to."""
    if isinstance(value, Said):
        return value.record
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def messages(value: Any) -> dict[str, Record]:
    """What each sentence in a tree of mappings, lists and tuples was made of, by its English text and sorted by it."""
    found: dict[str, Record] = {}
    for text in _said(value):
        found.setdefault(str.__str__(text), text.record)
    return {text: found[text] for text in sorted(found) if text}


def with_messages(value: Any) -> Any:
    """A tree with the key `messages` where it is a mapping that holds a sentence, else the tree itself."""
    found = messages(value)
    if not found or not isinstance(value, Mapping):
        return value
    return {**value, "messages": {**(value.get("messages") or {}), **found}}


def _said(value: Any) -> Iterator[Said]:
    if isinstance(value, Said):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _said(key)
            yield from _said(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _said(item)
