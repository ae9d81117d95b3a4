"""No code is run from data, no shell is built from strings, and the network is asked in one place only."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from balanza.acquire.catalogue import ASSET_HOSTS, load

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
WORKFLOW = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
RUNS_DATA = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
ASKS_THE_NETWORK = {"requests", "urllib3", "httpx", "aiohttp", "ftplib", "urllib.request", "http.client", "pooch"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load", "yaml.unsafe_load"}
CALLS |= {"yaml.full_load", "yaml.load_all", "pd.read_pickle", "subprocess.getoutput", "pd.eval"}
ARGUMENTS = {"shell", "allow_pickle"}
DOWNLOAD = "src/balanza/acquire/download.py"
HOSTS = {"raw.githubusercontent.com"}
"""Where the raw files lie; a source at another host is a decision, and is written down here."""
DECIDED = {"S101", "S603", "S701", "S704"}
"""Rules that single lines may put aside, with the reason beside them."""


def found(path: Path) -> Iterator[str]:
    """What a file imports, calls and passes that this test is about."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (f"import {item.name}" for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"import {node.module}"
        elif isinstance(node, ast.Call):
            yield f"call {ast.unparse(node.func)}"
            yield from (
                f"argument {item.arg}"
                for item in node.keywords
                if isinstance(item.value, ast.Constant) and item.value.value is True
            )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src" / "balanza").as_posix())
def test_no_code_is_run_from_data_or_text(path: Path) -> None:
    asked = set(found(path))
    forbidden = {f"import {name}" for name in RUNS_DATA} | {f"call {name}" for name in CALLS}
    assert asked & (forbidden | {f"argument {name}" for name in ARGUMENTS}) == set()
    if path.relative_to(ROOT).as_posix() != DOWNLOAD:
        assert asked & {f"import {name}" for name in ASKS_THE_NETWORK} == set()


def test_the_test_sees_what_it_looks_for(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import pickle\nfrom requests import get\neval('1')\nrun('ls', shell=True)\nyaml.load(x)\n", "utf-8")
    seen = {"import pickle", "import requests", "call eval", "argument shell", "call yaml.load"}
    assert seen <= set(found(bad))
    assert {f"import {name}" for name in ASKS_THE_NETWORK} & set(found(ROOT / DOWNLOAD))


@pytest.mark.parametrize("path", WORKFLOW, ids=lambda path: path.name)
def test_rules_run_verbs_and_no_text_of_python(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"^\s*(run|script|notebook):", text, re.MULTILINE)
    assert not re.search(r"\b(eval|exec|pickle|os\.system)\b", text)
    assert "yaml.load(" not in text


def test_the_linters_rules_of_security_hold_for_all_of_the_package() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    own = [rules for files, rules in lint["per-file-ignores"].items() if not files.startswith(("tests", "benchmarks"))]
    put_aside = [*lint["ignore"], *(rule for rules in own for rule in rules)]
    assert [rule for rule in put_aside if re.fullmatch(r"S\d*|ALL", rule)] == []
    for path in SOURCES:
        for line in path.read_text("utf-8").splitlines():
            if aside := re.search(r"# noqa(?!: )|# noqa: .*\b(S\d+)\b", line):
                assert aside[1] in DECIDED, f"{path.name}: {line}"
                assert " - " in line[aside.start() :], f"{path.name} gives no reason: {line}"


def test_raw_files_come_from_known_hosts_over_https() -> None:
    addresses = [urlsplit(source.url) for source in load(ROOT / "data" / "sources.csv").values()]
    assert {address.scheme for address in addresses} == {"https"}
    assert {address.hostname for address in addresses} == HOSTS
    assert set(ASSET_HOSTS) <= HOSTS | {"github.com"}
