"""Runs variants of a study: rows selected once for each design, then one estimator after the other.

A variant that cannot run keeps its row, with the reason. The study's own combination gives the very estimate of the
workflow, since each estimator has the same seed in every variant.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza import altered
from balanza.contract import Estimate, Panel, Study
from balanza.curve import joint
from balanza.curve.expand import Variant
from balanza.curve.joint import Reassignments
from balanza.curve.scales import on_scale
from balanza.errors import BalanzaError, Unsupported
from balanza.estimators import _events
from balanza.preparation import prepare
from balanza.progress import shown
from balanza.provenance import derive_seed
from balanza.registry import find
from balanza.say import joined, say

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("percent", "low", "high", "p_value", "value", "standard_error")
COUNTS = ("n_observations", "n_units", "n_treated", "n_clusters")
DRAWS = 25
"""Draws of placebos and bands in variants other than the study's own, at most."""
NO_PERCENT = say("its effect has no reading in per cent: the outcome can be negative, or none would have been left")


def run(
    variants: Sequence[Variant], numbers: Sequence[int], table: pd.DataFrame, seed: int, assigned: Reassignments
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate variants, and refit those that the joint test can.

    Parameters
    ----------
    variants : sequence of Variant
        Neighbours should share their design; the panel of one design is kept at a time.
    numbers : sequence of int
        The position of each in the curve.
    table : DataFrame
        The study's rows.
    seed : int
        Of the run.
    assigned : Reassignments
        Of the clusters of the study's own design.

    Returns
    -------
    rows : DataFrame
        One row for each variant and treatment: `variant`, `arm` (the treatment), the choices by axis, `distance`,
        `status` (ran, declined, failed), `reason`, FIGURES, COUNTS, and `left_out`, why the joint test does without it.
    draws : DataFrame
        As `joint.long`.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    draws: list[pd.DataFrame] = []
    design, panel = None, None
    for number, variant in shown(zip(numbers, variants, strict=True), len(variants), "variants"):
        if variant.design != design:
            design, panel = variant.design, _panel(variant, table)
        found, drawn = _one(variant, number, panel, seed, assigned)
        rows += found
        draws += drawn
    return frame(rows), pd.concat([joint.long({}, 0, 1), *draws], ignore_index=True)


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table whose columns have the same type in every batch."""
    import pandas as pd

    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys([*FIGURES, *COUNTS], float) | dict.fromkeys(("reason", "left_out"), "str"))


def _panel(variant: Variant, table: pd.DataFrame) -> Panel | str:
    """The rows of a variant; a period that its treatment's definition leaves out is taken out of the axis."""
    rows = variant.rows
    try:
        panel = prepare(rows, table, f"the rows of study {rows.name}")
        for label in rows.variants.get("treatment", {}):
            _, panel = altered.with_treatment(rows, panel, label)
    except BalanzaError as refusal:
        return str(refusal)
    return panel


def _one(
    variant: Variant, number: int, panel: Panel | str | None, seed: int, assigned: Reassignments
) -> tuple[list[dict[str, Any]], list[pd.DataFrame]]:
    """The rows of one variant, and its refits."""
    status, estimates, reason = _estimates(variant, panel, seed)
    drawn: list[pd.DataFrame] = []
    left_out = reason
    if status == "ran" and isinstance(panel, Panel):
        try:
            drawn = [joint.long(_refits(variant, panel, assigned), number, assigned.strata)]
            left_out = ""
        except Unsupported as refusal:
            left_out = refusal.problem
    rows = [
        {"variant": number, "arm": treatment.name, **variant.labels, "distance": variant.distance}
        | {"status": status, "reason": reason, **_figures(estimates.get(treatment.name)), "left_out": left_out}
        for treatment in variant.study.treatments
    ]
    return rows, drawn


def _estimates(variant: Variant, panel: Panel | str | None, seed: int) -> tuple[str, dict[str, Estimate], str]:
    if not isinstance(panel, Panel):
        return "declined", {}, str(panel)
    study = lightened(variant)
    rng = np.random.default_rng(derive_seed(seed, study.name, variant.estimator))
    try:
        study, panel = on_scale(study, panel, variant.scale)
        found = find("estimators", variant.estimator).function(study, panel, rng)
    except BalanzaError as refusal:
        return "declined", {}, str(refusal)
    except Exception as error:  # one broken estimator must not stop the curve; the table names it
        traceback.print_exc()
        return "failed", {}, joined([type(error).__name__, ": ", error])
    return "ran", {study.treatment.name: found} if isinstance(found, Estimate) else dict(found), ""


def lightened(variant: Variant) -> Study:
    """The study without what costs time and changes no effect: event studies of their own, and many draws."""
    study, name = variant.study, variant.estimator
    if name in _events.SEPARATE:
        study = replace(study, event_bins=0)
    options = {**find("estimators", name).spec.options, **study.options_of(name)}
    if variant.distance == 0 or not isinstance(options.get("draws"), int):
        return study
    fewer = {**study.options_of(name), "draws": min(DRAWS, options["draws"])}
    return replace(study, options={**study.options, name: fewer})


def _refits(variant: Variant, panel: Panel, assigned: Reassignments) -> Any:
    """Refits of a variant under every assignment.

    Raises
    ------
    Unsupported
        If the joint test does without it.
    """
    if variant.estimator not in joint.ESTIMATORS:
        raise Unsupported(
            say(
                "the joint test refits {estimators}, not {estimator}",
                estimators=joined(joint.ESTIMATORS, " and "),
                estimator=variant.estimator,
            )
        )
    study, panel = on_scale(variant.study, panel, variant.scale)
    return joint.refits(study, panel, variant.estimator, assigned)


def _figures(estimate: Estimate | None) -> dict[str, float]:
    if estimate is None:
        return dict.fromkeys([*FIGURES, *COUNTS], np.nan)
    percent = estimate.percent_change or (np.nan, np.nan, np.nan)
    numbers = (*percent, estimate.p_value, estimate.value, estimate.standard_error)
    return dict(zip(FIGURES, numbers, strict=True)) | {key: getattr(estimate, key) for key in COUNTS}
