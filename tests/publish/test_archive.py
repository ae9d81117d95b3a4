"""The replication archive: what is in it, what must not be, the same bytes each time, and valid metadata."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from tests.publish.conftest import Run

from balanza.errors import ConfigError
from balanza.panel.codebook import load_codebook
from balanza.publish import archive, crate, readme
from balanza.verbs import archive as verb

NAME = "balanza-results-0.1.0"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that git follows, with files that it does not."""
    folder = tmp_path_factory.mktemp("project")
    for name, text in {
        "Snakefile": "rule all:\n",
        "LICENSE": "MIT\n",
        ".gitignore": "results/\ndata/raw/\n*.log\n",
        "data/variables.yaml": Path("data/variables.yaml").read_text(),
        "data/sources.csv": Path("data/sources.csv").read_text(),
        "data/raw/mexico/secret.csv": "of others\n",
        "results/mexico/old.json": "{}\n",
        "run.log": "once\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def pack(run: Run, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = run.results / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "report.log").write_text(str(run.results))
    (run.results / "tidy").mkdir(exist_ok=True)
    (run.results / "tidy" / "population.parquet").write_bytes(b"rows of a raw file")
    return verb.run(run.results, tmp_path_factory.mktemp("dist"), project)


@pytest.fixture(scope="module")
def content(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as opened:
        return {name.removeprefix(f"{NAME}/"): opened.read(name) for name in opened.namelist()}


def test_code_results_codebooks_and_metadata_are_in_it(pack: Path, content: dict[str, bytes]) -> None:
    assert pack.name == f"{NAME}.zip"
    inside = {"balanza/Snakefile", "balanza/data/sources.csv", "balanza/results/results/index.html", crate.FILE}
    inside |= {"balanza/results/results/config.yaml", "balanza/results/results/tables/toy.estimates.tex", "README.md"}
    assert inside | set(readme.PARTS) <= set(content)


def test_raw_files_logs_and_what_git_ignores_are_not(content: dict[str, bytes]) -> None:
    left = [name for name in content if re.search(r"raw|tidy|logs|\.log$|old\.json", name.removeprefix("balanza/"))]
    assert left == []


def test_git_decides_what_belongs_to_the_project(project: Path, tmp_path: Path) -> None:
    without = archive.tree(project)
    assert without == [".gitignore", "LICENSE", "Snakefile", "data/sources.csv", "data/variables.yaml"]
    (tmp_path / "Snakefile").write_text("")
    (tmp_path / "letter.txt").write_text("private")
    for words in (["init", "-q"], ["add", "Snakefile"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    assert archive.tree(tmp_path) == ["Snakefile"]


def test_the_same_run_gives_the_same_bytes(run: Run, project: Path, pack: Path, tmp_path: Path) -> None:
    again = verb.run(run.results, tmp_path, project)
    assert again.read_bytes() == pack.read_bytes()
    with zipfile.ZipFile(pack) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {archive.DATE}
        assert opened.namelist() == sorted(opened.namelist())


def test_the_sums_are_those_of_the_files(content: dict[str, bytes]) -> None:
    lines = content[archive.SUMS].decode().splitlines()
    assert lines == [
        f"{hashlib.sha256(content[name]).hexdigest()}  {name}" for name in sorted(set(content) - {archive.SUMS})
    ]


def test_the_codebooks_have_every_column_in_both_languages(content: dict[str, bytes]) -> None:
    known = {variable.name: variable for variable in load_codebook(Path("data/variables.yaml"))}
    for code, head in {"en": "label", "es": "etiqueta"}.items():
        first, *rows = csv.reader(content[f"codebook.{code}.csv"].decode().splitlines())
        assert first[1] == head
        assert {row[0]: row[1] for row in rows} == {name: item.label[code] for name, item in known.items()}


def test_the_readme_follows_the_template_with_the_numbers_of_the_run(content: dict[str, bytes]) -> None:
    text = content["README.md"].decode()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Overview",
        "Data availability and provenance statements",
        "Computational requirements",
        "Description of programs",
        "Instructions to replicators",
        "List of results and programs",
        "References",
    ]
    assert "the largest of the 2 jobs held 900 MiB" in text
    assert "4 CPU seconds and 5 wall seconds" in text
    assert "They are **not in this archive**" in text
    assert "SYNTHETIC" not in text
    assert "\\<script\\>" in text and "<script>" not in text
    assert all("{{" not in line for line in text.splitlines())


def test_the_steps_of_the_readme_are_the_rules_in_their_order() -> None:
    included = re.findall(r'^include: "(.+)"$', Path("Snakefile").read_text(), re.MULTILINE)
    assert [path for path, _, _ in readme.STEPS] == [path for path in included if "common" not in path][1:]


def test_a_run_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no finished run"):
        verb.run(tmp_path, tmp_path)


def test_the_metadata_name_the_public_sources_and_hold_no_time(content: dict[str, bytes]) -> None:
    graph = {item["@id"]: item for item in json.loads(content[crate.FILE])["@graph"]}
    assert graph["./"]["datePublished"] == "2026-11-22"
    urls = [name for name in graph if name.startswith("https://raw.githubusercontent.com")]
    assert len(urls) > 60
    assert {"sha256", "contentSize", "license", "publisher"} <= set(graph[urls[0]])
    assert {tuple(sorted(graph[url])) for url in urls} == {tuple(sorted(graph[urls[0]]))}
    assert all(type(value) is str and value for url in urls for value in graph[url].values())
    assert all(re.fullmatch(r"https://[\w.~%/-]+", url) for url in urls)


@pytest.fixture
def small(run: Run, project: Path, tmp_path: Path) -> Path:
    """An archive that names three sources: the validator takes its time for each, and all are of one form."""
    results = Path(shutil.copytree(run.results, tmp_path / run.results.name))
    traced = json.loads((results / "provenance.json").read_text())
    traced["sources"] = [source for source in traced["sources"] if source["sort"] == "public"][:3]
    (results / "provenance.json").write_text(json.dumps(traced))
    return verb.run(results, tmp_path, project)


def test_the_validator_of_ro_crate_finds_no_fault(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The validator asks the network for the context alone, which the package rocrate brings along."""
    requests = pytest.importorskip("requests")
    models = pytest.importorskip("rocrate_validator.models")
    from rocrate_validator import services
    from rocrate_validator.utils.http import HttpRequester

    context = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
    version = json.loads(context)["@id"]

    def get(url: str, *_: Any, **__: Any) -> Any:
        assert url == version
        answer = requests.Response()
        answer.status_code, answer._content, answer.headers["Content-Type"] = 200, context, "application/ld+json"
        return answer

    monkeypatch.setattr(HttpRequester, "get", staticmethod(get), raising=False)
    with zipfile.ZipFile(small) as opened:
        opened.extractall(tmp_path)
    assert json.loads((tmp_path / NAME / crate.FILE).read_text())["@context"] == version
    settings = models.ValidationSettings(
        rocrate_uri=str(tmp_path / NAME),
        profile_identifier="ro-crate-1.3",
        requirement_severity="REQUIRED",
        offline=True,
        cache_path=tmp_path / "cache",
        skip_availability_check=True,
    )
    found = services.validate(settings)
    assert [f"{issue.check.identifier}: {issue.message}" for issue in found.get_issues()] == []
    assert len(found.executed_checks) > 60
