"""The methods as a page: what the file of each estimator and each check says of itself, by its own template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

from balanza.registry import registry
from balanza.report import methods


def content() -> dict[str, Any]:
    """The sorts of methods, each with its own methods by name, title and text."""
    texts, reader = methods.pages([], None), _reader()
    return {"sorts": {what: [_method(reader, name, texts[name]) for name in names] for what, names in own().items()}}


def own() -> dict[str, list[str]]:
    """The names of the methods that this package brings, by sort."""
    return {
        what: [name for name, entry in registry(what).entries.items() if not entry.outside] for what in methods.SORTS
    }


def link(name: str) -> Markup:
    """The name of a method, leading to its place on the page of the methods if it has one."""
    named = Markup("<code>{}</code>").format(name)
    known = any(name in names for names in own().values())
    return Markup('<a href="methods.html#{}">{}</a>').format(name, named) if known else named


def _method(reader: MarkdownIt, name: str, text: str) -> dict[str, Any]:
    """A method: its title and, below it, its text as HTML."""
    _, title, body = text.split("\n", 2)  # the first line says who wrote the file
    html = reader.render(body)
    return {"name": name, "title": title.removeprefix("# "), "text": Markup(html)}  # noqa: S704 - the reader escapes


def _reader() -> MarkdownIt:
    """Markdown without HTML, with tables; formulas are their TeX, as code."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.inline.ruler.before("escape", "formula", _formula)
    for name in ("heading_open", "heading_close"):
        reader.add_render_rule(name, _lower)
    reader.add_render_rule("table_open", lambda *_: '<div class="scroll"><table>\n')
    reader.add_render_rule("table_close", lambda *_: "</table></div>\n")
    reader.add_render_rule("th_open", lambda *_: '<th scope="col">')
    return reader


def _formula(state: StateInline, silent: bool) -> bool:
    """What stands between two dollars."""
    end = state.src.find("$", state.pos + 1)
    if state.src[state.pos] != "$" or end < 0:
        return False
    if not silent:
        state.push("code_inline", "code", 0).content = state.src[state.pos + 1 : end]
    state.pos = end + 1
    return True


def _lower(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, _: Any) -> str:
    """Headings one step down, below the method's own."""
    tokens[index].tag = f"h{int(tokens[index].tag[1]) + 1}"
    return renderer.renderToken(tokens, index, options, _)
