"""Raw files stay as they were brought, whatever is edited of the code that brings them."""

import subprocess
from pathlib import Path

from tests.acquire.conftest import make_source
from tests.workflow.conftest import copy_project

from balanza.acquire.catalogue import save


def test_an_edit_of_fetch_code_does_not_touch_the_files_that_it_brought(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    (tmp_path / "mirror").mkdir()
    content = {name: f"{name}\n".encode() for name in ("old", "new")}
    raw = project.folder / "data" / "raw" / "mexico" / "toy.csv"

    def run(kept: str) -> subprocess.CompletedProcess[str]:
        toy = make_source(content=content[kept], id="wage_state", reader="wage_state")
        save({toy.id: toy}, project.folder / "data" / "sources.csv")
        (tmp_path / "mirror" / "toy.csv").write_bytes(content[kept])
        target = raw.relative_to(project.folder).as_posix()
        return project.snakemake(target, config=("world=mexico", f"mirror={tmp_path / 'mirror'}"))

    run("old")
    written = raw.stat().st_mtime_ns
    for name in ("verbs/fetch.py", "acquire/fetch.py", "acquire/download.py", "provenance.py"):
        with (project.folder / "src" / "balanza" / name).open("a") as stream:
            stream.write("\n# an edit\n")
    assert "Nothing to be done" in run("old").stderr
    assert raw.stat().st_mtime_ns == written
    run("new")
    assert raw.read_bytes() == content["new"]
