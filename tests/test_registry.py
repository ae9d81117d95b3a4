"""What is found: files of this package, estimators of other packages, and files that are broken."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_estimate import write_study

import balanza
from balanza import estimators, provenance
from balanza.provenance import code_digest, import_closure
from balanza.registry import registry
from balanza.verbs import compare, estimate

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = "tests/contract/test_estimators.py"
TEMPLATE = Path(estimators.__path__[0]) / "_template.py"
BROKEN = {
    "a_syntax_error": ("SPEC = (", "SyntaxError"),
    "a_missing_import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "an_exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "no_spec": ("VALUE = 1", "needs SPEC = EstimatorSpec(...) and a function estimate()"),
    "misnamed": (TEMPLATE.read_text(), "SPEC.name is '_template' but the file is called 'misnamed'"),
    "Capital": (TEMPLATE.read_text(), "the name 'Capital' is not legal"),
    "no_figures": (
        TEMPLATE.read_text().replace('"_template"', '"no_figures"') + "REFERENCE = (1,)",
        "REFERENCE holds something other than Published(...)",
    ),
}


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Look for estimators and modules anew, before and after."""

    def forget() -> None:
        for cached in (registry, provenance._homes, provenance._module_file, provenance._imports, provenance._needed):
            cached.cache_clear()
        for name in [name for name in sys.modules if name.partition(".")[0] in ("elsewhere", "taker")]:
            del sys.modules[name]

    forget()
    yield
    forget()


def outside_package(folder: Path, name: str, text: str, package: str = "elsewhere") -> None:
    """An installed package with one estimator: its module, a module that this needs, and what an installer writes."""
    (folder / package).mkdir(parents=True, exist_ok=True)
    (folder / package / "__init__.py").write_text("")
    (folder / package / "helper.py").write_text("FACTOR = 1.0\n")
    (folder / package / f"{name}.py").write_text(text)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    with (info / "entry_points.txt").open("a") as points:
        points.write(f"[balanza.estimators]\n{name} = {package}.{name}\n")


def outside_estimator(name: str) -> str:
    text = TEMPLATE.read_text().replace('name="_template"', f'name="{name}"')
    return text.replace(
        "import numpy as np\n", "import numpy as np\n\nfrom elsewhere.helper import FACTOR\n", 1
    ).replace("value = float(", "value = FACTOR * float(")


def run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Python with an outside package installed."""
    paths = os.pathsep.join(map(str, [folder, Path(balanza.__file__).parents[1], ROOT]))
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


def test_broken_files_are_named_and_stop_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = registry("estimators")
    registry.cache_clear()
    for name, (text, _) in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(estimators, "__path__", [*estimators.__path__, str(tmp_path)])
    found = registry("estimators")
    assert list(found.entries) == list(whole.entries)
    assert set(found.broken) == set(BROKEN)
    for name, (_, reason) in BROKEN.items():
        assert reason in found.broken[name]


def test_the_comparison_names_a_broken_file_and_marks_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside_package(tmp_path, "apart", outside_estimator("apart").replace('since=""', 'since="0.1.0"'))
    outside_package(tmp_path, "apart_broken", "VALUE = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.cache_clear()
    entries = registry("estimators").entries
    unreleased = dataclasses.replace(entries["imputation"].spec, since="")
    monkeypatch.setitem(entries, "imputation", dataclasses.replace(entries["imputation"], spec=unreleased))
    names = ["twfe", "imputation", "apart", "apart_broken"]
    study = write_study(tmp_path, outcome={"column": "deaths"}, estimators=names)
    assert [estimate.run(study, name, tmp_path / "out") for name in names[:3]] == ["ran"] * 3
    compare.run(study, tmp_path / "out", tmp_path / "comparison.json")
    rows = {row["estimator"]: row for row in json.loads((tmp_path / "comparison.json").read_text())["rows"]}
    assert rows["apart_broken"]["status"] == "broken"
    assert "the file is broken: TypeError: needs SPEC" in rows["apart_broken"]["reason"]
    assert [name for name, row in rows.items() if row["new"]] == ["imputation", "apart"]


def test_an_outside_package_cannot_take_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.cache_clear()
    outside_package(tmp_path, "poisson", TEMPLATE.read_text().replace('"_template"', '"poisson"'), "taker")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = registry("estimators")
    assert found.entries["poisson"].module == "balanza.estimators.poisson"
    assert found.broken == {"taker.poisson": "its name 'poisson' is taken by balanza.estimators.poisson"}


def test_an_outside_estimator_runs_and_its_own_files_are_in_the_code_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside_package(tmp_path / "site", "apart", outside_estimator("apart"))
    study = write_study(tmp_path, outcome={"column": "deaths"})
    words = ("--study", study, "--estimator", "apart", "--out", tmp_path / "out")
    done = run(tmp_path / "site", "-m", "balanza", "estimate", *words)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "apart.json").read_text())
    assert written["status"] == "ran"
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    modules = ("balanza.verbs.estimate", "elsewhere.apart")
    assert written["code_digest"] == code_digest(*modules)
    (tmp_path / "site" / "elsewhere" / "helper.py").write_text("FACTOR = 2.0\n")
    assert written["code_digest"] != code_digest(*modules)


def test_the_closure_of_an_outside_module_holds_its_package_and_ours_and_no_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("here", "there"):
        outside_package(tmp_path / place, "apart", outside_estimator("apart"), "elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path / "here"))
    files = import_closure("balanza.verbs.estimate", "elsewhere.apart")
    assert [file for file in files if "balanza" not in file] == [
        str(tmp_path / "here" / "elsewhere" / name) for name in ("apart.py", "helper.py")
    ]
    assert any(file.endswith("estimators/_guard.py") for file in files)
    assert not any("numpy" in file for file in files)
    script = (
        "from balanza.provenance import code_digest; print(code_digest('balanza.verbs.estimate', 'elsewhere.apart'))"
    )
    elsewhere = run(tmp_path / "there", "-c", script).stdout.strip()
    assert elsewhere == code_digest("balanza.verbs.estimate", "elsewhere.apart"), "it must not depend on the folder"


def test_the_contract_suite_covers_what_is_outside_and_fails_what_is_broken(tmp_path: Path) -> None:
    outside_package(tmp_path, "apart_whole", outside_estimator("apart_whole"))
    outside_package(tmp_path, "apart_broken", "import no_such_module")
    done = run(tmp_path, "-m", "pytest", "-p", "no:cacheprovider", "-rfp", CONTRACT, "-k", "apart")
    outcomes = [line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED"))]
    whole = [outcome for outcome, test in outcomes if "apart_whole" in test]
    broken = [(outcome, test.split("::")[1]) for outcome, test in outcomes if "apart_broken" in test]
    assert len(whole) > 10 and set(whole) == {"PASSED"}, done.stdout
    assert broken == [("FAILED", "test_the_file_can_be_imported[apart_broken]")]
