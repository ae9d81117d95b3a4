"""Where every number of a run comes from: sources with their digests, who uses which, code and data of each estimate.

What differs between two runs of the same code on the same data, such as times, has no place here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from balanza import __version__
from balanza.acquire.catalogue import Source
from balanza.config import USER_FILES, load_study_file
from balanza.contract import Study
from balanza.errors import SourceError
from balanza.panel.codebook import Variable
from balanza.provenance import code_digest, file_digest, read_json
from balanza.registry import chosen
from balanza.results import file_names
from balanza.strict import read_yaml

GENERATOR = "balanza.verbs.synthesise"
SETTINGS = ("flavour", "selection", "seed", "size")
DIGESTED = ("code_digest", "data_digest", "seed", "status", "engine")


def generator(config: Mapping[str, Any]) -> dict[str, Any] | None:
    """How the files of an invented world were made; None in the real one."""
    if config["world"] != "synthetic":
        return None
    return {key: config[key] for key in SETTINGS} | {"module": GENERATOR, "code_digest": code_digest(GENERATOR)}


def sources(
    config: Mapping[str, Any], raw: Path, catalogue: Mapping[str, Source], codebook: Iterable[Variable]
) -> list[dict[str, Any]]:
    """Each raw file of the world, as it lies there, beside what the catalogue pins.

    Parameters
    ----------
    config : mapping
        The merged configuration of the run.
    raw : Path
        data/raw/<world>
    catalogue : mapping of str to Source
    codebook : iterable of Variable

    Returns
    -------
    list of dict
        The keys of `Source`, with `bytes` and `sha256` those of the file that was read; `pinned`, whether they are
        those of the catalogue (None for invented files and the user's own); `sort`, one of public, invented and own;
        `columns`, those of the panels that come from it.
    """
    columns = _columns(codebook)
    sort = "invented" if config["world"] == "synthetic" else "public"
    found = []
    for source in catalogue.values():
        seen = _seen(raw / source.file)
        pinned = seen["sha256"] == source.sha256 if sort == "public" else None
        found.append({**asdict(source), **seen, "pinned": pinned, "sort": sort})
    for key, name in USER_FILES.items():
        path = Path(config[key]) if config[key] else raw / f"{name}.csv"
        if config[key] or (sort == "invented" and path.is_file()):
            blank = dict.fromkeys(("agency", "title", "unit", "licence", "url", "retrieved", "layout"))
            own = {"id": name, "file": path.name, "reader": name, **_seen(path), "pinned": None}
            found.append({**blank, **own, "sort": "own" if config[key] else sort})
    return [{**row, "columns": columns.get(row["reader"], [])} for row in found]


def _seen(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SourceError("there is no such file", where=str(path), cure="Run `snakemake`, which brings it")
    return {"bytes": path.stat().st_size, "sha256": file_digest(path)}


def _columns(codebook: Iterable[Variable]) -> dict[str, list[str]]:
    """The columns of the panels by the reader of what they are made of."""
    found: dict[str, list[str]] = {}
    for variable in codebook:
        for reader in variable.source.split(", "):
            found.setdefault(reader, []).append(variable.name)
    return found


def of_study(study: Study, study_file: Path, folder: Path, listed: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a study rests on, and the digests of all that was computed for it.

    Parameters
    ----------
    study : Study
    study_file : Path
    folder : Path
        results/<world>/studies/<study>
    listed : sequence of dict
        From `sources`.

    Returns
    -------
    dict
        `sources`, the ids of what its rows come from; `own_panel`, the table that it brings along; `estimates` and
        `checks`, each with its digests.
    """
    from pyarrow.parquet import read_schema

    columns = read_schema(folder / "rows.parquet").names
    own = load_study_file(study_file).panel
    stems = [stem for name in chosen("estimators", study) for stem in file_names(name, study).values()]
    return {
        "study": study.name,
        "title": study.title,
        "study_digest": study.digest,
        "data_digest": read_json(folder / "design.json")["data_digest"],
        "columns": columns,
        "sources": [] if own else [row["id"] for row in listed if set(row["columns"]) & set(columns)],
        "own_panel": {"file": own.file, **_seen(study_file.parent / own.file)} if own else None,
        "estimates": [{"name": stem, **digests(folder / "estimates" / f"{stem}.json")} for stem in stems],
        "checks": [{"name": name, **digests(folder / "checks" / f"{name}.json")} for name in chosen("checks", study)],
    }


def digests(path: Path) -> dict[str, Any]:
    """What a result says of the code and data that made it; keys that it lacks are left out."""
    values = read_json(path)
    return {key: values[key] for key in values if key in DIGESTED or key.endswith("_digest")}


def software(citation: Path, lock: Path) -> dict[str, Any]:
    """Which version ran, with which pinned packages, and how it asks to be cited."""
    cited = read_yaml(citation)
    return {
        "version": __version__,
        "lock": lock.name,
        "lock_digest": file_digest(lock),
        "citation": {
            "title": cited["title"],
            "authors": [_name(author) for author in cited["authors"]],
            "version": str(cited["version"]),
            "released": str(cited["date-released"]),
            "license": cited["license"],
        },
    }


def _name(author: Mapping[str, str]) -> str:
    return author.get("name") or f"{author['family-names']}, {author['given-names']}"
