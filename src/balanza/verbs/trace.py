"""Record where every number of a run comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.acquire.catalogue import PATH as CATALOGUE
from balanza.acquire.catalogue import load as load_catalogue
from balanza.config import load_study
from balanza.panel.codebook import load_codebook
from balanza.provenance import write_json
from balanza.publish import trace
from balanza.strict import read_yaml
from balanza.verbs.identify import CODEBOOK


def run(
    results: Path,
    raw: Path,
    study_files: Iterable[Path],
    others: Iterable[Path] = (),
    citation: Path = Path("CITATION.cff"),
    lock: Path = Path("requirements.lock"),
) -> None:
    """Write results/<world>/provenance.json.

    Parameters
    ----------
    results, raw : Path
        results/<world> and data/raw/<world>
    study_files : iterable of Path
        The studies that ran.
    others : iterable of Path
        Results below `results` that belong to no study, JSON.
    citation, lock : Path
        How to cite, and the pinned packages.

    Raises
    ------
    BalanzaError
        If a file of the project cannot be read.
    """
    config = read_yaml(results / "config.yaml")
    listed = trace.sources(config, raw, load_catalogue(CATALOGUE), load_codebook(CODEBOOK))
    studies = [
        trace.of_study(study, path, results / "studies" / study.name, listed)
        for path in study_files
        for study in [load_study(path, config["level"], config["draws"])]
    ]
    for row in listed:
        row["studies"] = [found["study"] for found in studies if row["id"] in found["sources"]]
    found = {
        "results": results.name,
        "software": trace.software(citation, lock),
        "generator": trace.generator(config),
        "sources": listed,
        "studies": studies,
        "others": [{"name": path.relative_to(results).as_posix(), **trace.digests(path)} for path in others],
    }
    write_json(results / "provenance.json", found)
