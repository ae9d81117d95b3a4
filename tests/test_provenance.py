import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from balanza.provenance import code_digest, derive_seed, file_digest, import_closure, plain, replacing, write_json

SRC = Path(__file__).resolve().parents[1] / "src"


def names(*modules: str) -> set[str]:
    return {Path(file).as_posix().split("balanza/", 1)[1] for file in import_closure(*modules)}


def test_closure_holds_what_a_module_imports_at_the_top_and_inside_functions() -> None:
    found = names("balanza.verbs.estimate")
    assert {"verbs/estimate.py", "preparation.py", "contract.py", "errors.py", "registry.py"} <= found
    assert "verbs/check.py" not in found
    assert "__main__.py" not in found


def test_closure_of_one_estimator_leaves_the_others_out() -> None:
    found = names("balanza.verbs.estimate", "balanza.estimators.poisson")
    assert "estimators/poisson.py" in found
    assert "estimators/callaway_santanna.py" not in found


def test_closure_equals_what_python_really_imports() -> None:
    # oracle: the interpreter's own list after importing the module; the closure may add lazy imports, never miss one
    script = "import sys, balanza.verbs.check; print(*[m for m in sys.modules if m.startswith('balanza.')])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    files = {module.removeprefix("balanza.").replace(".", "/") + ".py" for module in loaded}
    assert {file for file in files if (SRC / "balanza" / file).exists()} <= names("balanza.verbs.check")


def test_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"balanza\.nothing"):
        import_closure("balanza.nothing")


def test_code_digest_is_the_same_twice_and_differs_between_modules() -> None:
    assert code_digest("balanza.periods") == code_digest("balanza.periods")
    assert code_digest("balanza.periods") != code_digest("balanza.places")


def test_file_digest_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    write_json(target, {"value": 1})
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        assert list(tmp_path.glob("*.json")) == [target], "what a kill leaves behind must not look like a result"
        raise RuntimeError
    assert json.loads(target.read_text()) == {"value": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_numbers_of_numpy_become_plain_and_nan_becomes_null() -> None:
    given = {"a": np.float64(1.5), "b": np.array([1, 2]), "c": float("nan"), "d": (np.True_, None), "e": np.inf}
    assert plain(given) == {"a": 1.5, "b": [1, 2], "c": None, "d": [True, None], "e": None}


def test_seeds_differ_by_job_and_not_by_order() -> None:
    seeds = {derive_seed(1, study, estimator) for study in "ab" for estimator in "xy"}
    assert len(seeds) == 4
    assert derive_seed(1, "a", "x") == derive_seed(1, "a", "x") != derive_seed(2, "a", "x")
