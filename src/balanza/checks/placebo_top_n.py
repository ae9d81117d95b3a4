"""Regression to the mean: what "effect" does it make to pick the units that stood highest, or rose most, alone?

A force goes where violence is high, and violence that is high in one year falls in the next by itself. The check picks
units by the outcome of a year in which nobody was treated, calls them treated in the next, and fits the same model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from balanza import altered
from balanza.checks import _refit, _twoway
from balanza.checks._refit import Line, Lines
from balanza.checks._twoway import Design
from balanza.contract import CheckResult, CheckSpec, Estimate, Panel, Study, Treatment
from balanza.errors import Unsupported
from balanza.kernels.selection import highest, overlap_p_value, yearly
from balanza.say import capitalised, joined, say, say_n

SHARE = 0.5
THIRD = 3
PICKS = {"level": say("with the highest"), "rise": say("with the fastest rising")}

SPEC = CheckSpec(
    name="placebo_top_n",
    title="Regression to the mean",
    question="What effect would it seem to have, to pick the most violent alone?",
    reference="Daw & Hatfield (2018), Health Services Research 53(6), on regression to the mean in differences in"
    " differences",
    treatments=frozenset({"binary", "dose"}),
    families=frozenset({"gaussian", "poisson"}),
    equation=r"""
Rows are summed by cluster (of other outcomes than counts, weighted means). $n$ is the number of clusters ever treated,
but at most half of all, or for a dose a third of all; $g$ is the earliest treatment. For each whole year $y$ that ends
a year or more before $g$, with $r_{cy}$ for the outcome per exposure,

```math
S^y_c = 1 \text{ for the } n \text{ clusters with the highest } r_{cy} \text{, or the highest }
\log r_{cy} - \log r_{c,y-1} \; (r_{cy} - r_{c,y-1})
```

