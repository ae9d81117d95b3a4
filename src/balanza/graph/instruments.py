"""Ways around adjustment: conditional instruments and front doors, searched within stated bounds."""

from __future__ import annotations

from itertools import combinations, islice

from balanza.graph.adjustment import Effect
from balanza.graph.dag import bits
from balanza.graph.separators import Cost, minimal_separators

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
        Masks: of the instrument, and of what is conditioned on beside what the effect has given.
    """
    given |= effect.given
    after = effect.dag.descendants(effect.treatments) | effect.forbidden | effect.outcome
    if (node | given) & after or node & given:
        return False
    return effect.back_door.separated(node, effect.outcome, given) and not effect.back_door.separated(
        node, effect.treatments, given
    )


def instruments(effect: Effect, allowed: int, cost: Cost) -> list[tuple[int, int]]:
    """Allowed nodes that are instruments given at most MOST_GIVEN others, each with the cheapest such set.

    Of the minimal sets that separate a node from the outcome, MOST_TRIED are looked at. With a longer list given, many
    nodes are instruments on paper; the more must be known, the less a reader can follow. What effects condition on is
    given besides, and no instrument: they leave it no variation of its own.
    """
    found: list[tuple[int, int]] = []
    after = effect.dag.descendants(effect.treatments) | effect.forbidden | effect.ends
    if effect.given & after:
        return found
    usable = allowed & ~after & ~effect.given
    for index in bits(usable):
        node = 1 << index
        if not effect.on_path or node & ~effect.dag.ancestors(effect.treatments):
            continue
        tried = minimal_separators(effect.back_door, node, effect.outcome, usable & ~node, cost, effect.given)
        fitting = [
            given
            for given in islice(tried, MOST_TRIED)
            if given.bit_count() <= MOST_GIVEN and is_instrument(effect, node, given)
        ]
        if fitting:
            found.append((node, min(fitting, key=lambda given: (cost(given), given))))
    return found


def front_doors(effect: Effect, allowed: int) -> list[int]:
    """Minimal front-door sets of at most MOST_MEDIATORS allowed nodes (Pearl, 1995, Biometrika 82).

    A set must cut all causal paths, have no open back door from the treatment, and none to the outcome but through the
    treatment, all beside what the effect has given. It may hold nodes beside the causal paths, which close back doors
    of those on them.
    """
    found: list[int] = []
    if effect.given & effect.dag.descendants(effect.treatments):
        return found
    usable = effect.dag.ancestors(effect.outcome) & allowed & ~effect.ends & ~effect.given
    candidates = [1 << index for index in bits(usable)]
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
    if not before.separated(effect.treatments, nodes, effect.given):
        return False
    return dag.without(nodes, everything).separated(nodes, effect.outcome, effect.treatments | effect.given)
