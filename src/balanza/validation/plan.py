"""What is validated: which studies, worlds and estimators, in a small version and in full, and in which batches.

The Snakefile reads this module, so that it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from balanza.config import Flavour, Selection
from balanza.contract import Study
from balanza.registry import chosen

Extent = Literal["small", "full"]
WorldKind = Literal["world", "plasmode"]

FLAVOURS: tuple[Flavour, ...] = ("null", "beneficial", "adverse", "displacement", "reporting")
SELECTIONS: tuple[Selection, ...] = ("none", "level", "dip")
INJECTED: tuple[Flavour, ...] = ("null", "beneficial", "adverse")
BATCH = 10
"""Draws in a file: more draws add files, and leave those that are there."""

STATE_WORLDS, MUNICIPAL_WORLDS = ("guard", "prevention", "versus"), ("operations", "guard_regions")
PLASMODES = ("guard", "operations")
MUNICIPAL_SIZE = 0.25
"""The largest share of Mexico's municipalities in drawn worlds of municipal studies."""

SMALL_DRAWS, SMALL_SIZE = 6, 0.25
SMALL_ESTIMATORS = ("poisson", "twfe", "dose")
"""The small version is a part of every run: about 25 CPU seconds, all on the study `guard`."""

TOO_SLOW: Mapping[str, tuple[str, ...]] = {
    "municipality_month": ("backdoor", "negative_binomial", "synthetic_control", "synthetic_did")
}
"""Estimators that are left out by the rows of a study: one fit takes too long there, or repeats another one (backdoor
without covariates is `twfe`), and these are many fits."""


@dataclass(frozen=True)
class Trials:
    """Some draws of one study in one kind of world; `size` is that of drawn worlds."""

    kind: WorldKind
    study: str
    flavours: tuple[Flavour, ...]
    selections: tuple[Selection, ...]
    estimators: tuple[str, ...]
    draws: int
    size: float

    @property
    def batches(self) -> list[str]:
        """Names of the batches, by the numbers of their first and last draw: 0000-0009, 0010-0019, ..."""
        starts = range(0, self.draws, BATCH)
        return [f"{first:04d}-{min(first + BATCH, self.draws) - 1:04d}" for first in starts]

    def options(self, batch: str) -> list[str]:
        """What tells the verb `validate` to run one batch."""
        first, last = (int(number) for number in batch.split("-"))
        words = [f"--first={first}", f"--last={last}", f"--size={self.size}"]
        for name, values in (
            ("flavour", self.flavours),
            ("selection", self.selections),
            ("estimator", self.estimators),
        ):
            words += [f"--{name}={value}" for value in values]
        return words


def plan(extent: Extent, studies: Mapping[str, Study], draws: int, size: float) -> list[Trials]:
    """All trials of a version, for those of its studies that the run has.

    Parameters
    ----------
    extent : {"small", "full"}
    studies : mapping of str to Study
        The studies of the run.
    draws : int
        `validation_draws` of the run; the small version takes no more than SMALL_DRAWS.
    size : float
        Of the run.
    """
    small = extent == "small"
    worlds = STATE_WORLDS[:1] if small else (*STATE_WORLDS, *MUNICIPAL_WORLDS)
    found = []
    for kind, names in (("world", worlds), ("plasmode", PLASMODES[:1] if small else PLASMODES)):
        for name in names:
            if name not in studies:
                continue
            drawn: tuple[Flavour, ...] = INJECTED if kind == "plasmode" else FLAVOURS
            found.append(
                Trials(
                    kind="plasmode" if kind == "plasmode" else "world",
                    study=name,
                    flavours=drawn[:2] if small else drawn,
                    selections=("none",) if kind == "plasmode" else SELECTIONS,
                    estimators=contenders(studies[name], SMALL_ESTIMATORS if small else ()),
                    draws=min(draws, SMALL_DRAWS) if small else draws,
                    size=min(size, SMALL_SIZE if small else MUNICIPAL_SIZE if name in MUNICIPAL_WORLDS else 1.0),
                )
            )
    return [trials for trials in found if trials.estimators]


def contenders(study: Study, only: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The estimators that are scored: those of the study, without those that are too slow on its rows."""
    slow = TOO_SLOW.get(study.rows, ())
    return tuple(name for name in chosen("estimators", study) if name not in slow and (not only or name in only))
