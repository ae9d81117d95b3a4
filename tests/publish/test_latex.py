"""LaTeX tables: well formed whatever stands in a study file, and compiled where a LaTeX is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.publish.conftest import Run

from balanza.provenance import read_json
from balanza.publish import latex
from balanza.report import words

KNOWN = re.compile(r"\\(?:[&%$#_{}\\,]|[a-zA-Z]+)")
COMMANDS = {"textbackslash", "textasciitilde", "textasciicircum", "textasciigrave", "textless", "textgreater", "texttt"}


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("50 % of a_b & #1", r"50 \% of a\_b \& \#1"),
        ("\\input{x} $y$", r"\textbackslash{}input\{x\} \$y\$"),
        ("-3 to 4, x-y", "$-$3 to 4, x-y"),
        ("see `a_b`", r"see \texttt{a\_b}"),
        ("one ` only", r"one \textasciigrave{} only"),
        ("a\u202eb\nc", "ab c"),
    ],
)
def test_nothing_in_a_text_is_a_command(text: str, made: str) -> None:
    assert latex.escaped(text) == made


def rows(text: str) -> list[str]:
    """The rows of the body of a table."""
    body = text.rpartition("\\endlastfoot" if "longtable" in text.split("\n")[2] else "\\midrule")[2]
    return [line for line in body.split("\\bottomrule")[0].splitlines() if line.endswith("\\\\")]


def test_the_table_of_estimates_holds_the_numbers_of_the_comparison(run: Run) -> None:
    text = (run.results / "tables" / "toy.estimates.tex").read_text()
    (row,) = read_json(run.results / "studies/toy/comparison.json")["rows"][:1]
    cells, below = (line.removesuffix(" \\\\").split(" & ") for line in rows(text))
    assert cells[1] == latex.escaped(words.number(row["value"]))
    assert cells[2] == latex.escaped(words.number(row["standard_error"]))
    assert below[1] == latex.escaped(words.interval(row["interval"]))
    assert latex.escaped(row["standard_error_type"]) in text
    assert f"rows sha256 {read_json(run.results / 'studies/toy/design.json')['data_digest'][:16]}" in text
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{rule}") == 1


@pytest.mark.parametrize("name", ["estimates", "checks"])
def test_braces_and_environments_are_closed_and_no_other_command_came_in(run: Run, name: str) -> None:
    text = (run.results / "tables" / f"toy.{name}.tex").read_text().split("\n", 1)[1]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert "\\input" not in text
    assert "textbackslash{}input" in text
    assert not re.search(r"(?<!\\)[%#]", text)
    assert "\u202e" not in text


def test_invented_and_blind_worlds_are_stamped() -> None:
    config = {"world": "synthetic", "flavour": "null", "selection": "dip"}
    assert latex.stamp(config, blind=False, own=False).startswith("SYNTHETIC: an invented Mexico")
    assert latex.stamp(config, blind=True, own=False).startswith("BLIND")
    assert latex.stamp(config, blind=False, own=True) == ""
    assert latex.stamp({"world": "mexico"}, blind=False, own=False) == ""


def test_they_compile(run: Run, tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, ("lualatex", "xelatex", "pdflatex", "tectonic"))), None)
    if program is None:
        pytest.skip("no LaTeX here: apt-get install texlive-latex-recommended")
    tables = "".join(f"\\input{{{path}}}\n" for path in sorted((run.results / "tables").glob("*.tex")))
    head = "\\documentclass{article}\\usepackage{booktabs,longtable}\n"
    (tmp_path / "all.tex").write_text(f"{head}\\begin{{document}}\n{tables}\\end{{document}}\n")
    options = [] if program.endswith("tectonic") else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([program, *options, "all.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
