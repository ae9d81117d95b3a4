"""Which estimator is run on which design, and what its intervals do there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from tests.contract.panels import make_study
from tests.simulated_coverage.designs import DESIGNS

from balanza.contract import Estimate
from balanza.provenance import derive_seed
from balanza.registry import find

SEED = 20190701
DRAWS = {"held": 1000, "small": 1000, "failure": 300}
LOWEST, HIGHEST = 0.926, 0.971
WARNING = "cohorts lie in no more than"  # in the sentence by which an estimator says that its errors fail
# Periods a bin of event studies in which the headline has no part, so that they cost little.
WIDE_BINS = {"twfe": 5, "poisson": 5, "negative_binomial": 5}
Group = Literal["held", "small", "failure"]


@dataclass(frozen=True)
class Case:
    """One row of the table: an estimator with options on a design, against the estimand that it states.

    group : `held` to the band; `small`: fewer or more unequal clusters than its asymptotics want, shown as it is;
        `failure`: cohorts of one or two clusters, where clustered errors are known to fail
    """

    estimator: str
    design: str
    estimand: str
    group: Group = "held"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        options = "".join(f", {key}: {value}" for key, value in self.options.items() if not key.endswith("_column"))
        return f"{self.estimator}{options}"


@dataclass(frozen=True)
class Draws:
    """What an estimator found in each draw, shape (n_draws,) each; `warned` by the sentence on small cohorts."""

    value: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    truth: np.ndarray
    warned: np.ndarray
    seconds: float

    @property
    def covered(self) -> np.ndarray:
        return (self.low <= self.truth) & (self.truth <= self.high)

    @property
    def bias(self) -> float:
        return float((self.value - self.truth).mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the estimates around their truth."""
        return float((self.value - self.truth).std(ddof=1))


ELIGIBLE = {"group_column": "eligible"}
PLACES = {"latitude_column": "latitude", "longitude_column": "longitude"}
TREATED, WINDOW, VARIANCE = "treated rows", "window", "window, variance weights"

CASES: tuple[Case, ...] = (
    Case("twfe", "staggered, constant effect", TREATED),
    Case("twfe", "switching on and off, 80 units", "constant"),
    Case("twfe", "linear dose, 80 units", "slope"),
    Case("sun_abraham", "staggered, 80 units", TREATED),
    Case("etwfe", "staggered, 80 units", TREATED),
    Case("stacked", "staggered, 80 units", WINDOW),
    Case("lp_did", "staggered, 80 units", VARIANCE),
    Case("lp_did", "staggered, 80 units", WINDOW, options={"weighting": "equal"}),
    Case("dose", "curved dose, 80 units", "slope", "small"),
    Case("dose", "curved dose, 240 units", "slope"),
    Case("dose", "curved dose, 80 units", "level", options={"target": "level"}),
    Case("callaway_santanna", "staggered, 80 units", TREATED, "small"),
    Case("callaway_santanna", "staggered, 240 units", TREATED),
    Case("imputation", "staggered, 80 units", TREATED, "small"),
    Case("imputation", "staggered, 240 units", TREATED),
    Case("two_stage", "staggered, 80 units", TREATED, "small"),
    Case("two_stage", "staggered, 240 units", TREATED),
    Case("switchers", "staggered, 80 units", TREATED, "small"),
    Case("switchers", "staggered, 240 units", TREATED),
    Case("switchers", "switching on and off, 80 units", "constant", "small"),
    Case("switchers", "switching on and off, 240 units", "constant"),
    Case("triple_difference", "eligibility, 90 units", "eligible rows", "small", ELIGIBLE),
    Case("triple_difference", "eligibility, 360 units", "eligible rows", options=ELIGIBLE),
    Case("spillover", "places, 80 sites", TREATED, "small", PLACES),
    Case("spillover", "places, 240 sites", TREATED, options=PLACES),
    Case("spillover", "places, 240 sites", "total", options={**PLACES, "target": "total"}),
    Case("synthetic_did", "factors, 1 of 41 treated", TREATED),
    Case("synthetic_control", "factors, 1 of 41 treated", TREATED),
    Case("poisson", "counts, constant effect", TREATED),
    Case("poisson", "unequal counts, constant effect", TREATED, "small"),
    Case("poisson", "count doses, 32 states", "constant"),
    Case("etwfe_poisson", "counts, 80 units", TREATED),
    Case("etwfe_poisson", "counts, 240 units", TREATED),
    Case("etwfe_poisson", "unequal counts, 80 units", TREATED, "small"),
    Case("negative_binomial", "state counts, 80 states", "constant"),
    Case("negative_binomial", "state counts, 32 states", "constant", "small"),
    Case("negative_binomial", "state counts, 4 of 32 states treated", "constant", "small"),
    *(
        Case(name, "few states a cohort", estimand, "failure")
        for name, estimand in (
            ("twfe", TREATED),
            ("callaway_santanna", TREATED),
            ("sun_abraham", TREATED),
            ("etwfe", TREATED),
            ("imputation", TREATED),
            ("two_stage", TREATED),
            ("switchers", TREATED),
            ("stacked", WINDOW),
            ("lp_did", VARIANCE),
        )
    ),
    *(
        Case(name, "few states a cohort, counts", TREATED, "failure")
        for name in ("poisson", "etwfe_poisson", "negative_binomial")
    ),
)


def simulate(case: Case, n_draws: int, first: int = 0) -> Draws:
    """Estimate on some draws of the case's design: the same panels for all estimators, in any order of cases.

    Event studies are kept cheap, by wide bins and a single draw of the uniform bands: no headline depends on these.
    """
    design, function = DESIGNS[case.design], find("estimators", case.estimator).function
    placebos = case.estimator.startswith("synthetic_")
    options = {case.estimator: dict(case.options) if placebos else {"draws": 1, **case.options}}
    bins = WIDE_BINS.get(case.estimator, 1)
    rows, start = [], time.process_time()
    for draw in range(first, first + n_draws):
        drawn = design.draw(np.random.default_rng(derive_seed(SEED, case.design, str(draw))))
        study = make_study([drawn.treatment], drawn.family, event_bins=bins, draws=1, options=options)
        rng = np.random.default_rng(derive_seed(SEED, case.name, case.design, str(draw)))
        found = function(study, drawn.panel, rng)
        assert isinstance(found, Estimate)
        truth, few = drawn.truth[case.estimand], any(WARNING in text for text in found.warnings)
        rows.append((found.value, found.standard_error, *found.interval, truth, few))
    return Draws(*np.array(rows, float).T, seconds=time.process_time() - start)
