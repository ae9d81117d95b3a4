"""Extended two-way fixed effects of Wooldridge (2021), as R `etwfe` and Stata `jwdid`.

The kernel is `balanza.kernels.saturated`. Each cohort has a coefficient in each treated period; all untreated rows are
controls (`control: not_yet`), or never-treated units only, with coefficients before treatment too (`control: never`;
without covariates and on a balanced panel that is Sun and Abraham's estimator). On balanced panels without covariates
the effects are those of imputation (Borusyak, Jaravel and Spiess 2024). Covariates that are constant within units have
slopes by period and in each of the cohorts' own cells, as in the packages, so that each effect is that at the cohort's
own covariates; those that change enter as they are. Effects of units are jwdid's default, those of cohorts etwfe's; on
balanced panels whose weights are constant within units they give the same estimates. A count with exposure enters as
its rate per 100,000 a year.
"""

from __future__ import annotations

import numpy as np

from balanza.contract import Estimate, EstimatorSpec, Panel, Published, Study
from balanza.estimators import _guard, _notes, _saturated

SPEC = EstimatorSpec(
    name="etwfe",
    title="Extended two-way fixed effects (Wooldridge)",
    estimand="Average effect on the treated, on the scale of the outcome (a count with exposure: of its rate per"
    " 100,000 a year), over all treated rows",
    treatments=frozenset({"binary"}),
    families=frozenset({"gaussian", "poisson"}),
    reference="Wooldridge (2025), Empirical Economics 69, Two-Way Fixed Effects, the Two-Way Mundlak Regression, and"
    " Difference-in-Differences Estimators (working paper 2021)",
    assumptions=(
        "Treatment is absorbing, and units do not react to it earlier than `anticipation` periods before",
        "Without treatment, the outcomes of units with the same covariates would have moved in parallel in all periods"
        " and cohorts (with `control: never`, from the reference periods on)",
        "No unit's treatment affects another unit",
    ),
    standard_errors="Sandwich clustered where treatment is assigned, delta method with the sample's covariates as"
    " given, G/(G-1) x (n-1)/(n-k) with k leaving out unit effects, which are nested in clusters (as fixest and"
    " reghdfe), Student's t with G-1 degrees of freedom; uniform bands by multiplier bootstrap",
    options={"control": "not_yet", "effects": "unit", "anticipation": 0, "draws": 999},
    option_notes={
        "control": "`not_yet`: all untreated rows; `never`: never-treated units only, with coefficients"
        " before treatment",
        "effects": "`unit`: each unit has its own; `cohort`: units of a cohort share theirs (with slopes"
        " of covariates)",
        "anticipation": _notes.ANTICIPATION,
        "draws": _notes.DRAWS,
    },
    equation=r"""
With $z_i = (1,$ covariates that are constant within units$)$ and covariates $x_{it}$ that change, by weighted least
squares:

```math
Y_{it} = \alpha_i + z_i'c_{g_i t} + x_{it}'\beta + \varepsilon_{it}
```

$c_{gt}$ are coefficients $\gamma_{gt}$ of the cohort's own in treated cells, $t \geq g - a$ with $a$ for
`anticipation`, and those of the period, $\delta_t$, in all others. With `control: never` the cells of treated cohorts
before the reference, the last `event_bins` periods before $g - a$, have coefficients of their own too. With
`effects: cohort` $\alpha_i$ is $z_i'\alpha_{g_i}$. The effect of a cell, and the headline over all treated rows:

```math
\hat\tau_{gt} = \frac{\sum_{g_i = g} w_{it} (Y_{it} - \hat Y_{it}^0)}{\sum_{g_i = g} w_{it}}, \quad
\hat Y_{it}^0 = \hat\alpha_i + z_i'\hat\delta_t + x_{it}'\hat\beta, \quad
\hat\tau = \frac{\sum_{t \geq g_i} w_{it} (Y_{it} - \hat Y_{it}^0)}{\sum_{t \geq g_i} w_{it}}
```

The sums behind $\hat\tau$ are linear in the coefficients, so that the covariance is $J V J'$ with

```math
V = \frac{G}{G-1} \frac{n-1}{n-k} H^{-1} \left(\sum_c s_c s_c'\right) H^{-1}
```

and $s_c$ the scores of a cluster, $H$ the normal equations. $k$ counts all coefficients, unit effects as one.
""",
    edge_cases=(
        *_notes.STAGGERED,
        _notes.RATE,
        _notes.CONSTANT_COVARIATE,
        _notes.COHORTS_OF_FEW,
        "A cell that no unit links with untreated rows has no estimate: its rows are counted"
        " in a warning and are missing from all aggregates",
        "Refused where no effect can be told apart from unit and period effects, where there"
        " are as many coefficients as rows, or where the units that enter lie in one cluster",
        "With `effects: cohort` on a panel with missing rows a warning says that the mix of units may matter",
        _notes.EVENTS,
        _notes.KEPT_CELLS,
    ),
    since="0.1.0",
)
LPOP, R_ETWFE = ("lpop",), "R etwfe, inst/tinytest/test_emfx.R"
REFERENCE = (
    Published(
        "mpdta",
        R_ETWFE,
        {
            "headline": (-0.0506270331228907, 0.0124972546529842),
            "event_time 0": (-0.0332122037837542, 0.0133659635774059),
            "event_time 1": (-0.0573456479257483, 0.0171496442892364),
            "event_time 2": (-0.137870386660852, 0.0307883597041053),
            "event_time 3": (-0.10953945536511, 0.0323152785480507),
            "group 2004": (-0.0876269608795944, 0.0230474099815232),
            "group 2006": (-0.0212783329358987, 0.0185912208081438),
            "group 2007": (-0.0459545277368072, 0.0179714452432232),
            "calendar 2004": (-0.0212480022225509, 0.0217240109737018),
            "calendar 2005": (-0.0818499992698648, 0.0273693827216135),
            "calendar 2006": (-0.0442655912990223, 0.0173733625406716),
            "calendar 2007": (-0.0524323095862384, 0.015015825012757),
        },
        LPOP,
        options={"effects": "cohort"},
        tolerance=1e-9,
        error_tolerance=1e-8,  # theirs are derivatives taken numerically
    ),
    Published(
        "mpdta",
        R_ETWFE,
        {
            "event_time -2": (0.0234649547538384, 0.0145314904277398),
            "event_time 0": (-0.0211467366918433, 0.0113935648352396),
            "event_time 1": (-0.0533558653415615, 0.0157744281621729),
            "event_time 2": (-0.141080104628566, 0.0322891808795742),
            "event_time 3": (-0.107544274673025, 0.0329231688783015),
        },
        LPOP,
        options={"effects": "cohort", "control": "never"},
        tolerance=1e-9,
        error_tolerance=1e-8,
    ),
    Published("mpdta", "Imputation, of which it has the estimates here", {"headline": (-0.047710, None)}),
    Published("castle", "Imputation, of which it has the estimates here", {"headline": (0.066900, None)}),
    Published(
        "mpdta",
        "R fixest's sunab, with which it agrees here",
        {"headline": (-0.039951, 0.011796)},
        options={"control": "never"},
    ),
)


def estimate(study: Study, panel: Panel, rng: np.random.Generator) -> Estimate:
    """Estimate the effect of each cohort in each treated period, and average them over treated rows.

    Parameters
    ----------
    study, panel, rng : as in the contract

    Returns
    -------
    Estimate
        Scale: level. Rows of kind event_time (from treatment on, unless `control: never`), group, calendar and
        group_time; `covariance` joins them all where there are no more than 500 cells, and otherwise leaves the cells
        out. `percent_change` relates the effect to the mean outcome that the treated would have had without treatment.

    Raises
    ------
    Unsupported
        If the panel holds no comparison, or an option is not legal.
    """
    _guard.require(SPEC, study, panel)
    chosen = _guard.options(SPEC, study, control=("not_yet", "never"), effects=("unit", "cohort"))
    model = _saturated.Model(
        control=chosen["control"],
        slopes=True,
        effects=chosen["effects"],
        anticipation=_guard.whole(SPEC, chosen, "anticipation", 0),
        bins=study.event_bins,
    )
    return _saturated.linear(SPEC, study, panel, model, rng, _guard.whole(SPEC, chosen, "draws", 1))
