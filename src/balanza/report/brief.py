"""What the two-page brief says: the question, two claims, what the same pesos buy, and what cannot be said.

All of it is text of results, handed to the typesetter as data; the template holds no word, and reads no text as markup.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from balanza.report import charts, claims, weighing, words
from balanza.report.load import StudyResults, WorldResults

CHART = "pesos.svg"
QUESTION = "Does National Guard presence, or prevention spending, reduce homicide in Mexico's municipalities?"
TITLE, LINE, LIMITS, CLAIMS = 150, 480, 9, 14
"""Most letters of a title and of a sentence, most limits and claims: what is longer is whole in the report."""


def of_world(world: WorldResults) -> tuple[dict[str, Any], dict[str, str]]:
    """The brief's content, and its pictures.

    Parameters
    ----------
    world : WorldResults

    Returns
    -------
    dict, dict of str to str
        What the template reads; SVG by file name.
    """
    chosen = list(_cards(world))
    pesos = world.weighing.pesos if world.weighing else None
    ran = pesos is not None and pesos["status"] == "ran"
    content = {
        "language": "en",
        "title": QUESTION,
        "name": "Balanza",
        "lead": "What one run found, in two pages: it can be checked line by line in the report that it was made with.",
        "stamps": list(_stamps(world)),
        "cards": [_card(found, card) for found, card in chosen],
        "none": "No study of this run has an estimate.",
        "bought": {
            "title": "What the same pesos buy",
            "sentences": [_short(line) for line in weighing.summary(world.weighing)] if world.weighing else [],
            "none": "Nothing was weighed in this run.",
            "chart": CHART if ran else None,
            "caption": _caption(pesos) if ran and pesos else "",
        },
        "all": {
            "title": "All claims of this run",
            "head": ["Study", "Grade", "Change", "Interval", "Estimator"],
            "rows": list(_claims(world)),
        },
        "limits": {"title": "What cannot be said", "items": list(_limits(world, chosen))},
        "check": {"title": "How to cite and check", **_check(world, chosen)},
    }
    return content, {CHART: _drawn(world.weighing)} if ran and world.weighing else {}


def _stamps(world: WorldResults) -> Iterable[dict[str, str]]:
    if world.blind:
        yield {
            "sort": "blind",
            "text": "BLIND: the treatment was handed to other clusters or units at random. Nothing here is a finding.",
        }
    if world.synthetic:
        yield {
            "sort": "synthetic",
            "text": f"SYNTHETIC: an invented Mexico with known effects ({world.config['flavour']}; the Guard assigned"
            f" by {world.config['selection']}). Nothing here is a finding about the real country.",
        }


def _cards(world: WorldResults) -> Sequence[tuple[StudyResults, Mapping[str, Any]]]:
    """Two claim cards: those of both arms that are weighed, else the first two of the run."""
    weighed = world.weighing.pesos["study"] if world.weighing and world.weighing.pesos else None
    cards = [(found, card) for found in world.studies for card in claims.of_study(found)]
    arms = [(found, card) for found, card in cards if found.study.name == weighed]
    return (arms or cards)[:2]


def _card(found: StudyResults, card: Mapping[str, Any]) -> dict[str, Any]:
    study, row = found.study, card["headline"]
    treatment = next(item for item in study.treatments if item.name == card["treatment"])
    several = len(study.treatments) > 1
    unit = words.unit_of(treatment)
    return {
        "title": _short(f"{study.title}: {card['treatment']}" if several else study.title, TITLE),
        "grade": card["grade"] or "–",
        "verdict": card["title"],
        "finding": _short(words.finding(row, study.outcome.column, unit, study.level)),
        "truth": words.against_truth(row),
        "missed": row.get("covers_truth") is False,
        "lines": [_short(line) for line in [card["counts_words"], *card["lines"]] if line],
        "source": _short(f"{row['title']}, {row['standard_error_type']}" if row["status"] == "ran" else "", LINE),
    }


def _claims(world: WorldResults) -> Iterable[list[str]]:
    """A line for each claim, the numbers in per cent where the estimate has such a reading."""
    cards = [(found, card) for found in world.studies for card in found.claim["cards"]]
    for found, card in cards[:CLAIMS]:
        row = card["headline"]
        change = row["percent_change"] if row["status"] == "ran" else None
        if change:
            value, span = words.percent(change[0]), words.interval(change[1:], words.percent)
        else:
            value, span = words.number(row["value"]), words.interval(row["interval"])
        title = found.study.title + (f": {card['treatment']}" if len(found.study.treatments) > 1 else "")
        yield [_short(title, 90), card["grade"] or "–", value, span, f"`{row['estimator']}`"]
    if len(cards) > CLAIMS:
        yield [f"and {len(cards) - CLAIMS} more in the report", "", "", "", ""]


def _caption(pesos: Mapping[str, Any]) -> str:
    level = f"{100 * pesos['level']:g} %"
    return (
        f"{str(pesos['outcome']).capitalize()} avoided a year by growing sums, for each cost of an arm;"
        f" shaded: {level} interval; dashed: beyond the doses that were seen."
    )


def _drawn(found: Any) -> str:
    pesos = found.pesos
    x_title, y_title = f"million pesos of {pesos['base_year']} a year", f"{pesos['outcome']} avoided a year"
    return str(charts.equal_pesos(found.lines, x_title, y_title))


def _limits(world: WorldResults, chosen: Sequence[tuple[StudyResults, Mapping[str, Any]]]) -> Iterable[str]:
    """The limits that the shown studies state, and others of the same treatments, after those of every run."""
    shown = {treatment.column for found, _ in chosen for treatment in found.study.treatments}
    alike = [found for found in world.studies if shown & {treatment.column for treatment in found.study.treatments}]
    stated = [line for found in [*(found for found, _ in chosen), *alike] for line in found.study.limits]
    general = [
        "No effect of the Guard on the country as a whole: it came to all states in the same month.",
        "No ranking of states: each is one observation.",
        "No cost for each life saved where the interval of the effect contains zero.",
    ]
    found = list(dict.fromkeys([*general, *stated]))
    yield from (_short(line, 260) for line in found[:LIMITS])
    if len(found) > LIMITS:
        yield f"And {len(found) - LIMITS} more, on the studies' pages."


def _check(world: WorldResults, chosen: Sequence[tuple[StudyResults, Mapping[str, Any]]]) -> dict[str, Any]:
    """How to cite, and the digests by which two people know that they have the same numbers."""
    cited = world.provenance["software"]["citation"] if world.provenance else None
    folder = f"results/{world.provenance['results']}" if world.provenance else "the folder of the results"
    return {
        "cite": (
            f"{'; '.join(cited['authors'])} ({cited['released'][:4]}). {cited['title']}, version {cited['version']}."
            f" World: {world.provenance['results'] if world.provenance else ''}."
            if cited
            else ""
        ),
        "again": (
            f"The report, with every estimator, check and source, is index.html in {folder}; provenance.html there"
            f" names the command that makes any one number again. Seed {world.config['seed']}."
        ),
        "head": ["Number", "Estimator", "Code sha256", "Rows sha256"],
        "rows": list(_digests(world, chosen)),
    }


def _digests(world: WorldResults, chosen: Sequence[tuple[StudyResults, Mapping[str, Any]]]) -> Iterable[list[str]]:
    traced = {study["study"]: study for study in world.provenance["studies"]} if world.provenance else {}
    for found, card in chosen:
        stem = card["headline"]["stem"]
        estimates = traced.get(found.study.name, {}).get("estimates", [])
        row: Mapping[str, Any] = next((item for item in estimates if item["name"] == stem), {})
        code, data = (str(row.get(key) or "–")[:16] for key in ("code_digest", "data_digest"))
        name = _short(f"{found.study.name}, {card['treatment']}", 60)
        yield [name, *(f"`{part}`" for part in (card["headline"]["estimator"], code, data))]


def _short(text: str, most: int = LINE) -> str:
    """A text of at most so many letters, cut between words and ending in an ellipsis."""
    return text if len(text) <= most else textwrap.shorten(text, most, placeholder=" …")
