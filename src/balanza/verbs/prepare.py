"""Select and check the rows of a study, and state its design before anything is estimated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from balanza import blind as blinding
from balanza.cohorts import NEVER
from balanza.config import load_study
from balanza.contract import Panel, Study, Treatment
from balanza.curve.axes import columns as variant_columns
from balanza.graph.use import with_graph
from balanza.preparation import columns_of, first_line, prepare, read_table, require_columns, rows_file
from balanza.provenance import write_json, write_parquet


def run(
    study_file: Path,
    panel: Path,
    out: Path,
    design: Path,
    identification: Path | None = None,
    blind: bool = False,
    seed: int = 20190701,
) -> None:
    """Write the rows that a study runs on, and the facts of its design.

    Parameters
    ----------
    study_file : Path
        The study.
    panel : Path
        Folder of the world's panels.
    out, design : Path
        Where the rows (parquet) and the design (JSON) go.
    identification : Path, optional
        What the study's graph says; needed by a study with a graph and covariates.
    blind : bool
        Hand the treatment to other clusters at random, see `balanza.blind`.
    seed : int
        Of the run; only a blind one has use for it.

    Raises
    ------
    GraphError
        If the graph forbids a covariate, or was not asked.
    PanelError
        If the panel lacks a column that the study names, or holds values that it may not.
    """
    asked = load_study(study_file)
    study, _ = with_graph(asked, study_file, identification)
    source = rows_file(study_file, study, None if study.rows == "panel" else panel / f"{study.rows}.parquet")
    table, where = read_table(source), f"{source} for study {study.name}"
    columns = list(dict.fromkeys([*columns_of(study), *variant_columns(asked, study_file, identification)]))
    require_columns(table, columns, where)
    rows = table[columns]
    prepared = prepare(study, rows, where, first_line(source))  # a blind run refuses what the real one would
    if blind:
        rows = blinding.reassigned(study, rows, seed, where)
        prepared = prepare(study, rows, where, first_line(source))
    write_parquet(out, rows)
    write_json(design, _facts(study, prepared) | {"blind": blind})


def _facts(study: Study, panel: Panel) -> dict[str, Any]:
    return {
        "study": study.name,
        "study_digest": study.digest,
        "data_digest": panel.digest,
        "n_observations": len(panel.frame),
        "n_units": panel.n_units,
        "n_periods": panel.n_periods,
        "n_clusters": panel.n_clusters,
        "balanced": panel.balanced,
        "period_kind": "months" if panel.periods_per_year == 12 else "years" if panel.periods_per_year else "periods",
        "first_period": panel.period_labels[0],
        "last_period": panel.period_labels[-1],
        "outcome_total": float(panel.frame["outcome"].sum()),
        "zero_share": float((panel.frame["outcome"] == 0).mean()),
        "dropped": dict(panel.dropped),
        "covariates": list(study.covariates),
        "baseline": list(study.baseline),
        "treatments": [_treatment_facts(treatment, panel) for treatment in study.treatments],
    }


def _treatment_facts(treatment: Treatment, panel: Panel) -> dict[str, Any]:
    doses = panel.frame.groupby("unit")[f"d_{treatment.name}"].max().to_numpy()
    facts: dict[str, Any] = {
        "name": treatment.name,
        "kind": treatment.kind,
        "unit": treatment.unit,
        "n_treated_units": int((doses > 0).sum()),
        "n_never_treated": int((doses == 0).sum()),
        "dose_min": float(doses.min()),
        "dose_median": float(np.median(doses)),
        "dose_max": float(doses.max()),
    }
    if treatment.kind == "binary":
        facts["cohorts"] = _cohort_facts(treatment, panel)
    elif treatment.start is not None:
        facts["start"] = panel.period_labels[panel.start[treatment.name]]
    return facts


def _cohort_facts(treatment: Treatment, panel: Panel) -> list[dict[str, Any]]:
    cohorts = panel.by_unit(f"g_{treatment.name}")
    clusters = panel.by_unit("cluster")
    rows = []
    for code in np.unique(cohorts):
        inside = cohorts == code
        seen = 0 <= code < panel.n_periods
        label = panel.period_labels[code] if seen else ("never" if code == NEVER else "after the window")
        rows.append({"cohort": label, "n_units": int(inside.sum()), "n_clusters": len(np.unique(clusters[inside]))})
    return rows
