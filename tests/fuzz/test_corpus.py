"""Files that once brought a reader down, or would have made a number: each is refused in our own words.

A file is called after its reader or kind, and what is wrong with it.
"""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path

import pytest
from tests.fuzz.readers import WRITTEN, read_source

from balanza.errors import BalanzaError

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("spoilt", CORPUS, ids=lambda path: path.name)
def test_it_is_refused_without_running_anything_or_filling_the_memory(
    spoilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kind, _, _ = spoilt.name.partition("--")
    path = tmp_path / spoilt.name
    shutil.copy(spoilt, path)
    tracemalloc.start()
    try:
        with pytest.raises(BalanzaError) as caught:
            WRITTEN[kind][1](path) if kind in WRITTEN else read_source(kind, path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 300_000_000
    assert spoilt.name in str(caught.value)
    assert len(str(caught.value)) < 3_000
    assert "root:" not in str(caught.value)
    assert [item.name for item in tmp_path.iterdir()] == [spoilt.name]
