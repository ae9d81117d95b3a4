"""Keeps the catalogue of messages in step with the texts of templates and modules, by Babel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from balanza.contract import EstimatorSpec
from balanza.registry import SPEC_TYPE, registry

PACKAGE = Path(__file__).parents[1]
KEYWORDS: dict[str, Any] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "say": None,
    "say_n": (1, 2),
}
METHODS = (
    ("report/templates/*.html.j2", "jinja2.ext:babel_extract"),
    ("report/templates/*.svg.j2", "jinja2.ext:babel_extract"),
    ("**/*.py", "python"),
)
OPTIONS = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false", "trim_blocks": "true"}
HEADER = """# The words of the pages in Spanish, as written in Mexico. `make messages` adds what is new, and
# moves to the end what is no longer shown.
msgid ""
msgstr ""
"Language: es_MX\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def extracted() -> Catalog:
    """All messages that the sources of this package hold, without any translation."""
    found = Catalog()
    for message, context in _messages():
        found.add(message, context=context)
    return found


def _messages() -> Iterator[tuple[Any, str | None]]:
    for pattern, method in METHODS:
        for path in sorted(PACKAGE.glob(pattern)):
            for _, message, _, context in extract_from_file(method, path, KEYWORDS, options=OPTIONS):
                yield message, context
    for text in _of_specs():
        yield text, None


def _of_specs() -> Iterator[str]:
    """What pages show of the estimators and checks of this package."""
    for what in SPEC_TYPE:
        for entry in registry(what).entries.values():
            spec = entry.spec
            if entry.module.startswith("balanza."):
                shown = (spec.estimand, *spec.assumptions) if isinstance(spec, EstimatorSpec) else (spec.question,)
                yield from (spec.title, *shown)


def read(path: Path) -> Catalog:
    """A catalogue with its translations, also of messages that are no longer shown."""
    with path.open("rb") as stream:
        return read_po(stream, locale="es_MX")


def updated(known: Catalog) -> Catalog:
    """The messages of the sources with the translations known for them; the others are obsolete.

    Parameters
    ----------
    known : Catalog
        It is changed and given back.
    """
    for message in known.obsolete.values():  # it may be shown again
        known[message.id] = message
    known.obsolete.clear()
    known.update(extracted(), no_fuzzy_matching=True)
    return known


def untranslated(catalogue: Catalog) -> list[str]:
    """The messages without a translation, or with one that nobody has confirmed."""
    return [_texts(message.id)[0] for message in catalogue if message.id and not _translated(message)]


def _translated(message: Message) -> bool:
    return all(_texts(message.string or "")) and not message.fuzzy


def _texts(text: str | Sequence[str]) -> tuple[str, ...]:
    """A message or its translation: one text, or one for each number."""
    return (text,) if isinstance(text, str) else tuple(text)


def placeholders(text: str | Sequence[str]) -> set[str]:
    """What is filled into a message: `%(name)s` of templates, `{name}` of modules, with their formats."""
    return {found for each in _texts(text) for found in re.findall(r"%\(\w+\)s|%%|\{[^{}]*\}", each)}


def text(catalogue: Catalog) -> str:
    """A catalogue as a file: sorted, and without places in the sources, so that little changes from one to the next."""
    written = BytesIO()
    write_po(written, catalogue, width=0, no_location=True, omit_header=True, sort_output=True)
    return HEADER + written.getvalue().decode("utf-8").strip("\n") + "\n"
