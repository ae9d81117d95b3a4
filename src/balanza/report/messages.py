"""Keeps the catalogue of messages in step with the texts of templates and modules, by Babel."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from balanza.contract import EstimatorSpec
from balanza.graph.load import load
from balanza.panel.breaks import BREAKS
from balanza.panel.quality import SECTIONS
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
CALLED = {"treatments", "window", "covariates"}
CONFIGURATION = {
    "costs.yaml": {"title", "counts", "source", "leaves_out", "certainty"},
    "grades.yaml": {"grade", "title", "question"},
    "outcomes.yaml": {"title", "about", "caution", "reason", "closes"},
    "outlook.yaml": {"name", "what"},
    "priors.yaml": {"about", "reason"},
    "themes.yaml": {"theme", "question", "outcomes", "rests_on", "missing", "closes"},
    "graphs/*.yaml": {"reading"},
    "scenarios/*.yaml": {"title", "question", "source", "notes"},
    "studies/*.yaml": {"title", "question", "estimand", "unit", "limits"},
}
GRAPHS = "graphs/*.dot"
"""The files of config whose texts the pages show, and under which keys."""
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


def extracted(config: Path, shipped: Collection[str] | None = None) -> Catalog:
    """All messages of this package and of a configuration, without any translation.

    Parameters
    ----------
    config : Path
        The folder of the configuration.
    shipped : collection of str, optional
        Read these of its files only, by their path in the folder.
    """
    found = Catalog()
    for message, context in _messages():
        found.add(message, context=context)
    for text in _of_quality():
        found.add(text)
    for pattern, keys in CONFIGURATION.items():
        for path in _files(config, pattern, shipped):
            for text in _texts_under(keys, yaml.safe_load(path.read_text("utf-8"))):
                found.add(text)
    for path in _files(config, GRAPHS, shipped):
        for text in _of_graph(path):
            found.add(text)
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


def _files(config: Path, pattern: str, shipped: Collection[str] | None) -> list[Path]:
    found = sorted(config.glob(pattern))
    return [path for path in found if shipped is None or path.relative_to(config).as_posix() in shipped]


def _texts_under(keys: Collection[str], node: Any, key: str = "") -> Iterator[str]:
    """The texts under some keys, and what treatments and choices of variants are called."""
    if isinstance(node, dict):
        for name, value in node.items():
            if key in CALLED and isinstance(name, str):
                yield name
            yield from _texts_under(keys, value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from _texts_under(keys, value, key)
    elif isinstance(node, str) and key in keys:
        yield node.strip()


def _of_quality() -> Iterator[str]:
    """What the panel's report of its quality says in words that do not change from run to run."""
    for title, sentence, columns in SECTIONS.values():
        yield from (title, sentence, *(column.replace("_", " ") for column in columns))
    for _, _, what, treatment in BREAKS:
        yield from (what, treatment)


def _of_graph(path: Path) -> Iterator[str]:
    graph = load(path)
    yield graph.title
    yield from graph.times
    for node in graph.nodes.values():
        yield from filter(None, (node.title, node.note, node.threat))
    yield from (edge.reason for edge in graph.edges if edge.reason)


def read(path: Path) -> Catalog:
    """A catalogue with its translations, also of messages that are no longer shown."""
    with path.open("rb") as stream:
        return read_po(stream, locale="es_MX")


def updated(known: Catalog, config: Path) -> Catalog:
    """The messages of the sources with the translations known for them; the others are obsolete.

    Parameters
    ----------
    known : Catalog
        It is changed and given back.
    config : Path
        The folder of the configuration.
    """
    for message in known.obsolete.values():  # it may be shown again
        known[message.id] = message
    known.obsolete.clear()
    known.update(extracted(config), no_fuzzy_matching=True)
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
