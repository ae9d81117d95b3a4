"""How each kind of file from outside is read: by the reader of its source, or by the loader of what people write."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.acquire.test_bad_input import STUDY
from tests.synthetic.reading import sources

ROOT = Path(__file__).resolve().parents[2]


@cache
def _graph() -> Any:
    from balanza.graph.load import load

    return load(ROOT / "config" / "graphs" / "security.dot")


def _scenario(path: Path) -> object:
    from balanza.outlook import scenario_file

    return scenario_file.load(path)


def _strict(module: str, name: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        from balanza.strict import load

        return load(getattr(importlib.import_module(f"balanza.{module}"), name), path)

    return read


def _loader(module: str, name: str, *more: Callable[[], object]) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        return getattr(importlib.import_module(f"balanza.{module}"), name)(path, *(item() for item in more))

    return read


def _config(path: Path) -> object:
    from balanza.config import load_config
    from balanza.strict import read_yaml

    return load_config(read_yaml(path))


def _panel(path: Path) -> object:
    """A user's own panel, as `estimate` takes it."""
    import yaml

    from balanza.config import load_study
    from balanza.preparation import first_line, prepare, read_table

    study = path.with_name("toy.yaml")
    study.write_text(yaml.safe_dump(STUDY | {"panel": STUDY["panel"] | {"file": path.name}}), "utf-8")
    return prepare(load_study(study), read_table(path), path.name, first_line(path))


WRITTEN: dict[str, tuple[str, Callable[[Path], object]]] = {
    "config": ("config/config.yaml", _config),
    "study": ("config/studies/guard.yaml", _loader("config", "load_study")),
    "study of two treatments": ("config/studies/versus.yaml", _loader("config", "load_study")),
    "graph": ("config/graphs/security.dot", _loader("graph.load", "load")),
    "implications": ("config/graphs/security.implications.yaml", _loader("graph.implications", "load_stated", _graph)),
    "costs": ("config/costs.yaml", _strict("compare.costs", "Costs")),
    "priors": ("config/priors.yaml", _strict("compare.costs", "Priors")),
    "outcomes": ("config/outcomes.yaml", _strict("compare.outcomes", "Outcomes")),
    "themes": ("config/themes.yaml", _strict("compare.themes", "Themes")),
    "grades": ("config/grades.yaml", _strict("claims.rules", "Rules")),
    "outlook": ("config/outlook.yaml", _loader("outlook.settings", "load")),
    "scenario": ("config/scenarios/tiers.yaml", _scenario),
    "scenario with a prior": ("config/scenarios/us_shock.yaml", _scenario),
    "codebook": ("data/variables.yaml", _loader("panel.codebook", "load_codebook")),
    "catalogue": ("data/sources.csv", _loader("acquire.catalogue", "load")),
}
"""A kind of file, the one of the project, and its loader."""

OWN_PANEL = _panel


def read_source(reader: str, path: Path) -> Any:
    """Read one file of a source; a file of another name is taken as the reader's first."""
    module = importlib.import_module(f"balanza.sources.{reader}")
    ids = {file: source for source, file in sources()[reader].items()}
    return module.read({ids.get(path.name, next(iter(ids.values()))): path})


def schema_of(reader: str) -> Any:
    return importlib.import_module(f"balanza.sources.{reader}").schema()
