"""The page of provenance: what the numbers were made from, how to cite them, and how to make one of them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from balanza.report.load import WorldResults

FIGURES = (
    ("index", "the map and the cards' places", "summary/municipal.parquet"),
    ("index", "the national series", "summary/national.parquet"),
    ("quality", "every table", "quality.json"),
    ("weighing", "what a peso buys", "versus/pesos.json"),
    ("weighing", "who gets what", "versus/targeting.json"),
    ("weighing", "the themes", "versus/themes.json"),
    ("outlook", "the forecast and its scores", "outlook/scores.json"),
    ("outlook", "the scenarios", "outlook/scenarios.json"),
)
"""What the pages that belong to no study show, and the result that it is drawn from."""
OF_STUDY = (
    ("the rows", "rows.parquet"),
    ("the time series", "series.parquet"),
    ("the map of the treatment", "map.parquet"),
    ("the estimates side by side", "comparison.json"),
    ("the claim and its grade", "claim.json"),
)


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
    return {
        "found": found,
        "folder": folder,
        "settings": yaml.safe_dump(dict(world.config), sort_keys=True, allow_unicode=True),
        "titles": {study["study"]: study["title"] for study in found["studies"]},
        "idle": sum(not row["studies"] for row in found["sources"]),
        "bytes": sum(row["bytes"] for row in found["sources"]),
        "figures": list(_general(world, folder)),
        "studies": [{**study, "figures": list(_of_study(study, world, folder))} for study in found["studies"]],
    }


def _general(world: WorldResults, folder: str) -> Iterable[dict[str, str]]:
    missing = {"weighing"} if world.weighing is None else set()
    if world.outlook is None:
        missing.add("outlook")
    nothing_weighed = world.weighing is not None and world.weighing.pesos is None
    for page, what, target in FIGURES:
        if page not in missing and not (nothing_weighed and target in ("versus/pesos.json", "versus/targeting.json")):
            yield {"page": page, "what": what, "target": f"{folder}/{target}"}
    for graph in world.graphs:
        yield {
            "page": "graph",
            "what": graph.drawn["title"],
            "target": f"{folder}/graph/{graph.drawn['graph']}/graph.svg",
        }


def _of_study(study: Mapping[str, Any], world: WorldResults, folder: str) -> Iterable[dict[str, Any]]:
    """What a study's page shows, with the target that makes it again, and the digests where it has them."""
    own = f"{folder}/studies/{study['study']}"
    results = next(found for found in world.studies if found.study.name == study["study"])
    shown = list(OF_STUDY)
    if results.identification is not None:
        shown.insert(1, ("what the graph says", "identification.json"))
    if results.curve is not None:
        shown.append(("the specification curve", "curve.json"))
    for what, file in shown:
        yield {"what": what, "target": f"{own}/{file}"}
    for sort, title in (("estimates", "estimate"), ("checks", "check")):
        for row in study[sort]:
            yield {"what": f"{title} {row['name']}", "target": f"{own}/{sort}/{row['name']}.json", **row}
