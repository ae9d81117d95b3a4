"""A small graph with a latent and common shocks, and panels drawn from it as a linear Gaussian model."""

from collections.abc import Iterable, Mapping

import numpy as np

from balanza.graph.measures import Level, Measures
from balanza.graph.model import CausalGraph, Edge, Node

TIMES = ("before", "now", "after")
EDGES = ("T>X", "T>Y", "T>Q", "B>W", "B>Q", "W>X", "P>X", "X>M", "M>Y", "Q>Y", "L>W", "L>Y")
"""T: common shocks. B does not move within units. L is latent: nothing measured separates W from Y, nor B from Y."""
NODES = {"T": "before", "L": "before", "B": "before", "P": "before", "W": "before"} | {
    "Q": "now",
    "X": "now",
    "M": "now",
    "Y": "after",
}


def graph_of(
    edges: Iterable[str], nodes: Mapping[str, str] = NODES, latent: str = "L", shocks: str = "T"
) -> CausalGraph:
    """A graph from edges like "X>Y"; every node has its lower-case name as its column, but for latents and shocks."""
    made = {
        name: Node(
            name,
            f"Variable {name}",
            "context",
            time,
            name not in latent,
            None if name in latent + shocks else name.lower(),
            absorbed="period effects" if name in shocks else None,
        )
        for name, time in nodes.items()
    }
    arrows = tuple(Edge(*edge.split(">"), "a reason", "a source") for edge in edges)
    return CausalGraph("small", "A small graph", made, arrows, TIMES)


def draw(
    rng: np.random.Generator,
    edges: Mapping[str, float],
    n_units: int = 40,
    n_years: int = 5,
) -> dict[Level, Measures]:
    """A panel of states from a linear model: unit effects, and noise that lasts and is of unequal size."""
    shape = (n_units, n_years)
    spread = rng.uniform(0.5, 1.5, n_units)[:, None]
    values: dict[str, np.ndarray] = {}
    for name in NODES:
        if name == "T":
            own = np.broadcast_to(rng.normal(0, 2, n_years), shape)
        elif name == "B":
            own = np.broadcast_to(rng.normal(size=(n_units, 1)), shape)
        else:
            steps = rng.normal(size=shape)
            lasting = np.stack(
                [steps[:, :year] @ 0.6 ** np.arange(year)[::-1] for year in range(1, n_years + 1)], axis=1
            )
            own = rng.normal(size=(n_units, 1)) + spread * lasting
        arrows = {edge.split(">")[0]: size for edge, size in edges.items() if edge.endswith(f">{name}")}
        values[name] = own + sum(size * values[cause] for cause, size in arrows.items())
    seen = {name: array for name, array in values.items() if name not in "LT"}
    units = tuple(f"{number:02d}" for number in range(n_units))
    years = tuple(range(2001, 2001 + n_years))
    return {
        "state": Measures("state", units, years, seen),
        "municipality": Measures("municipality", (), years, {}, np.array([], dtype=int)),
    }
