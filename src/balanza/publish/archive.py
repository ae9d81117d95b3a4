"""The replication archive of a run: one zip with code, configuration, results, codebook and what to do with them.

The same run gives the same bytes: files are sorted, and all bear one date. Raw files are named by address, size and
digest and are not in it, for their licences are their publishers'; nor are the tidy tables, which hold the same rows.
"""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from balanza.acquire.catalogue import as_csv
from balanza.errors import ConfigError
from balanza.panel.codebook import load_codebook
from balanza.provenance import read_json, replacing
from balanza.publish import crate, readme
from balanza.report import costs
from balanza.report.language import LANGUAGES, said, speaking
from balanza.strict import read_yaml
from balanza.verbs.identify import CODEBOOK

DATE = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = ("logs", "tidy", "annex.html")
"""Of results/<world>: what holds paths of this machine, and what holds the rows of raw files."""
SUMS = "SHA256SUMS.txt"


def write(project: Path, results: Path, out: Path) -> Path:
    """Write the archive of a run.

    Parameters
    ----------
    project : Path
        The folder of the Snakefile.
    results : Path
        results/<world>
    out : Path
        The folder of archives.

    Returns
    -------
    Path
        ``balanza-<world>-<version>.zip`` in it.

    Raises
    ------
    ConfigError
        If the run has not ended.
    """
    if not (results / "provenance.json").is_file() or not (results / "index.html").is_file():
        cure = "Run snakemake to its end first"
        raise ConfigError("there is no finished run", where=str(results), cure=cure)
    traced = read_json(results / "provenance.json")
    name = f"balanza-{traced['results']}-{traced['software']['version']}"
    files: dict[str, bytes | Path] = {f"balanza/{path}": project / path for path in tree(project)}
    files |= {f"balanza/results/{results.name}/{path}": results / path for path in _results(results)}
    files |= {f"codebook.{code}.csv": text.encode() for code, text in codebooks(project / CODEBOOK).items()}
    files["README.md"] = readme.text(traced, read_yaml(results / "config.yaml"), _cost(results), sorted(files)).encode()
    files[crate.FILE] = crate.metadata(name, traced, readme.PARTS, _folders(results)).encode()
    sums = "".join(f"{_digest(files[path])}  {path}\n" for path in sorted(files))
    final = out / f"{name}.zip"
    with replacing(final) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as pack:
        for path, content in sorted({**files, SUMS: sums.encode()}.items()):
            entry = zipfile.ZipInfo(f"{name}/{path}", DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            pack.writestr(entry, _bytes(content))
    return final


def tree(project: Path) -> list[str]:
    """The files of the project: those that git follows, or, outside of git, all that .gitignore does not name."""
    if (project / ".git").exists():
        command = ["git", "-C", str(project), "ls-files", "-z"]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
        names = [name for name in listed.stdout.split("\0") if name and (project / name).is_file()]
        return sorted(names)
    lines = (project / ".gitignore").read_text("utf-8").split() if (project / ".gitignore").is_file() else []
    ignored = [line.rstrip("/") for line in [*lines, "results", "data/raw", ".snakemake", "__pycache__"]]
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not _ignored(path, ignored))


def _ignored(path: Path, patterns: Iterable[str]) -> bool:
    """Whether a file, or a folder that it lies in, bears an ignored name, or lies at an ignored path."""
    places = [path, *path.parents]
    return any(fnmatch(place.as_posix(), line) or fnmatch(place.name, line) for place in places for line in patterns)


def _results(results: Path) -> list[str]:
    found = (path.relative_to(results) for path in results.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not set(LEFT_OUT) & set(path.parts) and path.name[0] != ".")


def codebooks(path: Path) -> dict[str, str]:
    """The codebook as csv in each language, by its code; units are those of the file."""
    variables = load_codebook(path)
    made = {}
    for language in LANGUAGES:
        with speaking(language):
            head = [said(title) for title in readme.CODEBOOK]
            rows = [
                [v.name, v.label[language.code], said(v.unit), said(v.type), said(v.role), v.source, " ".join(v.tables)]
                for v in variables
            ]
        made[language.code] = as_csv(head, rows)
    return made


def _cost(results: Path) -> Mapping[str, Any]:
    """What all jobs of the run took."""
    return costs.summed(costs.read(results / "benchmarks"))[0]


def _folders(results: Path) -> dict[str, str]:
    return {
        "balanza/": "The code, the configuration and the lock of packages",
        f"balanza/results/{results.name}/": "All results of the run",
    }


def _bytes(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _digest(content: bytes | Path) -> str:
    return hashlib.sha256(_bytes(content)).hexdigest()
