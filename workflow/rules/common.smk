# Needs: config/config.yaml, config/studies/*.yaml, data/sources.csv.
# Makes: nothing; names the plan of the run (which studies, estimators and checks) for the rules below.
import shlex
import sys
from functools import cache
from pathlib import Path

import yaml

sys.path.insert(0, "src")
from balanza.acquire.catalogue import load as load_catalogue
from balanza.acquire.fetch import CACHE, refuse_missing
from balanza.config import (
    USER_FILES,
    graph_file,
    load_config,
    load_studies,
    load_study_file,
)
from balanza.errors import BalanzaError
from balanza.provenance import import_closure
from balanza.registry import chosen, own_modules, require_known
from balanza.report.language import LANGUAGES, page_files, page_tables
from balanza.results import file_names
from balanza.warm.start import start as start_warm
from snakemake.exceptions import WorkflowError

PYTHON = f"{shlex.quote(sys.executable)} -m balanza.warm"
STUDY_FOLDER = "config/studies"
ENDS = ["json", "parquet", "covariance.parquet"]
SYNTHETIC_USER_FILES = ("deployment_file", "spending_file")


def plan():
    """Check the configuration and every study before anything runs."""
    try:
        run = load_config(dict(config), "config")
        studies = load_studies(Path(STUDY_FOLDER), run.studies, run.level, run.draws)
        for name, study in studies.items():
            require_known(study, f"{STUDY_FOLDER}/{name}.yaml")
        catalogue = load_catalogue("data/sources.csv")
        if run.world == "mexico" and run.offline:
            mirror = Path(run.mirror) if run.mirror else None
            refuse_missing(catalogue.values(), mirror, CACHE, Path("data/raw/mexico"))
        return run, catalogue, studies
    except BalanzaError as error:
        raise WorkflowError(str(error))


RUN, CATALOGUE, LISTED = plan()
WORLD = RUN.world
# A blind run stands beside the real one, and neither overwrites the other.
RUN_NAME = f"{WORLD}-blind" if RUN.blind else WORLD
RAW, RESULTS = f"data/raw/{WORLD}", f"results/{RUN_NAME}"
# Where a file comes from does not change it, so that another mirror reruns nothing: no parameter of the rule.
FETCH_OPTIONS = shlex.join(
    (["--mirror", RUN.mirror] if RUN.mirror else [])
    + (["--offline"] if RUN.offline else [])
)
TRUTH = f"{RAW}/truth.json" if WORLD == "synthetic" and not RUN.blind else None


def user_file(key):
    """The user's own municipal file of one sort; the synthetic world brings one of each."""
    given = getattr(RUN, key)
    own = WORLD == "synthetic" and key in SYNTHETIC_USER_FILES
    return given or (f"{RAW}/{USER_FILES[key]}.csv" if own else None)


STUDIES = {
    name: study
    for name, study in LISTED.items()
    if not study.needs or user_file(study.needs)
}


def graphs():
    """The file of every graph by name: those of config/graphs, and what a study brings along."""
    found = {path.stem: path for path in sorted(Path("config/graphs").glob("*.dot"))}
    for name, study in STUDIES.items():
        if study.graph:
            path = graph_file(f"{STUDY_FOLDER}/{name}.yaml", study.graph)
            if found.setdefault(path.stem, path) != path:
                raise WorkflowError(
                    f"{path} and {found[path.stem]} bear one name. Rename one of them."
                )
    return found


GRAPHS = graphs()
READERS = {}
for source in CATALOGUE.values():
    READERS.setdefault(source.reader, {})[source.id] = f"{RAW}/{source.file}"
READERS |= {
    name: {name: user_file(key)} for key, name in USER_FILES.items() if user_file(key)
}


@cache
def code(*modules):
    """The source files that a verb needs: an edit of one of them reruns the rule, and no other file does."""
    return import_closure(*modules)


def stems(study):
    """The stems of all estimate files of a study."""
    return [
        stem
        for name in chosen("estimators", study)
        for stem in file_names(name, study).values()
    ]


study_settings = cache(load_study_file)


def own_panel(wildcards):
    """The table that a study brings along, if any."""
    file = study_settings(study_file(wildcards)).panel
    return [f"{STUDY_FOLDER}/{file.file}"] if file else []


def study_file(wildcards):
    return f"{STUDY_FOLDER}/{wildcards.study}.yaml"


def identification_of(wildcards):
    """What the study's graph says, if it has one."""
    answer = f"{RESULTS}/studies/{wildcards.study}/identification.json"
    return [answer] if STUDIES[wildcards.study].graph else []


def estimator_code(wildcards):
    return code(
        "balanza.verbs.estimate",
        *own_modules("estimators", wildcards.estimator),
    )


def estimates_of(wildcards):
    """The estimates of a study, each with its rows and covariance."""
    study = STUDIES[wildcards.study]
    return [
        f"{RESULTS}/studies/{study.name}/estimates/{stem}.{end}"
        for stem in stems(study)
        for end in ENDS
    ]


wildcard_constraints:
    study="[a-z][a-z0-9_]*",
    reader="[a-z][a-z0-9_]*",
    estimator="[a-z][a-z0-9_]*",
    check="[a-z][a-z0-9_]*",
