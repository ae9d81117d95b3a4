"""Merge the batches of a specification curve, and test it as a whole against random assignments of the treatment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from balanza.config import load_study
from balanza.contract import Study
from balanza.curve import sentences
from balanza.curve.expand import RULE, Expansion
from balanza.curve.joint import joint_test
from balanza.curve.run import NO_PERCENT
from balanza.provenance import code_digest, write_json, write_parquet
from balanza.verbs.curve import plan

if TYPE_CHECKING:
    import pandas as pd


def run(
    study_file: Path,
    batches: Sequence[Path],
    out: Path,
    world: str = "own panel",
    most: int = 30,
    seed: int = 20190701,
    level: float = 0.95,
    identification: Path | None = None,
) -> None:
    """Write `curve.parquet`, one row for each variant and treatment, and `curve.json`, what they say together.

    Parameters
    ----------
    study_file, identification, world, seed, level : as in `balanza.verbs.estimate`
    batches : sequence of Path
        What the verb `curve` wrote, all batches of one curve.
    out : Path
        Folder of the study's results.
    most : int
        As in `balanza.verbs.curve`.

    Raises
    ------
    BalanzaError
        If the study is not usable.
    """
    import pandas as pd

    study = load_study(study_file, level)
    expansion, shown = plan(study, study_file, identification, most, seed)
    rows = pd.concat([pd.read_parquet(path) for path in batches], ignore_index=True)
    draws = pd.concat([pd.read_parquet(path.with_suffix(".draws.parquet")) for path in batches], ignore_index=True)
    rows = rows.sort_values("variant", kind="stable", ignore_index=True)
    no_percent = (rows["status"] == "ran") & rows["percent"].isna()
    rows["reason"] = rows["reason"].mask(no_percent, NO_PERCENT)
    write_parquet(out / "curve.parquet", rows)
    facts = _facts(study, expansion, len(shown), most)
    meta = {"world": world, "seed": seed, "level": level, "code_digest": code_digest("balanza.verbs.curve")}
    effects = [_effect(study, name, rows[rows["arm"] == name], draws) for name in dict.fromkeys(rows["arm"])]
    said = [{"sentence": sentences.curve(item), "tested": sentences.tested(item)} for item in effects]
    write_json(out / "curve.json", facts | meta | {"effects": [a | b for a, b in zip(effects, said, strict=True)]})


def _facts(study: Study, expansion: Expansion, n_shown: int, most: int) -> dict[str, Any]:
    complete = n_shown == len(expansion.variants)
    return {
        "study": study.name,
        "study_digest": study.digest,
        "axes": {axis: list(labels) for axis, labels in expansion.choices.items()},
        "n_possible": len(expansion.variants),
        "n_shown": n_shown,
        "rule": "All of them" if complete else RULE.format(size=most),
        "impossible": [{"reason": reason, "n": n} for reason, n in expansion.impossible.items()],
    }


def _effect(study: Study, arm: str, rows: pd.DataFrame, draws: pd.DataFrame) -> dict[str, Any]:
    """What the variants of one treatment found, and the joint test of those that it can refit."""
    ran = rows[rows["status"] == "ran"]
    shown = ran[ran["percent"].notna()]
    significant = (shown["low"] > 0) | (shown["high"] < 0)
    sign = 1 if (shown["percent"] > 0).sum() >= (shown["percent"] < 0).sum() else -1
    own = shown[(shown["distance"] == 0) & (shown["estimator"] == (study.headline or shown["estimator"]))]
    return {
        "treatment": arm,
        "n": len(rows),
        "n_ran": len(ran),
        "n_shown": len(shown),
        "own": float(own["percent"].iloc[0]) if len(own) else None,
        "median": float(shown["percent"].median()) if len(shown) else None,
        "lowest": float(shown["percent"].min()) if len(shown) else None,
        "highest": float(shown["percent"].max()) if len(shown) else None,
        "sign": sign,
        "share_sign": float((np.sign(shown["percent"]) == sign).mean()) if len(shown) else None,
        "share_significant": float((significant & (np.sign(shown["percent"]) == sign)).mean()) if len(shown) else None,
        "not_run": _counted(rows.loc[rows["status"] != "ran", "reason"]),
        "without_percent": int(len(ran) - len(shown)),
    } | _joint(study, arm, rows, draws)


def _joint(study: Study, arm: str, rows: pd.DataFrame, draws: pd.DataFrame) -> dict[str, Any]:
    import pandas as pd

    mine = draws[draws["arm"] == arm]
    wide = {name: mine.pivot_table(index="variant", columns="draw", values=name, dropna=False) for name in TESTED}
    known = wide["percent"].index[wide["percent"][0].notna()] if len(mine) else pd.Index([])
    left_out = _counted(rows.loc[(rows["status"] == "ran") & (rows["left_out"] != ""), "left_out"])
    if len(known) == 0:
        return {"test": None, "left_out": left_out}
    n_clusters = int(rows.loc[rows["variant"].isin(known), "n_clusters"].max())
    percent, statistic = (wide[name].loc[known].to_numpy(float) for name in TESTED)
    lost = len(wide["percent"]) - len(known)
    left_out += [{"reason": NO_PERCENT, "n": lost}] if lost else []
    test = joint_test(percent, statistic, study.level, n_clusters, int(mine["strata"].iloc[0]))
    return {"test": test, "left_out": left_out}


TESTED = ("percent", "statistic")


def _counted(reasons: pd.Series) -> list[dict[str, Any]]:
    return [{"reason": reason, "n": int(n)} for reason, n in reasons.value_counts().sort_index().items()]
