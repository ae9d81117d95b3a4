"""Ways around adjustment: conditional instruments and front doors, searched within stated bounds."""

from __future__ import annotations

from itertools import combinations, islice

from balanza.graph.adjustment import Effect
from balanza.graph.dag import bits
from balanza.graph.separators import Cost, cheapest_separator, minimal_separators

MOST_GIVEN = 4
MOST_TRIED = 200
MOST_MEDIATORS = 3


def is_instrument(effect: Effect, node: int, given: int) -> bool:
    """Whether a node is an instrument for the effect of one treatment, given others.

    It must be connected to the treatment and, once the causal paths from the treatment are cut, separated from the
    outcome; what is given must not be caused by the treatment (Brito and Pearl, 2002; van der Zander, Textor and
    Liskiewicz, 2015).

    Parameters
    ----------
    effect : Effect
        Of a single treatment.
    node, given : int
        Masks: of the instrument, and of what is conditioned on.
    """
    after = effect.dag.descendants(effect.treatments) | effect.forbidden | effect.outcome
    if (node | given | effect.held) & after or node & given:
        return False
    fixed = given | effect.held
    return effect.back_door.separated(node, effect.outcome, fixed) and not effect.back_door.separated(
        node, effect.treatments, fixed
    )


def instruments(effect: Effect, allowed: int, cost: Cost) -> list[tuple[int, int]]:
    """Allowed nodes that are instruments given at most MOST_GIVEN others, each with the cheapest such set.

    Of the minimal sets that separate a node from the outcome, MOST_TRIED are looked at. With a longer list given, many
    nodes are instruments on paper; the more must be known, the less a reader can follow.
    """
    found = []
    usable = allowed & ~effect.dag.descendants(effect.treatments) & ~effect.forbidden & ~effect.ends & ~effect.held
    for index in bits(usable):
        node = 1 << index
        if not effect.on_path or node & ~effect.dag.ancestors(effect.treatments):
            continue
        tried = minimal_separators(effect.back_door, node, effect.outcome, usable & ~node, cost, effect.held)
        fitting = [
            given
            for given in islice(tried, MOST_TRIED)
            if given.bit_count() <= MOST_GIVEN and is_instrument(effect, node, given)
        ]
        if fitting:
            given = min(fitting, key=lambda given: (cost(given), given))
            found.append((node, given | _helpful(effect, node, given, cost)))
    return found


def _helpful(effect: Effect, node: int, given: int, cost: Cost) -> int:
    """Of what is held in any case, what a reader would name beside what is given."""
    usable = (given | effect.held) & ~node & ~effect.ends
    found = cheapest_separator(effect.back_door, node, effect.outcome, usable, cost)
    return effect.held & (0 if found is None else found)


def front_doors(effect: Effect, allowed: int) -> list[int]:
    """Minimal front-door sets of at most MOST_MEDIATORS allowed nodes (Pearl, 1995, Biometrika 82).

    A set must cut all causal paths, have no open back door from the treatment, and none to the outcome but through the
    treatment. It may hold nodes beside the causal paths, which close back doors of those on them.
    """
    candidates = [
        1 << index for index in bits(effect.dag.ancestors(effect.outcome) & allowed & ~effect.ends & ~effect.held)
    ]
    found: list[int] = []
    if effect.absorbed:
        return found
    for size in range(1, MOST_MEDIATORS + 1):
        for chosen in combinations(candidates, size):
            nodes = sum(chosen)
            if not any(nodes & smaller == smaller for smaller in found) and _is_front_door(effect, nodes):
                found.append(nodes)
    return found


def _is_front_door(effect: Effect, nodes: int) -> bool:
    dag, everything = effect.dag, (1 << len(effect.dag.names)) - 1
    if dag.descendants(effect.treatments, avoiding=nodes) & effect.outcome:
        return False
    before = dag.without(effect.treatments, everything)
    if not before.separated(effect.treatments, nodes, effect.held):
        return False
    return dag.without(nodes, everything).separated(nodes, effect.outcome, effect.treatments | effect.held)
