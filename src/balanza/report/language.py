"""The language of a page: its words from a catalogue of messages, its numbers and names of months by locale.

English stands in the sources; the Spanish of each message is in locale/es.po, which `make messages` keeps in step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from balanza.report.said import translated

if TYPE_CHECKING:
    from jinja2 import Environment

CATALOGUES = Path(__file__).parent / "locale"
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Language:
    """A language that pages are written in.

    `locale` says how numbers and dates are written, `d3` how charts call it; `folder` is where the pages lie below
    those in English.
    """

    code: str
    name: str
    locale: str
    d3: Literal["en-US", "es-MX"]
    folder: str = ""

    @property
    def root(self) -> str:
        """The way from a page back to the folder of the results."""
        return "../" * self.folder.count("/")

    def named(self, file: str) -> str:
        """The name of a file in this language, where all lie in one folder: English bears none."""
        stem, dot, end = file.rpartition(".")
        return file if self is ENGLISH else f"{stem}.{self.code}{dot}{end}"

    @property
    def brief(self) -> str:
        """The file of the two-page brief; all lie in the folder of the results, since they are sent about."""
        return self.named("brief.pdf")


ENGLISH = Language("en", "English", "en", "en-US")
SPANISH = Language("es", "Español", "es_MX", "es-MX", "es/")
LANGUAGES = (ENGLISH, SPANISH)
_ACTIVE: ContextVar[Language] = ContextVar("language", default=ENGLISH)
_SENTENCES: ContextVar[Mapping[str, Any]] = ContextVar("sentences", default=MappingProxyType({}))


@contextmanager
def speaking(language: Language, sentences: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Write in a language, for as long as the block lasts.

    Parameters
    ----------
    language : Language
    sentences : mapping, optional
        What the sentences of the results were made of (`balanza.report.said`), by their English text.
    """
    before, known = _ACTIVE.set(language), _SENTENCES.set(sentences or {})
    try:
        yield
    finally:
        _ACTIVE.reset(before)
        _SENTENCES.reset(known)


def active() -> Language:
    """The language that is written in now: English where none was chosen."""
    return _ACTIVE.get()


def page_files(*names: str) -> list[str]:
    """The files of pages in every language, from the folder of the results."""
    return [f"{language.folder}{name}.html" for language in LANGUAGES for name in names]


def page_tables(*names: str) -> list[str]:
    """The folders of the pages' tables in every language, from the folder of the results."""
    return [f"{language.folder}tables/{name}" for language in LANGUAGES for name in names]


@lru_cache
def _translations(code: str) -> NullTranslations:
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import Translations

    path = CATALOGUES / f"{code}.po"
    if not path.is_file():
        return NullTranslations()
    compiled = BytesIO()
    with path.open("rb") as stream:
        write_mo(compiled, read_po(stream, locale=code))
    compiled.seek(0)
    found: NullTranslations = Translations(compiled)
    return found


def gettext(message: str) -> str:
    """A message in the active language."""
    return _translations(active().code).gettext(message) if message else ""


def ngettext(singular: str, plural: str, n: int) -> str:
    """One of two messages by a number, in the active language."""
    return _translations(active().code).ngettext(singular, plural, n)


def pgettext(context: str, message: str) -> str:
    """A message that says different things in different places, in the active language."""
    return _translations(active().code).pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, n: int) -> str:
    """One of two messages by a number, in a context, in the active language."""
    return _translations(active().code).npgettext(context, singular, plural, n)


def N_(message: str) -> str:
    """Mark a message for the catalogue where it is defined; it is translated where it is shown."""
    return message


def install(templates: Environment) -> None:
    """Teach templates the active language: their messages, and what else differs between languages."""
    made: Any = templates  # its extension brings this
    made.install_gettext_callables(gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext)
    templates.filters |= {"said": said, "period": period}
    templates.globals |= {"language": active(), "languages": LANGUAGES}


def said(text: str | None) -> str:
    """A text that no template has: of a result, a study file or a configuration, in the active language where known."""
    if not text or active() == ENGLISH:
        return str(text or "")
    return translated(text, _SENTENCES.get(), gettext, ngettext, figures)


def figures(text: str) -> str:
    """A number as Python writes it, in the signs of the active language, with a true minus sign."""
    return text.translate(_signs(active().locale))


@lru_cache
def _signs(locale: str) -> dict[int, str]:
    from babel import Locale

    signs: Any = Locale.parse(locale).number_symbols["latn"]
    return {ord(","): signs["group"], ord("."): signs["decimal"], ord("-"): MINUS}


def period(value: str | int) -> str:
    """A month, such as ``2019-07``, in words; years and waves as they are."""
    from babel.dates import format_skeleton

    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", str(value)):
        return str(value)
    year, number = str(value).split("-")
    return str(format_skeleton("yMMMM", date(int(year), int(number), 1), locale=active().locale))
