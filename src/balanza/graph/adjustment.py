"""Adjustment: which sets of nodes make the effect of one or several treatments on an outcome a matter of comparison.

The criterion is complete (Shpitser, VanderWeele and Robins, 2010; Perkovic et al., 2018, JMLR 18): a set must hold no
descendant of a node on a proper causal path, and must d-separate treatments and outcome in the proper back-door graph,
which lacks the first arrows of those paths (van der Zander, Liskiewicz and Textor, 2014).

What unit and period effects absorb is conditioned on whatever else is: a set is asked about together with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from balanza.graph.dag import Dag, bits
from balanza.graph.separators import Cost, cheapest_separator, minimal_separators

LONGEST = 8


@dataclass(frozen=True)
class Effect:
    """The effect of `treatments` on `outcome`, all as masks.

    on_path : nodes on proper causal paths, the outcome with them, the treatments without
    forbidden : these and all that they cause
    back_door : the graph without the first arrows of the causal paths
    given : what unit and period effects condition on in any case; 0 is the pure question on the graph
    """

    dag: Dag
    treatments: int
    outcome: int
    on_path: int
    forbidden: int
    back_door: Dag
    given: int = 0

    @classmethod
    def of(cls, dag: Dag, treatments: int, outcome: int, given: int = 0) -> Effect:
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
            given,
        )

    @property
    def ends(self) -> int:
        """Treatments and outcome."""
        return self.treatments | self.outcome

    @property
    def lost(self) -> int:
        """What effects condition on and no adjustment may: with any of it, no set identifies the effect."""
        return self.given & (self.forbidden | self.ends)

    def adjusts(self, nodes: int) -> bool:
        """Whether adjusting for these nodes, beside what is given, identifies the effect."""
        held = nodes | self.given
        return not held & (self.forbidden | self.ends) and self.back_door.separated(self.treatments, self.outcome, held)

    def needed(self, nodes: int) -> int:
        """A part of what is given that would be enough beside a set that adjusts, and of which no part would."""
        return least(self.given & ~nodes, lambda part: replace(self, given=part).adjusts(nodes))

    def minimal_sets(self, allowed: int, cost: Cost, limit: int) -> tuple[list[int], bool]:
        """Up to `limit` adjustment sets of allowed nodes of which no part adjusts, and whether these are all.

        They stand beside what is given, and leave it out.
        """
        found: list[int] = []
        if self.lost:
            return found, True
        usable = allowed & ~self.forbidden
        for nodes in minimal_separators(self.back_door, self.treatments, self.outcome, usable, cost, self.given):
            if len(found) == limit:
                return found, False
            found.append(nodes)
        return found, True

    def cheapest_set(self, allowed: int, cost: Cost) -> int | None:
        """The adjustment set of least cost among allowed nodes, what is given left out; or None."""
        if self.lost:
            return None
        usable = allowed & ~self.forbidden
        return cheapest_separator(self.back_door, self.treatments, self.outcome, usable, cost, self.given)

    def open_path(self, nodes: int) -> tuple[int, ...]:
        """A shortest non-causal path from a treatment to the outcome that adjusting for the nodes leaves open."""
        return self.back_door.open_path(self.treatments, self.outcome, nodes | self.given & ~self.ends)

    def opened(self, nodes: int) -> tuple[int, ...]:
        """A shortest non-causal path of at most LONGEST nodes that these nodes open, and is closed without; or ()."""
        dag, end = self.back_door, self.outcome
        above, before = dag.ancestors(nodes | self.given), dag.ancestors(self.given)
        todo: deque[tuple[tuple[int, ...], bool]] = deque(((start,), False) for start in bits(self.treatments))
        while todo:
            path, new = todo.popleft()
            if new and end >> path[-1] & 1:
                return path
            if end >> path[-1] & 1 or len(path) == LONGEST:
                continue
            here = path[-1]
            for other in bits((dag.parents[here] | dag.children[here]) & ~self.treatments):
                collides = len(path) > 1 and dag.children[path[-2]] >> here & 1 and dag.children[other] >> here & 1
                passes = above >> here & 1 if collides else not (nodes | self.given) >> here & 1
                if passes and other not in path:
                    todo.append(((*path, other), new or bool(collides and not before >> here & 1)))
        return ()

    def best_attempt(self, allowed: int) -> int:
        """The allowed set that adjusts if any does: all allowed ancestors of treatments, outcome and what is given."""
        return self.back_door.ancestors(self.ends | self.given) & allowed & ~self.forbidden & ~self.ends


def least(nodes: int, enough: Callable[[int], bool]) -> int:
    """What is left of nodes that are enough when each is dropped, in their order, if the rest still is."""
    for index in bits(nodes):
        if enough(nodes & ~(1 << index)):
            nodes &= ~(1 << index)
    return nodes