and $\hat\rho_y$ is the two-way coefficient of $S^y_c \mathbf{1}\{t \in y + 1\}$ on all rows up to the end of $y + 1$,
$\bar\rho$ its mean over years. It is compared with the study's two-way effect on a treated cluster; of a dose, the
coefficient times the mean dose of the $n$ clusters with the highest less that of the others. The check fails if an
effect is claimed, $\bar\rho$ has its sign and at least half its size, and of the $n$ treated more were among the $n$ so
picked in the last year before $g$ than chance would have it ($p < 1 - \mathrm{level}$, hypergeometric).
""",
    edge_cases=(
        "Refused where less than two whole years lie before the earliest treatment, and for a dose without a start",
        "Nothing is judged where the two-way fit claims no effect, or its clustered error is void",
        "A placebo effect of nothing does not show that selection is harmless where selection was on something else",
        "Covariates are left out of the placebos",
    ),
)


@dataclass(frozen=True)
class _Case:
    """A treatment: its effect on those treated, and by kind of pick the placebos and the overlap with them."""

    name: str
    effect: float
    claimed: bool
    void: str | None
    n: int
    n_clusters: int
    placebos: dict[str, Lines]
    overlap: dict[str, int]
    p_value: dict[str, float]

    def mean(self, pick: str) -> float | None:
        """Mean placebo effect of a pick."""
        made = [_refit.numbers(line)[0] for line in self.placebos[pick] if line.made]
        return float(np.mean(made)) if made else None

    def explains(self, pick: str) -> bool:
        """Whether the pick alone makes half the effect or more."""
        mean = self.mean(pick)
        return mean is not None and mean * self.effect > 0 and abs(mean) >= SHARE * abs(self.effect)


def check(study: Study, panel: Panel, estimates: Mapping[str, Estimate], rng: np.random.Generator) -> CheckResult:
    """Pick clusters by a year's outcome, and fit an effect in the next.

    Parameters
    ----------
    study, panel : as in the contract
    estimates : mapping
        Not used: the check makes its own two-way fits.
    rng : Generator
        Not used.

    Returns
    -------
    CheckResult
        `passed`: False where an effect is claimed that picking by the outcome makes by half or more, and the treated
        stand out by it; True where an effect is claimed otherwise; None where none is. `table` has the placebos,
        `figure` the same for a strip.

    Raises
    ------
    Unsupported
        If less than two years lie before the treatment, or the study cannot be estimated.
    """
    year = round(panel.periods_per_year or 1)
    first = min(int(altered.first_treated(panel, item).min()) for item in study.treatments)
    if first < 2 * year:
        raise Unsupported(
            say(
                "{periods} before the earliest treatment are less than two years",
                periods=say_n("{n:,} period", "{n:,} periods", first),
            ),
            where=SPEC.name,
            cure=say("Start the window earlier"),
        )
    design = _twoway.read(SPEC, study, panel)
    effects = _twoway.fit(design)[1]
    cells = _by_cluster(_twoway.whole(SPEC, study, panel))
    cases = [
        _case(
            study,
            panel,
            cells,
            place,
            effects[place],
            _twoway.void_error(design, place, item, effects[place]),
            first,
            year,
        )
        for place, item in enumerate(study.treatments)
    ]
    lines = [line for case in cases for pick in case.placebos for line in case.placebos[pick]]
    verdicts = [_verdict(case, study.level) for case in cases]
    passed = False if False in verdicts else True if True in verdicts else None
    scale = _refit.two_way_scale(study)
    values = {
        "scale": scale,
        "effect": {case.name: case.effect for case in cases},
        "n": {case.name: case.n for case in cases},
        "placebo_effect": {case.name: {pick: case.mean(pick) for pick in PICKS} for case in cases},
        "overlap": {case.name: case.overlap for case in cases},
        "overlap_p": {case.name: case.p_value for case in cases},
    }
    sentence = joined((_sentence(study, case, verdict) for case, verdict in zip(cases, verdicts, strict=True)), " ")
    return CheckResult(SPEC.name, passed, sentence, values, _refit.table(lines), _refit.strip(lines))


def _by_cluster(design: Design) -> Design:
    """The design with a row for each cluster: sums of counts and exposure, or weighted means."""
    seen = ~np.isnan(design.outcome)
    shape = (int(design.cluster.max()) + 1, design.outcome.shape[1])

    def summed(values: np.ndarray) -> np.ndarray:
        out = np.zeros(shape)
        np.add.at(out, design.cluster, np.where(seen, values, 0.0))
        return out

    weight, rows = summed(design.weight), summed(seen.astype(float))
    outcome = summed(design.outcome if design.counts else design.outcome * design.weight)
    if not design.counts:
        outcome = outcome / np.where(rows > 0, weight, 1.0)
    return replace(
        design,
        outcome=np.where(rows > 0, outcome, np.nan),
        weight=np.where(rows > 0, weight, np.nan),
        covariates=np.empty((0, *shape)),
        baseline=np.empty((shape[0], 0)),
        varying_names=(),
        baseline_names=(),
        cluster=np.arange(shape[0]),
        treatments=np.empty((0, *shape)),
        names=(),
    )


def _case(
    study: Study,
    panel: Panel,
    cells: Design,
    place: int,
    effect: _twoway.Effect,
    void: str | None,
    first: int,
    year: int,
) -> _Case:
    treatment = study.treatments[place]
    treated, contrast = _treated(panel, treatment)
    n, total = int(treated.sum()), len(treated)
    own = _refit.from_effects("", replace(study, treatments=(treatment,)), [effect])[0]
    rates = _rates(cells, first, year)
    picks = {pick: _placebos(study, treatment, cells, rates, n, first, year, pick) for pick in PICKS}
    last = {pick: highest(_ranked(rates, rates.shape[1] - 1, pick, cells.counts), n) for pick in PICKS}
    overlap = {pick: int((treated & chosen).sum()) for pick, chosen in last.items()}
    return _Case(
        name=treatment.name,
        effect=effect.value * contrast,
        claimed=own.sign != 0,
        void=void,
        n=n,
        n_clusters=total,
        placebos=picks,
        overlap=overlap,
        p_value={pick: overlap_p_value(both, n, int(last[pick].sum()), total) for pick, both in overlap.items()},
    )


def _treated(panel: Panel, treatment: Treatment) -> tuple[np.ndarray, float]:
    """Who counts as treated, bool of shape (n_clusters,), and the difference of treatment that the effect is for."""
    size = altered.dose_of(panel, treatment.name)
    if treatment.kind == "binary":
        cohort = panel.by_unit(f"g_{treatment.name}")
        size = ((cohort >= 0) & (cohort < panel.n_periods)).astype(float)
    cluster = panel.by_unit("cluster")
    mean = np.bincount(cluster, size) / np.bincount(cluster)
    if treatment.kind == "binary":
        return highest(mean, min(int((mean > 0).sum()), len(mean) // 2)), 1.0
    chosen = highest(mean, max(1, len(mean) // THIRD))
    return chosen, float(mean[chosen].mean() - mean[~chosen].mean())


def _rates(cells: Design, first: int, year: int) -> np.ndarray:
    """Outcome per exposure by cluster and whole year before the treatment, NaN where there is none."""
    weight = yearly(cells.weight, first, year)
    total = yearly(cells.outcome if cells.counts else cells.outcome * cells.weight, first, year)
    return np.asarray(np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0))


def _ranked(rates: np.ndarray, place: int, pick: str, counts: bool) -> np.ndarray:
    """What clusters are picked by in a year."""
    if pick == "level":
        return np.asarray(rates[:, place])
    before, now = rates[:, place - 1], rates[:, place]
    if not counts:
        return np.asarray(now - before)
    known = (before > 0) & (now > 0)
    return np.where(known, np.log(np.where(known, now, 1.0) / np.where(known, before, 1.0)), np.nan)


def _placebos(
    study: Study, treatment: Treatment, cells: Design, rates: np.ndarray, n: int, first: int, year: int, pick: str
) -> Lines:
    """One placebo a year: picked by it, treated in the next."""
    one, lines = replace(study, treatments=(treatment,)), []
    opening, count = first - rates.shape[1] * year, rates.shape[1]
    for place in range(0 if pick == "level" else 1, count - 1):
        start = opening + (place + 1) * year
        chosen = highest(_ranked(rates, place, pick, cells.counts), n)
        period = np.arange(start + year)
        path = chosen[:, None] * (period >= start)
        case = say(
            "{picks} outcome in the year {year} before the treatment",
            picks=PICKS[pick],
            year=(first - start) // year + 1,
        )
        try:
            cut = replace(
                cells,
                outcome=cells.outcome[:, : start + year],
                weight=cells.weight[:, : start + year],
                covariates=cells.covariates[:, :, : start + year],
                treatments=path[None].astype(float),
                names=(say("the pick"),),
            )
            lines += _refit.from_effects(case, one, _twoway.fit(_twoway.trimmed(cut))[1], len(rates))
        except Unsupported as refusal:
            lines.append(Line(case, treatment.name, note=say("not possible: {problem}", problem=refusal.problem)))
    return lines


def _verdict(case: _Case, level: float) -> bool | None:
    if case.void or not case.claimed:
        return None
    return not any(case.explains(pick) and case.p_value[pick] < 1 - level for pick in PICKS)


def _sentence(study: Study, case: _Case, verdict: bool | None) -> str:
    scale = _refit.two_way_scale(study)
    told = []
    for pick, words in PICKS.items():
        mean, made = case.mean(pick), [line for line in case.placebos[pick] if line.made]
        if mean is None:
            continue
        told.append(
            say(
                "picking the {picked} {words} {column} of a year makes {size} in the next, on average"
                " over {years} before the treatment ({overlap} of the {n} {treated} were so picked in"
                " the last year; chance would have it {chance:.1f})",
                picked=_picked(case.n, study.cluster),
                words=words,
                column=study.outcome.column,
                size=_refit.size(mean, scale),
                years=say_n("{n:,} year", "{n:,} years", len(made)),
                overlap=case.overlap[pick],
                n=case.n,
                treated=say("treated") if _binary(study, case) else say("most treated"),
                chance=case.n * case.n / case.n_clusters,
            )
        )
    start = joined([_refit.lead(study, case.name), joined(told, "; ") or say("no placebo can be fitted")])
    text = say(
        "{start}. The two-way effect on them is {size}",
        start=capitalised(start),
        size=_refit.size(case.effect, scale),
    )
    if case.void:
        return say("{text}; nothing is judged: {void}.", text=text, void=case.void)
    if not case.claimed:
        return say("{text} and cannot be told from none, so that nothing is judged.", text=text)
    if verdict:
        return say("{text}, which such picking does not account for.", text=text)
    return say("{text}: half of it or more comes from picking units that would have moved so by themselves.", text=text)


def _picked(number: int, cluster: str) -> str:
    """So many clusters, by the name of their column."""
    if cluster == "state":
        return say_n("{n:,} state", "{n:,} states", number)
    return joined([say("{n:,}", n=number), " ", cluster.replace("_", " "), "" if number == 1 else "s"])


def _binary(study: Study, case: _Case) -> bool:
    return next(item for item in study.treatments if item.name == case.name).kind == "binary"
