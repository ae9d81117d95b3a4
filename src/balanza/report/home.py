"""The first page: the question, what the two leading studies found, what a peso buys, the map and the country."""

from __future__ import annotations

from typing import Any

from balanza.report import charts, municipalities, weighing, words
from balanza.report.language import gettext as _
from balanza.report.load import StudyResults, WorldResults

LEAD = 2
"""How many studies have a card of their own: the first by the `order` of their files."""


def content(world: WorldResults) -> dict[str, Any]:
    """What the template shows."""
    municipal = world.places.municipal
    year = int(municipal["year"].max())
    cards = [card(found) for found in world.studies]
    return {
        "scripts": [municipalities.vega(), "places", "map"],
        "year": year,
        "map": municipalities.picture(world),
        "map_data": municipalities.of_map(world),
        "legend": municipalities.legend(),
        "national": charts.national(world.national),
        "cards": cards[:LEAD],
        "others": cards[LEAD:],
        "weighed": weighing.summary(world.weighing) if world.weighing else [],
        "pesos": weighing.picture(world.weighing) if world.weighing else None,
        "n_municipalities": len(world.outlines),
        "unread": int(municipal.loc[municipal["year"] == year, "rate"].isna().sum()),
    }


def card(found: StudyResults) -> dict[str, Any]:
    """What a study found, a sentence for each treatment."""
    study = found.study
    headline = found.claim["headline"]
    rows = [row for row in found.comparison["rows"] if row["estimator"] == headline]
    units = {treatment.name: words.unit_of(treatment) for treatment in study.treatments}
    grades = {card["treatment"]: card["grade"] for card in found.claim["cards"]}
    outcome, level = study.outcome.column, study.level
    unit = {row["treatment"]: units.get(row["treatment"], _("unit of treatment")) for row in rows}
    return {
        "study": study,
        "findings": [
            {
                "treatment": row["treatment"],
                "grade": grades.get(row["treatment"]),
                "text": words.finding(row, outcome, unit[row["treatment"]], level),
                "brief": words.briefly(row, outcome, unit[row["treatment"]]),
                "truth": words.against_truth(row),
                "missed": row.get("covers_truth") is False,
            }
            for row in rows
        ],
    }
