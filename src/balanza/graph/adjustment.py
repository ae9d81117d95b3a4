"""Adjustment: which sets of nodes make the effect of one or several treatments on an outcome a matter of comparison.

The criterion is complete (Shpitser, VanderWeele and Robins, 2010; Perkovic et al., 2018, JMLR 18): a set must hold no
descendant of a node on a proper causal path, and must d-separate treatments and outcome in the proper back-door graph,
which lacks the first arrows of those paths (van der Zander, Liskiewicz and Textor, 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

from balanza.graph.dag import Dag
from balanza.graph.separators import Cost, cheapest_separator, minimal_separators


@dataclass(frozen=True)
class Effect:
    """The effect of `treatments` on `outcome`, all as masks.

    on_path : nodes on proper causal paths, the outcome with them, the treatments without
    forbidden : these and all that they cause
    back_door : the graph without the first arrows of the causal paths
    held : what is conditioned on in any case, because unit or period effects absorb it; no set names it
    """

    dag: Dag
    treatments: int
    outcome: int
    on_path: int
    forbidden: int
    back_door: Dag
    held: int = 0

    @classmethod
    def of(cls, dag: Dag, treatments: int, outcome: int, held: int = 0) -> Effect:
        """Work out what lies on the causal paths."""
        after = dag.descendants(treatments, avoiding=treatments) & ~treatments
        on_path = after & dag.ancestors(outcome, avoiding=treatments)
        return cls(
            dag,
            treatments,
            outcome,
            on_path,
            dag.descendants(on_path) if on_path else 0,
            dag.without(treatments, on_path),
            held,
        )

    @property
    def ends(self) -> int:
        """Treatments and outcome."""
        return self.treatments | self.outcome

    @property
    def absorbed(self) -> int:
        """What is held although the effect needs it to move: then nothing of the effect is left to compare."""
        return self.held & (self.forbidden | self.ends)

    def adjusts(self, nodes: int) -> bool:
        """Whether adjusting for these nodes identifies the effect."""
        fixed = nodes | self.held
        return not fixed & (self.forbidden | self.ends) and self.back_door.separated(
            self.treatments, self.outcome, fixed
        )

    def minimal_sets(self, allowed: int, cost: Cost, limit: int) -> tuple[list[int], bool]:
        """Up to `limit` adjustment sets of allowed nodes of which no part adjusts, and whether these are all."""
        found: list[int] = []
        if self.absorbed:
            return found, True
        usable = allowed & ~self.forbidden & ~self.held
        for nodes in minimal_separators(self.back_door, self.treatments, self.outcome, usable, cost, self.held):
            if len(found) == limit:
                return found, False
            found.append(nodes)
        return found, True

    def cheapest_set(self, allowed: int, cost: Cost) -> int | None:
        """The adjustment set of least cost among allowed nodes, or None."""
        if self.absorbed:
            return None
        usable = allowed & ~self.forbidden & ~self.held
        return cheapest_separator(self.back_door, self.treatments, self.outcome, usable, cost, self.held)

    def helpful(self, nodes: int, cost: Cost) -> int:
        """Of what is held, what a reader would name beside a set: what closes back doors that the set alone leaves."""
        found = cheapest_separator(
            self.back_door, self.treatments, self.outcome, (nodes | self.held) & ~self.forbidden, cost
        )
        return self.held & (self.back_door.ancestors(self.ends) if found is None else found)

    def open_path(self, nodes: int) -> tuple[int, ...]:
        """A shortest non-causal path from a treatment to the outcome that adjusting for the nodes leaves open."""
        return self.back_door.open_path(self.treatments, self.outcome, nodes | self.held)

    def best_attempt(self, allowed: int) -> int:
        """The allowed set that adjusts if any does: all allowed ancestors of treatments and outcome."""
        return (self.back_door.ancestors(self.ends | self.held) & allowed | self.held) & ~self.forbidden & ~self.ends
