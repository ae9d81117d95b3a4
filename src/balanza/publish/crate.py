"""RO-Crate metadata of a replication archive: what each part is, in a form that machines read.

After Soiland-Reyes et al. (2022), Packaging research artefacts with RO-Crate, Data Science 5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FILE = "ro-crate-metadata.json"
LICENCE = "https://spdx.org/licenses/{}"
FORMATS = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "txt": "text/plain",
}


def metadata(name: str, traced: Mapping[str, Any], parts: Mapping[str, str], folders: Mapping[str, str]) -> str:
    """The metadata file of an archive.

    Parameters
    ----------
    name : str
        What the archive is called.
    traced : mapping
        provenance.json of the run.
    parts, folders : mapping of path in the archive to what it is

    Returns
    -------
    str
        JSON; the same for the same run.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    cited = traced["software"]["citation"]
    crate = ROCrate()
    crate.name = name
    crate.description = f"{cited['title']}: code, configuration, results and codebook of the run {traced['results']}."
    crate.datePublished = cited["released"]
    crate.license = LICENCE.format(cited["license"])
    crate.creator = [
        crate.add(ContextEntity(crate, f"#author-{index}", {"@type": "Organization", "name": author}))
        for index, author in enumerate(cited["authors"], 1)
    ]
    for path, title in parts.items():
        ending = path.rpartition(".")[2]
        kind = {"encodingFormat": FORMATS[ending]} if ending in FORMATS else {}
        crate.add_file(dest_path=path, properties={"name": title} | kind)
    for path, title in folders.items():
        crate.add_dataset(dest_path=path, properties={"name": title, "description": title})
    for source in _public(traced["sources"]):
        crate.add_file(source["url"], properties=_properties(source))
    return json.dumps(crate.metadata.generate(), ensure_ascii=False, indent=1) + "\n"


def _public(sources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sources that lie at a public address: they are named, and not in the archive."""
    return [source for source in sources if source["sort"] == "public"]


def _properties(source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": source["title"],
        "publisher": source["agency"],
        "license": source["licence"],
        "contentSize": str(source["bytes"]),
        "sha256": source["sha256"],
        "sdDatePublished": source["retrieved"],
    }
