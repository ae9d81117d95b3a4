"""Formulas in Markdown, read by matplotlib's TeX parser: an unbalanced brace or an unknown command is an error."""

from __future__ import annotations

import re

FENCED = re.compile(r"^```math\n(.+?)\n```$", re.MULTILINE | re.DOTALL)


def formulas(text: str) -> list[str]:
    """All fenced formulas of a text, then all between dollar signs."""
    fenced = [" ".join(formula.split()) for formula in FENCED.findall(text)]
    prose = re.sub(r"`[^`]*`", "", FENCED.sub("", text))
    assert prose.count("$") % 2 == 0, "a dollar sign is missing"
    assert "```" not in prose, "a fence is not closed"
    return fenced + [" ".join(formula.split()) for formula in prose.split("$")[1::2]]


def check(text: str) -> int:
    """Parse all formulas of a text, and count those that are fenced.

    Raises
    ------
    ValueError
        At the first that is not legal.
    """
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for formula in formulas(text):
        parser.parse(f"${formula}$")
    return len(FENCED.findall(text))
