"""Sentences that the pages of several estimators share: options, and cases at the edge of a design."""

from __future__ import annotations

STANDARD_ERRORS = "`jackknife`, `sandwich`, or `auto`: the jackknife up to 100 clusters"
DRAWS = "Draws of the multiplier bootstrap behind the uniform bands"
ANTICIPATION = "Periods before treatment in which units may already react"
UNBALANCED = "What becomes of units without a row in each period: `refuse` the panel, or `drop` and count them"
RATE = "A count with exposure enters as its rate per 100,000 a year; any other count as it is"
LEARNER = "What covariates explain is learned by `lasso` (on squares and products), `boosting` or a random `forest`"
FOLDS = "Folds of clusters: what is expected of one comes from the others"

STAGGERED = (
    "Units treated in the first period (or, where the method takes `anticipation: a`, in the first a + 1) have no"
    " before: left out and counted",
    "Units first treated after the window's end count as never treated",
    "Without a never-treated unit the cohort treated last serves as control, and the periods from its treatment on are"
    " left out, with a warning",
    "Refused if no treated unit is then seen before and after its treatment beside a control unit",
)
COHORTS_OF_FEW = (
    "Cohorts that lie in one or two clusters are counted in a warning: clustered errors are too small there"
)
EVENTS = (
    "The event study is left out, with a sentence on why, where it has more rows than there are clusters less one, or"
    " a singular covariance"
)
WEIGHTS_BY_UNIT = "Weights that change within a unit: the unit keeps that of its first period, with a warning"
NO_COVARIATES = "Studies with covariates are refused"
CONSTANT_COVARIATE = "A covariate that is the same in all rows is refused"
FLAT = "Covariates that do not differ between units before treatment are left out, and named in a warning"
KEPT_CELLS = "Beyond 500 cells the covariance holds all rows but the cells"
TWO_WAY = (
    "Units treated from the first period on stay in as comparisons, and are counted in a warning",
    COHORTS_OF_FEW,
)
