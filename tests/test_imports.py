"""What verbs import before their work begins: a start that grows is paid by every job of every run."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    *(
        "numpy",
        "pandas",
        "pyarrow",
        "scipy",
        "sklearn",
        "statsmodels",
        "networkx",
        "pygraphviz",
        "shapely",
        "geopandas",
    ),
    *("dowhy", "econml", "doubleml", "pyfixest", "diff_diff", "causallearn", "esda", "libpysal", "pandera", "openpyxl"),
    *("matplotlib", "altair", "vl_convert", "contourpy", "jinja2", "typst", "babel", "rocrate", "rdata", "pooch"),
    *("requests", "rapidfuzz", "tqdm", "snakemake"),
}
COMPUTING = {"numpy", "pandas", "pyarrow", "scipy"}
"""What the warm process of a run holds already; 1.3 s where a job starts on its own."""
PAGES, OUTLINES = {"jinja2"}, {"shapely"}
MORE = {
    **dict.fromkeys(("archive", "costs", "methods", "report", "validation_page"), PAGES),
    "messages": {"babel"},
    **{"synthesise": OUTLINES, "validate": OUTLINES},  # they draw worlds
}
LIGHT = {
    "balanza.__main__": set(),  # every verb, and `--help`
    "balanza.warm.__main__": set(),  # every job of a run
    "balanza.resources": set(),  # every start of Snakemake, and so every job on a cluster, as are the next three
    "balanza.config": {"numpy"},
    "balanza.registry": {"numpy"},
    "balanza.validation.plan": {"numpy"},
    "balanza.verbs.status": set(),
    "balanza.verbs.fetch": set(),
}
# Heavy packages that exist are imported beforehand, which makes the imports quick; what counts is who asks for them.
PROBE = """
import builtins, contextlib, importlib, json, os, sys
heavy, modules = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for name in ("numpy", "pandas", "pyarrow.parquet", "scipy.stats", "scipy.optimize", "scipy.sparse.csgraph", "typer"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)
own, asked = builtins.__import__, set()
def watching(name, globals=None, *others):
    if globals and str(globals.get("__name__")).startswith("balanza"):
        asked.add(name.partition(".")[0])
    return own(name, globals, *others)
for module in modules:
    sys.stdout.flush()
    if os.fork() == 0:
        builtins.__import__ = watching
        importlib.import_module(module)
        builtins.__import__ = own
        print(json.dumps([module, sorted(asked & set(heavy))]), flush=True)
        os._exit(0)
    os.wait()
"""


def verbs() -> list[str]:
    import pkgutil

    from balanza import verbs as package

    return sorted(found.name for found in pkgutil.iter_modules(package.__path__))


@pytest.fixture(scope="module")
def asked() -> dict[str, set[str]]:
    """Heavy packages that our own code asks for while a module is imported, by module; each in a process of its own."""
    modules = [*LIGHT, *(f"balanza.verbs.{name}" for name in verbs() if f"balanza.verbs.{name}" not in LIGHT)]
    command = [sys.executable, "-c", PROBE, json.dumps(sorted(HEAVY)), json.dumps(modules)]
    run = subprocess.run(command, capture_output=True, text=True)
    found = {module: set(names) for module, names in map(json.loads, run.stdout.splitlines())}
    assert list(found) == modules, run.stderr
    return found


@pytest.mark.parametrize("module", LIGHT)
def test_what_every_start_imports_is_light(asked: dict[str, set[str]], module: str) -> None:
    assert asked[module] <= LIGHT[module]


@pytest.mark.parametrize("name", verbs())
def test_a_verb_imports_no_more_than_its_kind_needs_and_the_rest_when_it_is_used(
    asked: dict[str, set[str]], name: str
) -> None:
    assert asked[f"balanza.verbs.{name}"] <= COMPUTING | MORE.get(name, set())


def test_the_menu_of_verbs_loads_nothing_heavy() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "balanza", "--help"], capture_output=True, text=True
    )
    assert told.returncode == 0
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & HEAVY
