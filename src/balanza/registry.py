"""Finds estimators and checks: one file each, found by being there, or named by an entry point.

An import error is kept with the name of the file, shown in the report, and hides nothing else.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Literal

from balanza.contract import CheckSpec, EstimatorSpec, Published, Study
from balanza.errors import ConfigError, Unsupported
from balanza.say import joined, say

What = Literal["estimators", "checks"]
FUNCTION: dict[What, str] = {"estimators": "estimate", "checks": "check"}
SPEC_TYPE: dict[What, Any] = {"estimators": EstimatorSpec, "checks": CheckSpec}
LEGAL_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Entry:
    """One registered estimator or check: its SPEC, its function, the module that holds them, and published figures."""

    spec: Any
    function: Callable[..., Any]
    module: str
    reference: tuple[Published, ...] = ()

    @property
    def outside(self) -> bool:
        """Whether another package brought it."""
        return not self.module.startswith("balanza.")


@dataclass(frozen=True)
class Registry:
    """All that was found, and what could not be imported, by name of the file."""

    entries: dict[str, Entry] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def _candidates(what: What, found: Registry) -> dict[str, str]:
    """Modules by name of the estimator or check: a file each of this package, and what entry points name."""
    package = importlib.import_module(f"balanza.{what}")
    modules = {
        item.name: f"balanza.{what}.{item.name}"
        for item in pkgutil.iter_modules(package.__path__)
        if not item.name.startswith("_")
    }
    for point in sorted(entry_points(group=f"balanza.{what}"), key=lambda point: (point.name, point.value)):
        module = point.value.split(":")[0].strip()
        if modules.setdefault(point.name, module) != module:
            found.broken[module] = f"its name {point.name!r} is taken by {modules[point.name]}"
    return dict(sorted(modules.items()))


def _entry(what: What, name: str, module: ModuleType) -> Entry:
    spec: Any = getattr(module, "SPEC", None)
    function: Any = getattr(module, FUNCTION[what], None)
    reference = tuple(getattr(module, "REFERENCE", ()))
    if not LEGAL_NAME.fullmatch(name):
        raise TypeError(f"the name {name!r} is not legal: small letters, digits and underscores, a letter first")
    if not isinstance(spec, SPEC_TYPE[what]) or not callable(function):
        raise TypeError(f"needs SPEC = {SPEC_TYPE[what].__name__}(...) and a function {FUNCTION[what]}()")
    if spec.name != name:
        raise TypeError(f"SPEC.name is {spec.name!r} but the file is called {name!r}")
    if not all(isinstance(item, Published) for item in reference):
        raise TypeError("REFERENCE holds something other than Published(...)")
    return Entry(spec, function, module.__name__, reference)


@cache
def registry(what: What) -> Registry:
    """Everything of one sort that can be found, sorted by name."""
    found = Registry()
    for name, path in _candidates(what, found).items():
        try:
            found.entries[name] = _entry(what, name, importlib.import_module(path))
        except (Exception, SystemExit) as error:  # a broken file must not stop the others, whatever it raises
            found.broken[name] = f"{type(error).__name__}: {error}"
    return found


def find(what: What, name: str) -> Entry:
    """One estimator or check by name.

    Raises
    ------
    Unsupported
        If there is none of that name, or its file cannot be imported.
    """
    found = registry(what)
    if name in found.broken:
        raise Unsupported(
            say("cannot be imported ({reason})", reason=found.broken[name]), where=name, cure=say("Mend the file")
        )
    if name not in found.entries:
        raise Unsupported(
            say("is not registered"), where=name, cure=say("Registered: {names}", names=joined(found.entries, ", "))
        )
    return found.entries[name]


def reason_against(spec: EstimatorSpec | CheckSpec, study: Study) -> str | None:
    """Why a SPEC rules a study out, or None where it does not. Reads no data."""
    kinds = {treatment.kind for treatment in study.treatments}
    if not kinds <= spec.treatments:
        return say(
            "takes {legal} treatments, not {kinds}",
            legal=_words(spec.treatments),
            kinds=_words(kinds - spec.treatments),
        )
    if study.outcome.family not in spec.families:
        return say("takes {legal} outcomes, not {family}", legal=_words(spec.families), family=study.outcome.family)
    if reason := _number_against(spec, len(study.treatments)):
        return reason
    if isinstance(spec, EstimatorSpec):
        if spec.needs and not any(getattr(study, key) for key in spec.needs):
            return say("needs {keys}, and the study names none", keys=joined(spec.needs, say(" or ")))
        if spec.needs_option and study.options_of(spec.name).get(spec.needs_option) is None:
            return say("needs the option `{option}` in the study", option=spec.needs_option)
    return None


def _number_against(spec: EstimatorSpec | CheckSpec, treatments: int) -> str | None:
    if isinstance(spec, CheckSpec):
        return say("compares treatments, and the study has one") if spec.needs_several and treatments == 1 else None
    return None if spec.several_treatments or treatments == 1 else say("takes one treatment, not {n}", n=treatments)


def _words(items: frozenset[Any] | set[Any]) -> str:
    return joined(sorted(items), say(" or "))


def chosen(what: What, study: Study) -> tuple[str, ...]:
    """Names that a study runs: those that it lists, or with `auto` all whose SPEC allows it.

    A broken file is left out, so that it stops nothing else.

    Raises
    ------
    Unsupported
        If a listed name is not registered.
    """
    wanted = study.estimators if what == "estimators" else study.checks
    if wanted != "auto":
        listed = [name for name in wanted if name not in registry(what).broken]
        return tuple(find(what, name).spec.name for name in listed)
    entries = registry(what).entries
    return tuple(name for name, entry in entries.items() if reason_against(entry.spec, study) is None)


def require_known(study: Study, where: str) -> None:
    """Refuse a study that names an estimator, check or option which no file provides; broken files go to the report.

    Parameters
    ----------
    study : Study
    where : str
        Its file, for errors.

    Raises
    ------
    ConfigError
        On an unknown name (with the nearest registered one), a headline that the study does not run, and as in
        `require_options`.
    """
    listed: dict[What, tuple[str, ...] | Literal["auto"]] = {"estimators": study.estimators, "checks": study.checks}
    for what, names in listed.items():
        for name in () if names == "auto" else names:
            _require_registered(what, name, f"{where}, {what}")
    _require_headline(study, f"{where}, headline")
    require_options(study, where)
    _require_variants(study, f"{where}, variants")


def _require_registered(what: What, name: str, where: str) -> None:
    found = registry(what)
    if name in found.entries or name in found.broken:
        return
    near = difflib.get_close_matches(name, found.entries, n=1, cutoff=0)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise ConfigError(
        f"{name!r} is not registered", where=where, cure=f"{hint}Registered: {', '.join(found.entries) or 'none'}"
    )


def _require_headline(study: Study, where: str) -> None:
    """Refuse a headline that will not be among the estimates of its study; a study may have none."""
    name = study.headline
    if name is None:
        return
    _require_registered("estimators", name, where)
    if study.estimators != "auto" and name not in study.estimators:
        raise ConfigError(f"{name!r} is not among the study's `estimators`", where=where, cure="Add it there")
    entry = registry("estimators").entries.get(name)
    reason = reason_against(entry.spec, study) if entry else None
    if reason:
        raise ConfigError(f"{name} {reason}", where=where, cure="Choose an estimator that can run on this study")


def _require_variants(study: Study, where: str) -> None:
    """Refuse choices of the specification curve that no file provides."""
    for name in study.variants.get("estimator", ()):
        _require_registered("estimators", name, f"{where}.estimator")
    for label, options in study.variants.get("comparison", {}).items():
        for name in options:
            _require_registered("estimators", name, f"{where}.comparison.{label}")
        require_options(replace(study, options=options), f"{where}.comparison.{label}")


def require_options(study: Study, where: str) -> None:
    """Refuse options that no SPEC knows.

    Raises
    ------
    ConfigError
        On options for something that is neither an estimator nor a check, with the nearest one; or on an option that
        its SPEC does not have, with the legal ones.
    """
    found = [registry(what) for what in SPEC_TYPE]
    specs = {name: entry.spec for one in found for name, entry in one.entries.items()}
    broken = {name for one in found for name in one.broken}
    for name, given in study.options.items():
        if name not in specs and name not in broken:
            near = difflib.get_close_matches(name, specs, n=1, cutoff=0)
            cure = f"Did you mean {near[0]!r}?" if near else None
            raise ConfigError(f"options for {name!r}, which is no estimator or check", where=where, cure=cure)
        legal = specs[name].options if name in specs else given
        for option in given:
            if option not in legal:
                cure = f"Legal: {', '.join(sorted(legal)) or 'none'}"
                raise ConfigError(f"{name} has no option {option!r}", where=where, cure=cure)


def own_modules(what: What, *names: str) -> list[str]:
    """Modules that hold some registered estimators or checks, or all of them, in this package or outside."""
    entries = registry(what).entries
    return [entries[name].module for name in names or entries]
