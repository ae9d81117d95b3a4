"""Scripts of the pages: inlined, and allowed by the digest of their text, so that no other text can run.

A page names its scripts by `{% set scripts = [...] %}`, or is rendered with a list of that name: names of files in
report/static (without .js), or `Script`s where the text comes from a package. Data for them goes into
`{% block script %}` by `data(id, content)`, which a browser never runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from balanza.errors import BalanzaError

STATIC = Path(__file__).parent / "static"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
ENDS = ("</script", "<!--")  # either would end the element early, or hide its end


@dataclass(frozen=True)
class Script:
    """The text of a script, as it stands between the tags.

    Raises
    ------
    BalanzaError
        If the text would end its element early.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        found = [end for end in ENDS if end in self.text.lower()]
        if found:
            raise BalanzaError(f"The script {self.name} holds {found[0]}, which ends it within a page: write it apart")

    @property
    def source(self) -> str:
        """What the policy of the page calls it."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.text.encode()).digest()).decode()}'"


@cache
def named(name: str) -> Script:
    """A script of report/static."""
    return Script(name, (STATIC / f"{name}.js").read_text("utf-8"))


def _taken(scripts: Iterable[str | Script]) -> list[Script]:
    """Each once, in the order given."""
    return list(dict.fromkeys(script if isinstance(script, Script) else named(script) for script in scripts))


def policy(scripts: Iterable[str | Script]) -> str:
    """The content security policy of a page with these scripts: nothing is fetched, and nothing else runs."""
    sources = " ".join(script.source for script in _taken(scripts)) or "'none'"
    return f"{POLICY}; script-src {sources}"


def inlined(scripts: Iterable[str | Script]) -> Markup:
    """The script elements of a page."""
    return Markup("\n").join(
        Markup(f"<script>{script.text}</script>")  # noqa: S704 - text of this package, and of the lock's
        for script in _taken(scripts)
    )


def data(identifier: str, content: Any) -> Markup:
    """Data for a script, which reads it by `JSON.parse(document.getElementById(identifier).textContent)`.

    Parameters
    ----------
    identifier : str
        The element's id.
    content : any
        What JSON can hold; numbers have to be finite. Whatever texts it has, none of them ends the element.
    """
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup('<script type="application/json" id="{}">{}</script>').format(
        identifier,
        Markup(text),  # noqa: S704 - without a < it cannot leave its element
    )
