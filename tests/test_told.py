"""The one line that a verb says about each file it wrote; an estimate's is in test_estimate.py."""

from pathlib import Path

import pandas as pd
import pytest

from balanza.provenance import write_json, write_parquet, write_text
from balanza.told import wrote


def test_a_line_for_each_sort_of_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parquet(tmp_path / "rows.parquet", pd.DataFrame({"a": range(1500), "b": 0}))
    write_json(tmp_path / "check.json", {"status": "ran", "passed": False, "sentence": "Leads move together."})
    write_json(tmp_path / "other.json", {"study": "toy"})
    write_text(tmp_path / "index.html", "<p>")
    names = ["rows.parquet", "check.json", "other.json", "index.html"]
    wrote(*(tmp_path / name for name in names))
    said = ["1,500 rows, 2 columns", "not passed. Leads move together.", "20 bytes", "3 bytes"]
    expected = [f"{tmp_path / name}: {text}" for name, text in zip(names, said, strict=True)]
    assert capsys.readouterr().out.splitlines() == expected
