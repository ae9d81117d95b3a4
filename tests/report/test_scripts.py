"""Scripts of pages: what the policy lets run is the text on the page, and nothing that data bring along."""

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass, field

import pytest
from jinja2 import ChoiceLoader, DictLoader

from balanza.errors import BalanzaError
from balanza.report import scripts
from balanza.report.pages import environment
from balanza.report.tables import Tables

HOSTILE = ["</script><script>alert(1)</script>", "<!--<script>", "\u2028 \u202e \" ' &"]
PAGE = """{% extends "base.html.j2" %}{% set scripts = named %}
{% block script %}{{ data("numbers", content) }}{% endblock %}"""


@dataclass(frozen=True)
class World:
    config: dict = field(default_factory=lambda: {"seed": 1, "level": 0.95})
    synthetic = blind = False
    weighing = outlook = provenance = None


def page(named: list, content: object = None) -> str:
    env = environment(World(), [], "index")
    env.loader = ChoiceLoader([DictLoader({"page": PAGE}), env.loader])
    return env.get_template("page").render(named=named, content=content, tables=Tables("index"))


def policy(text: str) -> str:
    return html.unescape(re.search(r'Security-Policy" content="([^"]*)"', text)[1])


def test_the_policy_allows_the_scripts_of_the_page_by_their_digests_and_nothing_else() -> None:
    text = page([scripts.Script("one", "let a = 1 < 2 && '&'"), scripts.Script("two", "\nlet b\n")])
    inside = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    always = ("save", "pictures", "tables", "languages")
    assert inside[:4] == [scripts.named(name).text for name in always]
    digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in inside]
    assert inside[4:] == ["let a = 1 < 2 && '&'", "\nlet b\n"]
    assert policy(text).endswith("; script-src " + " ".join(f"'sha256-{digest}'" for digest in digests))
    assert policy(text).startswith("default-src 'none'")
    assert "eval" not in policy(text)


def test_without_scripts_none_is_allowed() -> None:
    assert scripts.policy([]).endswith("script-src 'none'")


def test_a_script_that_is_named_twice_stands_once() -> None:
    script = scripts.Script("one", "let a")
    assert page([script, script]).count("<script>let a</script>") == 1


@pytest.mark.parametrize("text", ["'</script>'", "'</SCRIPT '", "'<!--'"])
def test_a_script_that_would_end_its_element_is_refused_by_name(text: str) -> None:
    with pytest.raises(BalanzaError, match="The script map holds"):
        scripts.Script("map", text)


def test_data_stay_data_whatever_they_hold() -> None:
    content = {"names": HOSTILE, "value": 1 / 3}
    text = page([], content)
    found = re.findall(r"<script\b([^>]+)>(.*?)</script>", text, re.DOTALL)
    assert [attributes for attributes, _ in found] == [' type="application/json" id="numbers"']
    assert "<" not in found[0][1]
    assert json.loads(found[0][1]) == content


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        scripts.data("numbers", [float("nan")])
