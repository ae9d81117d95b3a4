"""The languages of the pages: a whole catalogue, numbers by locale, and a way from each page to the same in another."""

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from tests.conftest import ROOT

from balanza.report import language, messages, words
from balanza.report.language import ENGLISH, LANGUAGES, SPANISH, speaking
from balanza.verbs import messages as verb

SPANISH_FILE = language.CATALOGUES / "es.po"
CONFIG = ROOT / "config"
CURE = "run `make messages`, and write the Spanish of what is new in src/balanza/report/locale/es.po"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    return messages.read(SPANISH_FILE)


def ids(found: Catalog) -> set[Any]:
    return {(message.context, message.id) for message in found if message.id}


def shipped() -> set[str]:
    """The files of the configuration that the project has: a user's own may be in one language."""
    run = subprocess.run(["git", "ls-files", "--", "config"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("needs git's list of the project's files")
    return {Path(line).relative_to("config").as_posix() for line in run.stdout.splitlines()}


def test_the_catalogue_holds_the_messages_of_the_sources_and_no_other(catalogue: Catalog) -> None:
    shown, kept = ids(messages.extracted(CONFIG, shipped())), ids(catalogue)
    assert shown - kept == set(), CURE
    assert kept - shown == set(), f"no longer shown: {CURE}"
    assert list(catalogue.obsolete) == [], "take over the translations at the end of es.po, or delete them"


def test_every_message_has_its_spanish(catalogue: Catalog) -> None:
    assert messages.untranslated(catalogue) == [], CURE
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []


def test_both_languages_fill_in_the_same_values(catalogue: Catalog) -> None:
    other = {
        message.id: message.string
        for message in catalogue
        if message.id and messages.placeholders(message.id) != messages.placeholders(message.string or "")
    }
    assert other == {}


def test_the_file_is_as_the_verb_writes_it() -> None:
    assert messages.text(messages.read(SPANISH_FILE)) == SPANISH_FILE.read_text("utf-8"), CURE


def test_updating_adds_what_is_new_and_loses_no_translation(tmp_path: Path) -> None:
    path = tmp_path / "es.po"
    path.write_text(
        messages.HEADER + 'msgid "Causal graph"\nmsgstr "Grafo"\n\nmsgid "Once shown"\nmsgstr "Alguna vez"\n',
        "utf-8",
    )
    missing = verb.run(path, ROOT)
    found = messages.read(path)
    assert found["Causal graph"].string == "Grafo"
    assert found.obsolete["Once shown"].string == "Alguna vez"
    assert "Data quality" in missing
    assert "Causal graph" not in missing
    written = path.read_text("utf-8")
    verb.run(path, ROOT)
    assert path.read_text("utf-8") == written


def test_a_message_that_is_shown_again_has_its_translation_back(tmp_path: Path) -> None:
    path = tmp_path / "es.po"
    path.write_text(messages.HEADER + '#~ msgid "Causal graph"\n#~ msgstr "Grafo"\n', "utf-8")
    assert "Causal graph" not in verb.run(path, ROOT)
    assert messages.read(path)["Causal graph"].string == "Grafo"


@pytest.mark.parametrize("spoken", LANGUAGES, ids=lambda spoken: spoken.code)
def test_numbers_have_the_signs_of_the_locale(spoken: language.Language) -> None:
    signs = Locale.parse(spoken.locale).number_symbols["latn"]
    with speaking(spoken):
        assert words.number(1234567) == f"1{signs['group']}234{signs['group']}567"
        assert words.number(-0.06682) == f"\N{MINUS SIGN}0{signs['decimal']}0668"


def test_where_a_comma_is_the_decimal_sign_numbers_follow() -> None:
    with speaking(language.Language("es", "Español de España", "es_ES", "es-MX", "es/")):
        assert words.number(1234.5, 6) == "1.234,50"


def test_months_are_named_in_the_language() -> None:
    assert language.period("2019-07") == "July 2019"
    with speaking(SPANISH):
        assert language.period("2019-07") == "julio de 2019"
    assert language.period(2019) == language.period("2019") == "2019"
    assert language.active() == ENGLISH


def test_what_the_catalogue_does_not_know_is_shown_as_it_is() -> None:
    with speaking(SPANISH):
        assert language.said("100 % of <b>") == "100 % of <b>"
        assert language.said(None) == ""
        assert language.said("Causal graph") == "Grafo causal"


class Links(HTMLParser):
    """The language of a page, its links, and those to itself in other languages."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.lang = ""
        self.links: list[str] = []
        self.alternates: dict[str, str] = {}
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "html":
            self.lang = given["lang"]
        if tag == "link":
            self.alternates[given["hreflang"]] = given["href"]
        if tag == "a":
            self.links.append(given["href"])


def test_every_page_leads_to_itself_in_the_other_language(results: Path) -> None:
    pages = sorted(path.name for path in results.glob("*.html"))
    assert pages == sorted(path.name for path in (results / "es").glob("*.html"))
    assert "toy.html" in pages
    for name in pages:
        for spoken in LANGUAGES:
            path = results / spoken.folder / name
            found = Links(path)
            assert found.lang == spoken.code
            for other in LANGUAGES:
                there = (path.parent / found.alternates[other.code]).resolve()
                assert there == (results / other.folder / name).resolve()
                assert other == spoken or found.alternates[other.code] in found.links


def test_the_frame_of_a_spanish_page_is_spanish(results: Path) -> None:
    text = (results / "es" / "index.html").read_text("utf-8")
    assert ">Grafo causal</a>" in text
    assert not re.search(r">(Causal graph|Data quality|What was found)<", text)
