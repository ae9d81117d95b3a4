# Needs: results/<world>/studies/<study>/{rows.parquet,estimates/*,checks/*,claim.json}, results/<world>/panel/*.parquet,
#        config/{costs,priors,outcomes,themes}.yaml; the truth in the synthetic world.
# Makes: results/<world>/versus/{pesos.json,pesos.parquet,targeting.json,targeting.parquet,themes.json}.
from types import SimpleNamespace

from balanza.compare.costs import Costs
from balanza.compare.themes import Themes
from balanza.strict import load as load_strict

try:
    COSTS = load_strict(Costs, "config/costs.yaml")
    THEMES = load_strict(Themes, "config/themes.yaml").themes
except BalanzaError as error:
    raise WorkflowError(str(error))
WEIGHED = COSTS.study
# Studies of the same arms whose estimates stand beside, where they run.
BESIDE = [STUDIES[name] for name in COSTS.beside if name in STUDIES]
NEXT_DOOR = [STUDIES[name] for name in (COSTS.displacement,) if name in STUDIES]
OF_WEIGHED = SimpleNamespace(study=WEIGHED)
WEIGHS = WEIGHED in STUDIES
# Checks that a theme names, of studies that run.
NAMED_CHECKS = [
    f"{RESULTS}/studies/{study}/checks/{check}.json"
    for study, _, check in sorted(
        {name.partition(".") for theme in THEMES for name in theme.checks}
    )
    if study in STUDIES and check in chosen("checks", STUDIES[study])
]
WEIGHTS = [
    f"{RESULTS}/versus/{name}"
    for name in ("themes.json",)
    + (
        ("pesos.json", "pesos.parquet", "targeting.json", "targeting.parquet")
        if WEIGHS
        else ()
    )
]


rule weigh:
    """Weigh the two arms of a study: what the same pesos buy on each."""
    input:
        rows=f"{RESULTS}/studies/{WEIGHED}/rows.parquet",
        estimates=estimates_of(OF_WEIGHED) if WEIGHS else [],
        checks=checks_of(OF_WEIGHED) if WEIGHS else [],
        beside=[f"{STUDY_FOLDER}/{study.name}.yaml" for study in BESIDE],
        beside_results=[
            path
            for study in BESIDE
            for of in (estimates_of, checks_of)
            for path in of(SimpleNamespace(study=study.name))
        ],
        next_door=[f"{STUDY_FOLDER}/{study.name}.yaml" for study in NEXT_DOOR],
        next_door_estimates=[
            path
            for study in NEXT_DOOR
            for path in estimates_of(SimpleNamespace(study=study.name))
        ],
        panel=f"{RESULTS}/panel/{STUDIES[WEIGHED].rows}.parquet" if WEIGHS else [],
        truth=[TRUTH] if TRUTH else [],
        study=f"{STUDY_FOLDER}/{WEIGHED}.yaml",
        costs="config/costs.yaml",
        priors="config/priors.yaml",
        outcomes="config/outcomes.yaml",
        code=code(
            "balanza.verbs.weigh",
            *own_modules("estimators"),
            *own_modules("checks"),
        ),
    output:
        f"{RESULTS}/versus/pesos.json",
        f"{RESULTS}/versus/pesos.parquet",
    log:
        messages=f"{RESULTS}/logs/weigh.log",
        cost=f"{RESULTS}/benchmarks/weigh.tsv",
    resources:
        **asked("weigh"),
    params:
        options=f"--world {WORLD} --level {RUN.level} --seed {RUN.seed} --draws {RUN.draws}"
        + (f" --truth {TRUTH}" if TRUTH else ""),
        others=lambda wildcards, input: [f"--beside={path}" for path in input.beside]
        + [f"--displacement={path}" for path in input.next_door],
    message:
        "Weighing the two arms, peso for peso"
    shell:
        "{PYTHON} --cost {log.cost} weigh --study {input.study} --rows {input.rows}"
        " --estimates {RESULTS}/studies/{WEIGHED}/estimates --checks {RESULTS}/studies/{WEIGHED}/checks"
        " --panel {RESULTS}/panel --costs {input.costs} --priors {input.priors} --outcomes {input.outcomes}"
        " --studies {RESULTS}/studies {params.others:q} --out {RESULTS}/versus {params.options} &> {log.messages}"


rule target:
    """Describe who gets what: both arms over violence, deprivation and size of places."""
    input:
        rows=f"{RESULTS}/studies/{WEIGHED}/rows.parquet",
        panels=[
            f"{RESULTS}/panel/{name}.parquet"
            for name in ("state_month", "municipality_month")
        ],
        study=f"{STUDY_FOLDER}/{WEIGHED}.yaml",
        costs="config/costs.yaml",
        code=code("balanza.verbs.target"),
    output:
        f"{RESULTS}/versus/targeting.json",
        f"{RESULTS}/versus/targeting.parquet",
    log:
        messages=f"{RESULTS}/logs/target.log",
        cost=f"{RESULTS}/benchmarks/target.tsv",
    resources:
        **asked("target"),
    message:
        "Describing who gets what"
    shell:
        "{PYTHON} --cost {log.cost} target --study {input.study} --rows {input.rows} --panel {RESULTS}/panel"
        " --costs {input.costs} --out {RESULTS}/versus &> {log.messages}"


rule place:
    """Give each theme of the project its place: what was found of it, and what is missing."""
    input:
        claims=[f"{RESULTS}/studies/{name}/claim.json" for name in STUDIES],
        weighed=[f"{RESULTS}/versus/pesos.json"] if WEIGHS else [],
        checks=NAMED_CHECKS,
        themes="config/themes.yaml",
        code=code("balanza.verbs.place"),
    output:
        f"{RESULTS}/versus/themes.json",
    log:
        messages=f"{RESULTS}/logs/place.log",
        cost=f"{RESULTS}/benchmarks/place.tsv",
    resources:
        **asked("place"),
    params:
        found=lambda wildcards, input: [f"--weighed={path}" for path in input.weighed]
        + [f"--check={path}" for path in input.checks],
    message:
        "Giving each theme its place"
    shell:
        "{PYTHON} --cost {log.cost} place {input.claims} --themes {input.themes} {params.found:q} --out {output}"
        " &> {log.messages}"
