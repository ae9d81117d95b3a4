"""The page of provenance: what the numbers were made from, how to cite them, and how to make one of them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from balanza.report.language import N_
from balanza.report.language import gettext as _
from balanza.report.load import StudyResults, WorldResults

FIGURES = (
    ("index", N_("the map"), "summary/municipal.parquet"),
    ("index", N_("the series of the whole country"), "summary/national.parquet"),
    ("quality", N_("all tables"), "quality.json"),
    ("weighing", N_("what a peso buys"), "versus/pesos.json"),
    ("weighing", N_("who gets what"), "versus/targeting.json"),
    ("weighing", N_("the themes"), "versus/themes.json"),
    ("outlook", N_("the forecast and its scores"), "outlook/scores.json"),
    ("outlook", N_("the scenarios"), "outlook/scenarios.json"),
)
"""What the pages that belong to no study show, and the result that it is drawn from."""
OF_WEIGHED = ("versus/pesos.json", "versus/targeting.json")
OF_STUDY = (
    (N_("the rows"), "rows.parquet"),
    (N_("the series over time"), "series.parquet"),
    (N_("the map of the treatment"), "map.parquet"),
    (N_("the estimates side by side"), "comparison.json"),
    (N_("the claim and its grade"), "claim.json"),
)
BLANK = dict.fromkeys(("name", "status", "code_digest", "data_digest", "seed", "engine"))


def of_world(world: WorldResults) -> dict[str, Any]:
    """What the template shows.

    Parameters
    ----------
    world : WorldResults
        With its provenance.

    Returns
    -------
    dict
        What `trace` wrote, with `settings`, the merged configuration as text, and `figures`: the target of the workflow
        that makes each again.
    """
    assert world.provenance is not None  # noqa: S101 - the page is not made without it
    found = world.provenance
    folder = f"results/{found['results']}"
    traced = {study["study"]: study for study in found["studies"]}
    shown = [(run, traced[run.study.name]) for run in world.studies if run.study.name in traced]
    return {
        "found": found,
        "cite": citation(found),
        "folder": folder,
        "settings": yaml.safe_dump(dict(world.config), sort_keys=True, allow_unicode=True),
        "idle": sum(not row["studies"] for row in found["sources"]),
        "bytes": sum(row["bytes"] for row in found["sources"]),
        "figures": list(_general(world, folder)),
        "studies": [{**study, "figures": list(_of_study(run, study, folder))} for run, study in shown],
    }


def citation(found: Mapping[str, Any]) -> str:
    """How to cite a run, from what `trace` wrote."""
    cited = found["software"]["citation"]
    return _("{authors} ({year}). {title}, version {version}. World: {world}. Software, {licence} licence.").format(
        authors="; ".join(cited["authors"]),
        year=cited["released"][:4],
        title=cited["title"],
        version=cited["version"],
        world=found["results"],
        licence=cited["license"],
    )


def _general(world: WorldResults, folder: str) -> Iterable[dict[str, str]]:
    weighed = world.weighing is not None and world.weighing.pesos is not None
    made = {"weighing": world.weighing is not None, "outlook": world.outlook is not None}
    for page, what, file in FIGURES:
        if made.get(page, True) and (weighed or file not in OF_WEIGHED):
            yield {"page": page, "what": what, "target": f"{folder}/{file}"}
    for graph in world.graphs:
        target = f"{folder}/graph/{graph.drawn['graph']}/graph.svg"
        yield {"page": "graph", "what": graph.drawn["title"], "target": target}


def _of_study(found: StudyResults, study: Mapping[str, Any], folder: str) -> Iterable[dict[str, Any]]:
    """What a study's page shows, with the target that makes it again, and the digests where it has them."""
    own = f"{folder}/studies/{study['study']}"
    shown = list(OF_STUDY)
    if found.identification is not None:
        shown.insert(1, (_("what the graph says"), "identification.json"))
    if found.curve is not None:
        shown.append((_("the specification curve"), "curve.json"))
    for what, file in shown:
        yield BLANK | {"what": what, "target": f"{own}/{file}"}
    for sort, title in (("estimates", _("estimate")), ("checks", _("check"))):
        for row in study[sort]:
            yield BLANK | {"what": title, "target": f"{own}/{sort}/{row['name']}.json", **row}
