"""Where a number comes from: the code that made it, the data it was made of, and safe writing of results.

Only the standard library, because the Snakefile reads this module at every start.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from balanza.say import with_messages

PACKAGE = "balanza"
ROOT = Path(__file__).parent
_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


@cache
def _homes(top: str) -> tuple[Path, ...]:
    """Where a top-level module lies, without running it: its folders, or its file without the suffix."""
    if top == PACKAGE:
        return (ROOT,)
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # a module that was not loaded from a file
        return ()
    if spec is None:
        return ()
    folders = tuple(Path(folder) for folder in spec.submodule_search_locations or ())
    return folders or ((Path(spec.origin).with_suffix(""),) if spec.origin else ())


@cache
def _module_file(module: str) -> Path | None:
    top, *rest = module.split(".")
    for home in _homes(top):
        base = home.joinpath(*rest)
        for candidate in (base.with_suffix(".py"), base / "__init__.py"):
            if candidate.is_file():
                return candidate
    return None


@cache
def _imports(module: str) -> frozenset[str]:
    """What a module names in any import statement, at the top or inside functions: modules, and what is in them."""
    path = _module_file(module)
    if path is None:
        return frozenset()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return named_modules(ast.parse(path.read_text("utf-8")), package)


def remember(modules: Iterable[str]) -> None:
    """Read what modules import, so that digests of code need not parse them again in this process and its children."""
    for module in modules:
        _imports(module)


def named_modules(tree: ast.AST, package: str = "") -> frozenset[str]:
    """What source text imports, and what it takes from there, which may be modules too.

    Parameters
    ----------
    tree : AST
    package : str
        The package that the text is part of, for relative imports.
    """
    names: set[str] = set()
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return frozenset(names)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements, at any depth: expressions, which are most of a tree, hold none."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        for part in _BODIES:
            todo.extend(getattr(node, part, ()))


@cache
def _needed(module: str, tops: frozenset[str]) -> tuple[str, ...]:
    """What a module names that is a file of one of these packages."""
    return tuple(name for name in _imports(module) if name.partition(".")[0] in tops and _module_file(name))


def _closure(modules: Iterable[str]) -> dict[str, Path]:
    """Files that modules need, of this package and of the packages of the modules themselves, by name of module."""
    todo, files = list(modules), dict[str, Path]()
    tops = frozenset({PACKAGE, *(module.partition(".")[0] for module in todo)})
    for module in todo:
        if _module_file(module) is None:
            raise ModuleNotFoundError(f"{module} is not a module of {PACKAGE}, nor of a package that can be found")
    while todo:
        module = todo.pop()
        path = _module_file(module)
        if path is not None and module not in files:
            files[module] = path
            todo.extend(_needed(module, tops))
    return dict(sorted(files.items()))


def import_closure(*modules: str) -> list[str]:
    """Files that the named modules need, found without running them.

    Parameters
    ----------
    modules : str
        Dotted names, for example ``balanza.verbs.estimate``, or those of another package.

    Returns
    -------
    list of str
        Sorted paths, relative to the working directory where they lie below it: files of this package and, for
        modules of other packages, of these, but of no third one.

    Raises
    ------
    ModuleNotFoundError
        If a named module is not a file of Python.
    """
    return sorted({_relative(path) for path in _closure(modules).values()})


def _relative(path: Path) -> str:
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def code_digest(*modules: str) -> str:
    """One sha256 over the content of the import closure of the named modules, wherever the files lie."""
    digest = hashlib.sha256()
    for path in _closure(modules).values():
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def file_digest(path: str | Path) -> str:
    """The sha256 of a file, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(parts: Iterable[str]) -> str:
    """The sha256 of some texts, in the order given."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def derive_seed(seed: int, *names: str) -> int:
    """A seed for one job from the seed of the run and the names of the job: the same in any order of jobs."""
    return int(text_digest([str(seed), *names])[:15], 16)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends well.

    A killed or failing block leaves no half-written file behind under the final name.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", newline="\n")


def plain(value: Any) -> Any:
    """A value as JSON takes it: numpy scalars and arrays unwrapped, NaN and infinities as null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return str(value)


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON whole or not at all, with the keys in the order given and a final newline.

    Where sentences of `balanza.say` are among the values of a mapping, the key `messages` tells what they were made of.
    """
    write_text(path, json.dumps(plain(with_messages(value)), ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file in UTF-8."""
    return json.loads(Path(path).read_text("utf-8"))


def write_parquet(path: str | Path, frame: Any) -> None:
    """Write a table as parquet whole or not at all; the same table gives the same bytes."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, engine="pyarrow", compression="zstd", index=False)
