"""No sentence that a check, estimator or graph writes is without its message, nor a message without its Spanish."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from tests.contract import test_checks, test_estimators

from balanza.errors import Unsupported
from balanza.provenance import read_json
from balanza.report import language, messages
from balanza.results import KEYS, write_check, write_estimate, write_no_estimate
from balanza.verbs import identify

NO_SENTENCES = {
    "engine": "names of programs and their versions",
    "graph_title": "words of the graph's file",
    "label": "the name of a cluster or unit",
    "opened": "a path of the graph",
    "threat": "words of the graph's file",
}
"""Keys whose texts stay as they are, and why."""
STUDY = Path(__file__).parents[2] / "config" / "studies"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    return messages.read(language.CATALOGUES / "es.po")


def texts(value: Any, key: str = "") -> Iterator[str]:
    """Texts of more than one word in a tree, but for keys that have no sentences."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name != "messages" and name not in NO_SENTENCES:
                yield from texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)
    elif isinstance(value, str) and " " in value.strip():
        yield value


def unknown(record: Any, catalogue: Catalog) -> Iterator[str]:
    """Messages of a record and of its parts that have no Spanish."""
    if isinstance(record, Mapping):
        if "message" in record and not catalogue[record["message"]]:
            yield record["message"]
        for item in (*record.get("parts", ()), *record.get("values", {}).values(), record.get("capitalised")):
            yield from unknown(item, catalogue)


def assert_complete(path: Path, catalogue: Catalog) -> None:
    values = read_json(path)
    known = values["messages"]
    assert [text for text in texts(values) if text not in known and not catalogue.get(text)] == []
    assert [message for record in known.values() for message in unknown(record, catalogue)] == []


def test_no_message_hides_from_the_catalogue(catalogue: Catalog) -> None:
    # Babel does not see a message that stands within another call within a message.
    calls = (
        (path.name, node.args[0])
        for path in sorted(messages.PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "say_n")
    )
    hidden = [
        (name, ast.unparse(first))
        for name, first in calls
        if not (isinstance(first, ast.Constant) and catalogue.get(first.value))
    ]
    assert hidden == []


@pytest.mark.parametrize("name", test_checks.ENTRIES)
def test_what_checks_write_has_its_messages(name: str, tmp_path: Path, catalogue: Catalog) -> None:
    entry = test_checks.ENTRIES[name]
    kind, family = max(entry.spec.treatments), max(entry.spec.families)
    result = test_checks.run(entry, *test_checks.build_for(entry, kind, family))
    write_check(tmp_path, result, {"name": name, "status": "ran", "reason": None})
    assert_complete(tmp_path / f"{name}.json", catalogue)


@pytest.mark.parametrize("name", test_estimators.ENTRIES)
def test_what_estimators_write_has_its_messages(name: str, tmp_path: Path, catalogue: Catalog) -> None:
    entry = test_estimators.ENTRIES[name]
    kind, family = max(entry.spec.treatments), max(entry.spec.families)
    found = test_estimators.run(entry, *test_estimators.build(kind, family, test_estimators.noisy()))
    write_estimate(tmp_path, name, found, dict.fromkeys(KEYS))
    assert_complete(tmp_path / f"{name}.json", catalogue)


@pytest.mark.parametrize("name", test_estimators.ENTRIES)
def test_a_refusal_has_its_messages(name: str, tmp_path: Path, catalogue: Catalog) -> None:
    entry = test_estimators.ENTRIES[name]
    kind, family = max(entry.spec.treatments), max(entry.spec.families)
    study, panel = test_estimators.build(kind, family, test_estimators.noisy())
    constant = panel.frame.assign(outcome=1.0)
    with pytest.raises(Unsupported) as refusal:
        test_estimators.run(entry, study, type(panel)(**{**vars(panel), "frame": constant}))
    write_no_estimate(tmp_path, name, "guard", "declined", str(refusal.value), dict.fromkeys(KEYS))
    assert_complete(tmp_path / f"{name}.json", catalogue)


@pytest.mark.parametrize("path", sorted(STUDY.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_graph_says_of_the_studies_has_its_messages(path: Path, tmp_path: Path, catalogue: Catalog) -> None:
    if "\ngraph:" not in path.read_text("utf-8"):
        pytest.skip("the study names no graph")
    identify.run(path, tmp_path / "identification.json")
    assert_complete(tmp_path / "identification.json", catalogue)
