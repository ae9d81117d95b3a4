"""Worlds of the synthetic flavours, drawn small: what their weighing and their displacement find, beside the truth.

`python -m tests.compare.flavours` prints the figures over a hundred worlds with their Monte Carlo errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from tests.conftest import ROOT

from balanza.acquire.synthetic.world import Settings
from balanza.compare import pesos
from balanza.compare.joint import joint_effects
from balanza.config import Flavour, Selection, load_study
from balanza.contract import Estimate
from balanza.estimators import poisson, spillover
from balanza.preparation import prepare
from balanza.provenance import derive_seed
from balanza.validation import draws
from balanza.verbs.weigh import places_of

SIZE, NEXT_DOOR_SIZE = 0.1, 0.25  # municipalities have neighbours at a usual distance in the larger worlds only
NAMES = ("guard", "prevention")
PRICES = np.array([268_460 * 100 / 100_000, 1000.0])  # pesos of a stated unit for one person, at the low costs


def settings(flavour: Flavour, selection: Selection, draw: int, size: float) -> Settings:
    """The world of a draw, as the verb `validate` numbers them."""
    return Settings(flavour, selection, derive_seed(20190701, "validation", str(draw)), size)


def weighed(
    flavours: Iterable[Flavour], selections: Iterable[Selection], numbers: Iterable[int]
) -> Iterator[dict[str, Any]]:
    """What a thousand million pesos are found to buy on both arms, and what they truly buy, a row for each world."""
    study = draws.drawn_study(load_study(ROOT / "config/studies/versus.yaml"))
    bare = replace(study, event_bins=79, options={"poisson": {"draws": 1}})  # no event study is looked at here
    for number in numbers:
        for selection in selections:
            for flavour in flavours:
                drawn = draws.draw(bare, settings(flavour, selection, number, SIZE))
                panel = prepare(bare, drawn.table, "a drawn world")
                found = poisson.estimate(bare, panel, np.random.default_rng(0))
                assert not isinstance(found, Estimate)
                joint = joint_effects(bare, found, NAMES)
                assert not isinstance(joint, str)
                places = places_of(panel, NAMES)
                slope = pesos.slopes(places, pesos.added(places, PRICES, 1e9, "people"))
                bought = pesos.bought(joint, slope, 1e9, 0.95)
                low, high = bought["contrast"]["interval"]
                truth = pesos.truth_of(drawn.truth, slope, NAMES)["contrast"]
                words = [arm["pesos_each"]["word"] for arm in bought["arms"]]
                yield {
                    "flavour": flavour,
                    "selection": selection,
                    "draw": number,
                    "covers": low <= truth <= high,
                    "off": bought["contrast"]["value"] - truth,
                    **{name: word == "unbounded" for name, word in zip(NAMES, words, strict=True)},
                }


def displaced(flavours: Iterable[Flavour], numbers: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Own effect of openings, that on the nearest untreated, and the total (true, too), a row for each world."""
    study = draws.drawn_study(load_study(ROOT / "config/studies/displacement.yaml"))
    bare = replace(study, event_bins=84)
    for number in numbers:
        for flavour in flavours:
            drawn = draws.draw(bare, settings(flavour, "none", number, NEXT_DOOR_SIZE))
            found = spillover.estimate(bare, prepare(bare, drawn.table, "a drawn world"), np.random.default_rng(0))
            assert found.rows is not None
            rows = found.rows[found.rows["kind"] == "group"].set_index("group")
            parts = {"own": rows.loc["own"], "near": rows.loc["neighbours"], "total": rows.loc["total"]}
            values = {name: row["value"] for name, row in parts.items()}
            values["truth"] = drawn.truth["treatment"]["rate"]["value"]
            errors = {f"{name}_error": row["standard_error"] for name, row in parts.items()}
            yield {"flavour": flavour, "draw": number, **values, **errors}


def main() -> None:
    table = pd.DataFrame(weighed(("null", "beneficial"), ("none",), range(100)))
    found = table.groupby(["selection", "flavour"])[["covers", *NAMES]].mean()
    print(found.join(np.sqrt(found * (1 - found) / 100), rsuffix=" error"))
    table["off"] = table["off"].astype(float)
    print(table.groupby(["selection", "flavour"])["off"].agg(["mean", "sem"]))


if __name__ == "__main__":
    main()
