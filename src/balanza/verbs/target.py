"""Describe who gets what: concentration of both arms over violence, deprivation and size of places."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from balanza.compare import targeting
from balanza.compare.costs import Costs
from balanza.config import load_study
from balanza.preparation import read_panel
from balanza.provenance import code_digest, file_digest, write_json, write_parquet
from balanza.strict import load

MUNICIPAL = [
    *("cvegeo", "state", "period", "population", "homicides", "marginalization", "guard_elements"),
    *("guard_elements_municipal", "guard_opening", "guard_region", "guard_tier", "prevention_pesos_municipal"),
]


def run(study_file: Path, rows: Path, panel: Path, costs: Path, out: Path) -> None:
    """Write `targeting.parquet`, the points of the curves, and `targeting.json`, their indices.

    Parameters
    ----------
    study_file, rows : Path
        The study whose arms the costs are of, by state and month, and its rows.
    panel : Path
        Folder of the world's panels.
    costs : Path
        config/costs.yaml, which says where the doses of each arm come from.
    out : Path
        results/<world>/versus
    """
    study = load_study(study_file)
    own = read_panel(study_file, study, rows)
    begins = pd.to_datetime(str(own.period_labels[min(own.start.values())]))
    ends = pd.to_datetime(str(own.period_labels[-1]))
    basis = {name: arm.basis for name, arm in load(Costs, costs).arms.items()}
    scopes = [targeting.states(study, own, _deprivation(panel / f"{study.rows}.parquet", study.unit, begins), basis)]
    places = targeting.municipalities(
        pd.read_parquet(panel / "municipality_month.parquet", columns=MUNICIPAL), begins, ends
    )
    scopes += [places] if places else []
    described = [targeting.describe(scope) for scope in scopes]
    write_parquet(out / "targeting.parquet", pd.concat([points for points, _ in described], ignore_index=True))
    write_json(
        out / "targeting.json",
        {
            "study": study.name,
            "from": f"{begins:%Y-%m}",
            "to": f"{ends:%Y-%m}",
            "ranks": targeting.RANKS,
            "indices": [row for _, indices in described for row in indices],
            "municipal": None if places is None else dict(places.basis),
            "planned": targeting.PLANNED,
            "study_digest": study.digest,
            "costs_digest": file_digest(costs),
            "code_digest": code_digest("balanza.verbs.target"),
        },
    )


def _deprivation(table: Path, unit: str, begins: pd.Timestamp) -> pd.Series:
    """The last marginalization index before the arms began, turned so that higher is more deprived."""
    rows = pd.read_parquet(table, columns=[unit, "period", "marginalization"])
    before = rows[(rows["period"] < begins) & rows["marginalization"].notna()].sort_values("period")
    return -before.groupby(unit)["marginalization"].last()
