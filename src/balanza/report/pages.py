"""The pages: templates filled with results, sentences and charts. Every value that is shown is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from jinja2.bccache import Bucket
from markupsafe import Markup

from balanza import __version__
from balanza.contract import Treatment
from balanza.forked import each
from balanza.provenance import write_text
from balanza.publish.brief import typeset
from balanza.report import (
    areas,
    brief,
    causes,
    charts,
    check_charts,
    claims,
    curve,
    home,
    language,
    method_page,
    municipalities,
    outlook,
    provenance,
    scripts,
    weighing,
    words,
)
from balanza.report.language import LANGUAGES, said, speaking
from balanza.report.language import gettext as _
from balanza.report.load import StudyResults, WorldResults
from balanza.report.tables import Tables


def write(world: WorldResults, out: Path, workers: int = 1) -> None:
    """Write the pages in every language: the general ones, those that have results, one a study, and the brief.

    Parameters
    ----------
    world : WorldResults
        What the run found.
    out : Path
        results/<world>; Spanish pages go to its folder es.
    workers : int
        Processes that draw the pages. Each page is written whole or not at all, and is the same for any number.
    """
    names = [*_general(world), *_studies(world), "brief"]
    shares = [ALIVE, *((name,) for name in names if name not in ALIVE)]
    each(lambda share: _write_share(world, out, share), shares, workers)


ALIVE = ("index", "municipality")
"""The pages that carry the charting library, which a process bundles once, and takes seconds over."""


def _write_share(world: WorldResults, out: Path, names: Sequence[str]) -> None:
    for name in names:
        _write_page(world, out, name)


def _general(world: WorldResults) -> dict[str, Callable[[], dict[str, Any]]]:
    """The pages that are not of a study, and what fills each."""
    made: dict[str, Callable[[], dict[str, Any]]] = {
        "index": lambda: home.content(world),
        "municipality": lambda: _municipality(world),
        "graph": lambda: {"graphs": causes.of_world(world)},
        "methods": method_page.content,
        "quality": lambda: {"quality": world.quality},
    }
    if world.weighing:
        made["weighing"] = partial(weighing.of_world, world.weighing)
    if world.outlook:
        made["outlook"] = partial(outlook.of_world, world.outlook)
    if world.provenance:
        made["provenance"] = partial(provenance.of_world, world)
    return made


def _studies(world: WorldResults) -> dict[str, str]:
    """The studies with their titles, in the order of the menu."""
    titles = {found.study.name: found.study.title for found in world.studies}
    return titles | {study.name: study.title for study in world.waiting}


def _write_page(world: WorldResults, out: Path, name: str) -> None:
    from altair.utils.schemapi import debug_mode

    for spoken in LANGUAGES:
        with speaking(spoken, world.sentences), debug_mode(False):  # tests hold each chart to its schema
            if name == "brief":
                typeset(*brief.of_world(world), out / spoken.brief)
                continue
            template, content = _page(world, name)
            env = environment(world, list(_studies(world).items()), name)
            publish(env.get_template(f"{template}.html.j2"), out / f"{spoken.folder}{name}.html", **content)


def publish(template: Template, file: Path, **content: Any) -> None:
    """Write a page in the active language, and its tables beside it.

    Parameters
    ----------
    template : Template
        Of an `environment`.
    file : Path
        The page.
    content : any
        What the template shows.
    """
    tables = Tables(file.stem)
    write_text(file, template.render(tables=tables, **content))
    tables.write(file.parent)


def _page(world: WorldResults, name: str) -> tuple[str, dict[str, Any]]:
    """The template of a page, and what fills it in the active language."""
    ran = {found.study.name: found for found in world.studies}
    idle = {study.name: study for study in world.waiting}
    if name in ran:
        own_rows = ran[name].study.rows == "panel"
        return "study", {"own_rows": own_rows, **_study(world, ran[name])}
    if name in idle:
        return "waiting", {"study": idle[name]}
    return name, _general(world)[name]()


class _Compiled(BytecodeCache):
    """Templates as they were compiled, which all pages and languages of a process share."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.held:
            bucket.bytecode_from_string(self.held[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.held[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environment(world: Any, menu: Sequence[tuple[str, str]], page: str) -> Environment:
    """The templates in the active language, and what all pages show.

    Parameters
    ----------
    world : WorldResults, or whatever has its `config` and `synthetic`
        Whose pages they are: every page bears its stamp.
    menu : sequence of (name, title)
        The studies.
    page : str
        The name of the page's file, without its end.
    """
    made = Environment(
        loader=PackageLoader("balanza.report"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
    )
    made.policies["ext.i18n.trimmed"] = True
    language.install(made)
    made.filters |= {
        "number": words.number,
        "percent": words.percent,
        "p": words.p_value,
        "cell": words.cell,
        "arrow": words.arrow,
        "code": words.code,
        "slug": words.slug,
    }
    made.globals |= {
        "interval": words.interval,
        "percent": words.percent,
        "world": world,
        "version": __version__,
        "menu": menu,
        "policy": scripts.policy,
        "inlined": scripts.inlined,
        "data": scripts.data,
        "method": method_page.link,
        "page": page,
    }
    return made


def _municipality(world: WorldResults) -> dict[str, Any]:
    return {
        "scripts": [municipalities.vega(), "places", "municipality"],
        "municipality_data": municipalities.of_municipalities(world),
        "peers": municipalities.peers_words(world.places),
        "state_only": municipalities.state_only(world.places),
    }


def _study(world: WorldResults, found: StudyResults) -> dict[str, Any]:
    ran = [row for row in found.comparison["rows"] if row["status"] == "ran"]
    lead = next((row["estimator"] for row in ran if not _events(found, row).empty), None)
    return {
        "study": found.study,
        "design": found.design,
        "card": home.card(found),
        "claimed": found.claim,
        "claims": claims.of_study(found),
        "headline": found.claim["headline"],
        "ran": ran,
        "others": _others(found),
        "truth": found.comparison["truth"],
        "causes": causes.of_study(world, found),
        "curve": curve.of_study(found),
        "checks": [_check(found, check) for check in found.checks],
        "arms": [_arm(world, found, treatment) for treatment in found.study.treatments],
        "events": [chart for row in ran if row["estimator"] == lead and (chart := _event_study(found, row))],
        "more_events": _small_multiples(found, [row for row in ran if row["estimator"] != lead]),
        "forests": [
            {"treatment": name, "chart": forest, "words": words.agreement(counts)}
            for name, counts in found.comparison["agreement"].items()
            if (forest := _forest([row for row in ran if row["treatment"] == name]))
        ],
    }


def _check(found: StudyResults, check: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **check,
        "charts": check_charts.of_check(check),
        "consequence": words.consequence(check, found.study.outcome.family, found.claim["headline"]),
    }


def _others(found: StudyResults) -> list[dict[str, Any]]:
    """Those that did not run, in one group where status and reason are the same but for their own name."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found.comparison["rows"]:
        if row["status"] != "ran":
            reason = said(row["reason"]).removeprefix(f"{row['estimator']}: ")
            groups.setdefault((row["status"], reason), []).append(row)
    return [{"status": status, "reason": reason, "rows": rows} for (status, reason), rows in groups.items()]


def _arm(world: WorldResults, found: StudyResults, treatment: Treatment) -> dict[str, Any]:
    series = found.series[found.series["treatment"] == treatment.name]
    facts = next(item for item in found.design["treatments"] if item["name"] == treatment.name)
    outcome = found.study.outcome
    measured = said(outcome.column)
    if outcome.exposure:
        rate = _("{outcome} per 100,000 a period"), _("{outcome} per 100,000 a year")
        measured = rate[found.design["period_kind"] != "periods"].format(outcome=measured)
    return {
        "treatment": treatment,
        "words": words.measured_by(treatment),
        "facts": facts,
        "series": charts.series(series, measured, facts.get("start")),
        "map": _treatment_map(world, found, treatment),
    }


def _treatment_map(world: WorldResults, found: StudyResults, treatment: Treatment) -> Markup | None:
    """The treatment over states or municipalities; None where the units are neither."""
    units = found.map[found.map["treatment"] == treatment.name].set_index("unit")
    unit = "state" if found.study.unit == "state" else "cvegeo"
    places = (world.states if unit == "state" else world.outlines).set_index(unit)
    if found.study.rows == "panel" or not units.index.isin(places.index).any():
        return None
    title = words.measured_by(treatment)
    if treatment.kind == "dose":
        return areas.choropleth(places, units["dose"], title, world.states)
    return areas.group_map(places, units["group"], title, world.states)


def _events(found: StudyResults, row: Mapping[str, Any]) -> pd.DataFrame:
    events = found.rows[row["stem"]]
    return events[events["kind"] == "event_time"]


def _event_study(found: StudyResults, row: Mapping[str, Any]) -> dict[str, Any] | None:
    events = _events(found, row)
    if events.empty:
        return None
    chart = charts.event_study(events, _time_title(found), _scale_title(found, row))
    return {
        "row": row,
        "chart": chart,
        "n_before": int((events["event_time"] < 0).sum()),
        "uniform": bool(events["low_uniform"].notna().any()),
        "reference": _reference(found, events),
    }


def _reference(found: StudyResults, events: pd.DataFrame) -> int | None:
    """The event time that was left out, zero by construction: the last bin before treatment, where it has no point."""
    last = -found.study.event_bins
    times = events["event_time"]
    return last if (times < 0).any() and not (times == last).any() else None


def _time_title(found: StudyResults) -> str:
    size, time = found.study.event_bins, said(found.design["period_kind"])
    if size > 1:
        return _("{time} since treatment began, in bins of {size}").format(time=time, size=size)
    return _("{time} since treatment began").format(time=time)


def _scale_title(found: StudyResults, row: Mapping[str, Any]) -> str:
    if row["scale"] == "log":
        return _("log points")
    return _("change in {outcome}").format(outcome=said(found.study.outcome.column))


def _small_multiples(found: StudyResults, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The event studies of some estimators as one chart, each on its own scale."""
    parts = [
        _events(found, row).assign(panel=f"{_label(found, row)}, {_scale_title(found, row)}")
        for row in rows
        if not _events(found, row).empty
    ]
    if not parts:
        return None
    together = pd.concat(parts)
    return {
        "chart": charts.event_studies(together, _time_title(found)),
        "n": len(parts),
        "uniform": bool(together["low_uniform"].notna().any()),
    }


def _label(found: StudyResults, row: Mapping[str, Any]) -> str:
    several = len(found.study.treatments) > 1
    return f"{said(row['title'])}: {said(row['treatment'])}" if several else said(row["title"])


def _forest(ran: list[dict[str, Any]]) -> Markup | None:
    shown = [row for row in ran if row["percent_change"] is not None]
    if not shown:
        return None
    table = pd.DataFrame(
        {
            "label": [said(row["title"]) for row in shown],
            "value": [row["percent_change"][0] for row in shown],
            "low": [row["percent_change"][1] for row in shown],
            "high": [row["percent_change"][2] for row in shown],
            "truth": [row.get("true_percent") for row in shown],
        }
    ).astype({"truth": float})
    return charts.forest(table, _("per cent"))
