"""The README of a replication archive, after the template of the social science data editors.

Vilhuber, Connolly, Koren, Llull and Morrow (2022), A template README for social science replication packages, v1.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from balanza.report import words
from balanza.report.language import N_

CODEBOOK = (N_("variable"), N_("label"), N_("unit"), N_("type"), N_("role"), N_("source"), N_("tables"))
TYPES = (N_("text"), N_("month"), N_("count"), N_("number"), N_("geometry"))
ROLES = (
    *(N_("key"), N_("outcome"), N_("exposure"), N_("treatment")),
    *(N_("covariate"), N_("moderator"), N_("control"), N_("description")),
)
"""What the codebook calls types and roles of columns."""
PARTS = {
    "README.md": "What is in this archive, and how to make its results again",
    "codebook.en.csv": "Every column of the panels, in English",
    "codebook.es.csv": "Cada columna de los paneles, en español",
    "SHA256SUMS.txt": "The sha256 of every file of this archive",
    "balanza/data/sources.csv": "The pinned sources: agency, licence, address, bytes, sha256",
}
STEPS = (
    (
        "workflow/rules/acquire.smk",
        "data/raw/<world>",
        "fetches the public files, or invents those of the synthetic world",
    ),
    ("workflow/rules/panel.smk", "tidy, panel, quality.json, summary", "reads each layout, builds the panels"),
    ("workflow/rules/graph.smk", "graph, identification.json", "asks the causal graph, and draws it"),
    ("workflow/rules/estimate.smk", "studies/<study>/estimates", "runs every estimator that a study supports"),
    ("workflow/rules/graph_tests.smk", "graph/<graph>", "tests the graph against the panel"),
    ("workflow/rules/check.smk", "studies/<study>/checks", "runs the checks"),
    ("workflow/rules/curve.smk", "studies/<study>/curve.json", "draws specification curves"),
    ("workflow/rules/compare.smk", "comparison.json, claim.json", "lays estimates side by side, grades the claims"),
    ("workflow/rules/weigh.smk", "versus", "weighs both arms peso for peso"),
    ("workflow/rules/outlook.smk", "outlook", "forecasts, and lays scenarios over it"),
    ("workflow/rules/validation.smk", "validation", "scores the estimators where the truth is known"),
    ("workflow/rules/report.smk", "provenance.json, tables, pages, brief.pdf", "writes what people read"),
)
"""The files of the workflow in the order in which they run, what they make in results/<world>, and what they do."""


def text(traced: Mapping[str, Any], config: Mapping[str, Any], cost: Mapping[str, Any], files: Sequence[str]) -> str:
    """The README.

    Parameters
    ----------
    traced : mapping
        provenance.json of the run.
    config : mapping
        Its merged configuration.
    cost : mapping
        What all of its jobs took: `n`, `cpu_seconds`, `wall_seconds`, `peak_mib`.
    files : sequence of str
        Paths in the archive.

    Returns
    -------
    str
        Markdown.
    """
    made = Environment(  # noqa: S701 - the result is Markdown, and every text in its tables passes `cell`
        loader=PackageLoader("balanza.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"cell": _cell, "number": words.number}
    folder = f"results/{traced['results']}"
    return made.get_template("archive.md.j2").render(
        traced=traced,
        config=config,
        cost=cost,
        folder=folder,
        world=config["world"],
        n_results=sum(f"/{folder}/" in path for path in files),
        n_code=sum(f"/{folder}/" not in path and path.startswith("balanza/") for path in files),
        steps=STEPS,
        parts=PARTS,
        public=[source for source in traced["sources"] if source["sort"] == "public"],
        own=[source for source in traced["sources"] if source["sort"] == "own"],
    )


def _cell(value: Any) -> str:
    """A text in a cell of a table, so that nothing in it is markup."""
    shown = " ".join(str("–" if value is None else value).split())
    for sign in "\\`*_{}[]<>|#":
        shown = shown.replace(sign, f"\\{sign}")
    return shown
