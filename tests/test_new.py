"""`python -m balanza new-estimator` and `new-check`, as in a copy of the project."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import balanza
from balanza.errors import ConfigError
from balanza.verbs import new

FORM = {"estimators": "Difference of differences of means", "checks": "Agreement on direction"}
"""The titles of the two forms, which two new files must not share."""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the project's, with the two forms."""
    for what in ("estimators", "checks"):
        folder = tmp_path / "src" / "balanza" / what
        folder.mkdir(parents=True)
        folder.joinpath("_template.py").write_text((Path(balanza.__file__).parent / what / "_template.py").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("what", "verb"), [("estimators", "new-estimator"), ("checks", "new-check")])
def test_a_new_file_is_the_form_under_its_name_and_the_next_steps_are_said(
    checkout: Path, what: str, verb: str
) -> None:
    done = subprocess.run([sys.executable, "-m", "balanza", verb, "my_own"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = checkout / "src" / "balanza" / what / "my_own.py"
    found = importlib.util.spec_from_file_location("my_own", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.SPEC.name == "my_own"
    form = path.with_name("_template.py").read_text()
    named = form.replace('name="_template"', 'name="my_own"').replace(f'title="{FORM[what]}"', 'title="My own"')
    assert module.SPEC.title == "My own"
    assert path.read_text() == named
    assert f"Wrote src/balanza/{what}/my_own.py" in done.stdout
    assert "python -m pytest tests/contract -k my_own" in done.stdout


@pytest.mark.parametrize("name", ["My_own", "2nd", "my-own", "_own", "", "lambda", "../own", "own.py"])
def test_illegal_names_are_refused(checkout: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is not legal"):
        new.run("estimators", name)
    assert [path.name for path in (checkout / "src" / "balanza" / "estimators").iterdir()] == ["_template.py"]


@pytest.mark.parametrize("name", ["poisson", "randomization"])
@pytest.mark.parametrize("what", ["estimators", "checks"])
def test_names_of_estimators_and_checks_are_taken(checkout: Path, what: str, name: str) -> None:
    with pytest.raises(ConfigError, match=f"there is an estimator or a check '{name}' already"):
        new.run(what, name)


def test_a_file_that_exists_is_left_as_it_is(checkout: Path) -> None:
    path = new.run("estimators", "my_own")
    path.write_text("mine")
    with pytest.raises(ConfigError, match="already"):
        new.run("estimators", "my_own")
    assert path.read_text() == "mine"


def test_outside_of_the_project_it_says_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="Run it in the project's folder, or add an outside package"):
        new.run("estimators", "my_own")
