"""Tables for papers: LaTeX with booktabs, every text escaped, and what a reader has to know in the notes below."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from balanza.contract import Study
from balanza.report import words
from balanza.report.language import MINUS

SIGNS = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    MINUS: "$-$",
    words.THIN: r"\,",
    "–": "--",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "±": r"$\pm$",
}
"""What LaTeX would take for a command, or does not know as a letter."""
VERDICTS = {True: "passed", False: "not passed", None: "informs"}
HEAD = "% Needs \\usepackage{booktabs,longtable}. Made by Balanza; edits are lost with the next run.\n"


def escaped(text: str) -> str:
    """A text as LaTeX prints it: nothing in it is a command, minus signs are true ones, and backticks make code.

    Signs that only instruct a screen, such as marks of the direction of writing, are left out.
    """
    shown = "".join(sign for sign in text if unicodedata.category(sign) not in ("Cc", "Cf") or sign.isspace())
    parts = re.sub(words.NEGATIVE, MINUS, " ".join(shown.split())).split("`")
    made = ["".join(SIGNS.get(sign, sign) for sign in part) for part in parts]
    if len(made) % 2 == 0:  # a backtick without its partner stays as it is
        made[-2:] = [f"{made[-2]}\\textasciigrave{{}}{made[-1]}"]
    return "".join(f"\\texttt{{{part}}}" if index % 2 else part for index, part in enumerate(made))


def stamp(config: Mapping[str, Any], *, blind: bool, own: bool) -> str:
    """What has to stand on everything that is shown of a blind or invented world; nothing for a table of one's own."""
    said = ["BLIND: the treatment was handed out at random. Nothing here is a finding."] if blind else []
    if config["world"] == "synthetic" and not own:
        said.append(
            f"SYNTHETIC: an invented Mexico with known effects ({config['flavour']}; the Guard assigned by"
            f" {config['selection']}). Nothing here is a finding about the real country."
        )
    return " ".join(said)


def estimates(study: Study, design: Mapping[str, Any], comparison: Mapping[str, Any], mark: str = "") -> str:
    """The estimates of a study as a table.

    Parameters
    ----------
    study : Study
    design, comparison : mapping
        design.json and comparison.json of the study.
    mark : str
        From `stamp`.

    Returns
    -------
    str
        LaTeX.
    """
    ran = [row for row in comparison["rows"] if row["status"] == "ran"]
    several = len(study.treatments) > 1
    head = ["Estimator", "Estimate", "Std. error", "$p$", r"Change, \%", "Clusters"]
    rows = [line for row in ran for line in _lines(row, several, row["estimator"] == study.headline)]
    notes = list(_notes(study, design, ran, mark))
    return _table(head, rows, r"p{0.22\linewidth}rrrrr", study.title, f"{study.name}-estimates", notes)


def _lines(row: Mapping[str, Any], several: bool, headline: bool) -> Iterable[list[str]]:
    """An estimate, and below it its treatment where there are several, and its intervals: beside it is no room."""
    title = row["title"] + (" (headline)" if headline else "")
    p_value, clusters = words.p_value(row["p_value"]), words.number(row["n_clusters"])
    change, *bounds = row["percent_change"] or (None,)
    numbers = [words.number(item) for item in (row["value"], row["standard_error"], change)]
    yield [title, *numbers[:2], p_value, numbers[2], clusters]
    below = words.interval(bounds) if bounds else ""
    yield [row["treatment"] if several else "", words.interval(row["interval"]), "", "", below, ""]


def _notes(study: Study, design: Mapping[str, Any], ran: Sequence[Mapping[str, Any]], mark: str) -> Iterable[str]:
    if mark:
        yield mark
    units = "; ".join(f"{item.name}: {words.unit_of(item)}" for item in study.treatments)
    level = words.number(100 * study.level)
    yield f"Outcome: {study.outcome.column}, {design['first_period']} to {design['last_period']}."
    yield f"Effects are per unit of treatment ({units}). Intervals of {level} per cent."
    yield f"{words.number(design['n_observations'])} observations of {words.number(design['n_units'])} units."
    for scale in sorted({row["scale"] for row in ran}):
        names = ", ".join(dict.fromkeys(row["estimator"] for row in ran if row["scale"] == scale))
        yield f"Scale {scale}: {names}."
    kinds = dict.fromkeys(row["standard_error_type"] for row in ran)
    for kind in kinds:
        names = ", ".join(dict.fromkeys(row["estimator"] for row in ran if row["standard_error_type"] == kind))
        yield f"Standard errors of {names}: {kind}."
    yield _digests(design)


def _digests(design: Mapping[str, Any]) -> str:
    return f"Study file sha256 {design['study_digest'][:16]}, rows sha256 {design['data_digest'][:16]}."


def checks(study: Study, design: Mapping[str, Any], found: Iterable[Mapping[str, Any]], mark: str = "") -> str:
    """The checks of a study as a table: each with its verdict and its sentence, or why it did not run.

    Parameters
    ----------
    study, design, mark : as in `estimates`
    found : iterable of mapping
        The JSON of each check.

    Returns
    -------
    str
        LaTeX.
    """
    rows = [
        [row["title"], VERDICTS[row["passed"]], row["sentence"]]
        if row["status"] == "ran"
        else [row["title"], row["status"], row["reason"]]
        for row in found
    ]
    head = ["Check", "Verdict", "What it found"]
    title, label = f"Checks: {study.title}", f"{study.name}-checks"
    notes = [*([mark] if mark else []), _digests(design)]
    return _table(head, rows, r"p{0.2\linewidth}lp{0.57\linewidth}", title, label, notes, long=True)


def _table(
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    columns: str,
    title: str,
    label: str,
    notes: Sequence[str],
    *,
    long: bool = False,
) -> str:
    """A table with its notes; a long one runs over pages."""
    cells = [[escaped(str("" if cell is None else cell)) for cell in row] for row in rows]
    made = (
        pd.DataFrame(cells, columns=list(head), dtype=object)
        .style.hide(axis="index")
        .to_latex(
            environment="longtable" if long else "table",
            hrules=True,
            column_format=columns,
            caption=escaped(title),
            label=f"tab:{label.replace('_', '-')}",
            position_float=None if long else "centering",
        )
    )
    note = "{\\footnotesize Notes: " + " ".join(escaped(line) for line in notes) + "\\par}\n"
    small = "{\\footnotesize\\setlength\\tabcolsep{4pt}\n"
    if long:
        return f"{HEAD}{small}{made}{note}}}\n"
    opening, ending = "\\begin{table}\n", "\\end{table}\n"
    inner = made.removeprefix(opening).removesuffix(ending)
    return f"{HEAD}{opening}{small}{inner}\\par\\smallskip\n{note}}}\n{ending}"
