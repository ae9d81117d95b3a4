"""Files of keys and values that people write: read as data, and refused with the file and the nearest legal key."""

from __future__ import annotations

import difflib
import math
from collections.abc import Hashable
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from balanza.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)
_MOST_NODES, _DEEPEST = 100_000, 50
STRICT = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
"""Of models with dicts and lists as defaults, whose base is BaseModel itself: so the linter knows they are copied."""


class Strict(BaseModel):
    """A part of such a file: unknown keys are refused, and nothing in it changes once it is read."""

    model_config = STRICT


def load(model: type[Model], path: str | Path) -> Model:
    """Read a file as a model takes it; errors as in `read_yaml` and `validated`."""
    return validated(model, read_yaml(path), str(path))


class _DoubledKey(yaml.YAMLError):
    """One key twice in a mapping."""


class _Loader(yaml.SafeLoader):
    """Data only, and refuses a doubled key, of which YAML would silently take the last."""

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        """Open a bracket, if not too many are open: the time of the scanner grows with the square of their number."""
        if self.flow_level >= _DEEPEST:
            raise yaml.YAMLError(f"more than {_DEEPEST} brackets are open")
        super().fetch_flow_collection_start(token)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node in (key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"):
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                continue  # refused below
            if key in seen:
                raise _DoubledKey(f"the key {key!r} stands twice, in lines {seen[key]} and {line}")
            seen[key] = line
        return super().construct_mapping(node, deep)


def _loaded(text: str) -> Any:
    """The one document of a text, if what its aliases stand for is not more than `_MOST_NODES` when written out."""
    loader = _Loader(text)
    node = loader.get_single_node()
    if node is None:
        return None
    _written_out(node, {})
    return loader.construct_document(node)


def _written_out(node: yaml.Node, known: dict[yaml.Node, float]) -> float:
    """How many nodes a tree has once each alias is replaced by its anchor's; infinite for one that holds itself."""
    if node not in known:
        known[node] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else []
        flat = chain.from_iterable(parts) if isinstance(node, yaml.MappingNode) else parts
        known[node] = 1 + sum(_written_out(part, known) for part in flat)
    if known[node] > _MOST_NODES:
        raise yaml.YAMLError("its aliases stand for too much, or for themselves")
    return known[node]


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a mapping from a YAML file, as data only.

    Raises
    ------
    ConfigError
        If the file is missing, is not YAML, has a key twice, or holds something other than a mapping.
    """
    try:
        content = _loaded(Path(path).read_text("utf-8"))
    except _DoubledKey as error:
        raise ConfigError(str(error), where=str(path), cure="Keep one of them") from None
    except FileNotFoundError:
        raise ConfigError("there is no such file", where=str(path), cure="Check the path") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OSError) as error:  # ValueError: 2020-13-45
        reason = " ".join(str(error).split())
        raise ConfigError(f"not readable as YAML in UTF-8: {reason}", where=str(path)) from None
    if not isinstance(content, dict):
        raise ConfigError("expected keys and values at the top level", where=str(path))
    return content


def _legal_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that may stand where an unknown key was found."""
    here: Any = model
    for step in location[:-1]:
        fields = getattr(here, "model_fields", {})
        if step in fields:
            here = next(iter(_models_in(fields[step].annotation)), None)
    return sorted(getattr(here, "model_fields", {}))


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _first_problem(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    # A misspelt key is also a missing one: the spelling is what the user must mend.
    problem = next((item for item in error.errors() if item["type"] == "extra_forbidden"), error.errors()[0])
    location = tuple(problem["loc"])
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        legal = _legal_keys(model, location)
        near = difflib.get_close_matches(str(location[-1]), legal, n=1, cutoff=0)
        return ConfigError(
            f"unknown key {key!r}", where=where, cure=f"Did you mean {near[0]!r}? Legal keys: {', '.join(legal)}"
        )
    if problem["type"] == "missing":
        return ConfigError(f"the key {key!r} is missing", where=where, cure="Add it")
    message = problem["msg"].removeprefix("Value error, ")
    return ConfigError(f"{key or 'file'}: {message}", where=where)


def validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """Values as a model takes them.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest legal one), a missing key or an illegal value.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _first_problem(error, model, where) from None
