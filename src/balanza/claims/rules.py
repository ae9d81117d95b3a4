"""The rules by which claims are graded, as config/grades.yaml states them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from balanza.strict import Strict


class Criterion(Strict):
    """A question to which a check, the graph or the other estimators answer."""

    name: str
    question: str
    check: str | None = None
    column: str | None = None
    at_most: float | Literal["alpha"] | None = None
    graph: bool = False
    agreement: bool = False
    essential: bool = False

    @model_validator(mode="after")
    def _one_source(self) -> Criterion:
        if (self.check is not None) + self.graph + self.agreement != 1:
            raise ValueError(f"the criterion {self.name!r} needs one of `check`, `graph: true` and `agreement: true`")
        if (self.column is None) != (self.at_most is None) or (self.column and self.check is None):
            raise ValueError(f"the criterion {self.name!r} needs `column` and `at_most` together, with `check`")
        return self


class Grade(Strict):
    """A grade, and what it takes; what is left out is not asked."""

    grade: str
    title: str
    failed_at_most: int | None = None
    essential_failed_at_most: int | None = None
    failed_only: tuple[str, ...] | None = None
    essential_passed: Literal["all"] | None = None
    detectable_at_most: float | None = None

    @property
    def takes_all(self) -> bool:
        """Whether it asks nothing."""
        return not self.model_dump(exclude={"grade", "title"}, exclude_none=True)


class Case(Strict):
    """Criteria and grades of claims of one sort."""

    criteria: tuple[Criterion, ...]
    grades: tuple[Grade, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ends(self) -> Case:
        if not self.grades[-1].takes_all:
            raise ValueError("the last of the `grades` must ask nothing, so that each claim gets one")
        names = [criterion.name for criterion in self.criteria]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"the criterion {name!r} stands twice")
        for name in (name for grade in self.grades for name in grade.failed_only or ()):
            if name not in names:
                raise ValueError(f"`failed_only` names {name!r}, which is no criterion here")
        return self


class Rules(Strict):
    """All rules. `matters` is the size of an effect, in per cent, that would matter."""

    matters: float = Field(gt=0)
    claim: Case
    no_claim: Case
