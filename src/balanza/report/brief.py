"""What the two-page brief says: the question, two claims, what the same pesos buy, and what cannot be said.

All of it is text of results, handed to the typesetter as data; the template holds no word, and reads no text as markup.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from balanza.report import claims, weighing, words
from balanza.report.language import N_, active, said
from balanza.report.language import gettext as _
from balanza.report.load import StudyResults, Weighing, WorldResults
from balanza.report.provenance import citation

CHART = "pesos.svg"
QUESTION = N_("Does National Guard presence, or prevention spending, reduce homicide in Mexico's municipalities?")
TITLE, LINE, NOTE = 150, 480, 220
"""Most letters of a title, of a sentence and of what stands in a list: what is longer is whole in the report."""
LIMITS, CLAIMS = 8, 12
"""Most lines of a kind."""


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
        "language": active().code,
        "title": _(QUESTION),
        "name": "Balanza",
        "lead": _("What one run found, in two pages; the report that it comes from shows every step."),
        "stamps": list(_stamps(world)),
        "cards": [_card(found, card) for found, card in chosen],
        "none": _("No study of this run has an estimate."),
        "bought": {
            "title": _("What the same pesos buy"),
            "sentences": [_short(said(line)) for line in weighing.summary(world.weighing)] if world.weighing else [],
            "none": _("Nothing was weighed in this run."),
            "chart": CHART if ran else None,
            "caption": _caption(pesos) if ran and pesos else "",
        },
        "all": {
            "title": _("All claims of this run"),
            "head": [_("Study"), _("Grade"), _("Change"), _("Interval"), _("Estimator")],
            "rows": list(_claims(world)),
        },
        "limits": {"title": _("What cannot be said"), "items": list(_limits(world, chosen))},
        "check": {"title": _("How to cite and check"), **_check(world, chosen)},
    }
    return content, {CHART: _drawn(world.weighing)} if ran and world.weighing else {}


def _stamps(world: WorldResults) -> Iterable[dict[str, str]]:
    if world.blind:
        yield {
            "sort": "blind",
            "text": _(
                "BLIND: the treatment was handed to other clusters or units at random. Nothing here is a finding."
            ),
        }
    if world.synthetic:
        yield {
            "sort": "synthetic",
            "text": _(
                "SYNTHETIC: an invented Mexico with known effects (%(flavour)s; the Guard assigned by %(selection)s)."
                " Nothing here is a finding about the real country."
            )
            % {key: said(world.config[key]) for key in ("flavour", "selection")},
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
    unit = words.unit_of(treatment)
    return {
        "title": _short(_titled(found, card), TITLE),
        "grade": said(card["grade"]) or "–",
        "verdict": said(card["title"]),
        "finding": _short(words.finding(row, study.outcome.column, unit, study.level)),
        "truth": words.against_truth(row),
        "missed": row.get("covers_truth") is False,
        "lines": [_short(line, NOTE) for line in [card["counts_words"], *card["lines"]] if line],
        "source": _short(
            f"{said(row['title'])}, {said(row['standard_error_type'])}" if row["status"] == "ran" else "", NOTE
        ),
    }


def _titled(found: StudyResults, card: Mapping[str, Any]) -> str:
    """A study, with the treatment where it has several."""
    title = said(found.study.title)
    return f"{title}: {said(card['treatment'])}" if len(found.study.treatments) > 1 else title


def _claims(world: WorldResults) -> Iterable[list[str]]:
    """A line for each claim, the numbers in per cent where the estimate has such a reading."""
    cards = [(found, card) for found in world.studies for card in found.claim["cards"]]
    for found, card in cards[:CLAIMS]:
        row = card["headline"]
        change = row["percent_change"] if row["status"] == "ran" else None
        if change:
            value, span = words.percent(change[0]), words.interval(change[1:], words.percent)
        else:
            value, span = words.number(row.get("value")), words.interval(row.get("interval"))
        yield [
            _short(_titled(found, card), TITLE // 2),
            said(card["grade"]) or "–",
            value,
            span,
            f"`{row['estimator']}`",
        ]
    if len(cards) > CLAIMS:
        yield [_("and {n} more in the report").format(n=len(cards) - CLAIMS), "", "", "", ""]


def _caption(pesos: Mapping[str, Any]) -> str:
    return _(
        "What growing sums avoid a year ({outcome}), for each cost of an arm. Shaded: {level} % interval. Dashed:"
        " beyond the doses that were seen."
    ).format(outcome=said(pesos["outcome"]), level=words.number(100 * pesos["level"]))


def _drawn(found: Weighing) -> str:
    assert found.pesos is not None and found.lines is not None  # noqa: S101 - asked only where they were weighed
    return str(weighing.chart(found.pesos, found.lines))


def _limits(world: WorldResults, chosen: Sequence[tuple[StudyResults, Mapping[str, Any]]]) -> Iterable[str]:
    """The limits that the shown studies state, and others of the same treatments, after those of every run."""
    shown = {treatment.column for found, _ in chosen for treatment in found.study.treatments}
    alike = [found for found in world.studies if shown & {treatment.column for treatment in found.study.treatments}]
    stated = [line for found in [*(found for found, _ in chosen), *alike] for line in found.study.limits]
    general = [
        _(
            "No effect of the Guard on the country as a whole: it came to all states in the same month, so there is no"
            " country without it."
        ),
        _("No ranking of states by how well the Guard does: each state is one observation."),
        _("No municipal dose of the Guard: no such series is public, and what a user supplies is the user's."),
        _("No cost for each life saved where the interval of the effect contains zero."),
    ]
    found = list(dict.fromkeys([*general, *stated]))
    yield from (_short(said(line), NOTE) for line in found[:LIMITS])
    if len(found) > LIMITS:
        yield _("And {n} more, on the studies' pages.").format(n=len(found) - LIMITS)


def _check(world: WorldResults, chosen: Sequence[tuple[StudyResults, Mapping[str, Any]]]) -> dict[str, Any]:
    """How to cite, and the digests by which two people know that they have the same numbers."""
    found = world.provenance
    return {
        "cite": citation(found) if found else "",
        "again": _(
            "The report, with every estimator, check and source, is the page index.html of {folder}; its page"
            " provenance.html names the command that makes any one number again. Seed {seed}."
        ).format(folder=f"results/{found['results']}" if found else "results", seed=world.config["seed"]),
        "head": [_("Number"), _("Estimator"), _("Code (sha256)"), _("Rows (sha256)")],
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
