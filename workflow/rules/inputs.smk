# Needs: common.smk. Makes: nothing; what single rules ask of the plan, in the order of the rules.
from balanza.outlook.scenario_file import load as load_scenario
from balanza.registry import registry
from balanza.resources import TABLE, load as load_costs, needs

COSTS = load_costs()


def asked(rule, times=None):
    """What a job asks of a cluster; on one machine nobody looks at it, unless `--resources` sets a limit."""
    if not COSTS.get(rule):
        raise WorkflowError(
            f"{TABLE} has no row for {rule}. Add what its jobs were measured to take."
        )
    return needs(COSTS[rule], times)


def checks_of(wildcards):
    """The checks of a study."""
    return [
        f"{RESULTS}/studies/{wildcards.study}/checks/{check}.json"
        for check in chosen("checks", STUDIES[wildcards.study])
    ]


def full_only():
    """Refuse the target `full` where the configuration would have it draw small curves."""
    if RUN.targets != "full":
        raise WorkflowError(
            "Also give --config targets=full, or set it in config.yaml."
        )
    return []


def curve_code(wildcards):
    """The code of the verb, and of the estimators that the curve of a study names."""
    study = STUDIES[wildcards.study]
    named = {study.headline, *study.variants.get("estimator", ())}
    found = sorted(named & set(registry("estimators").entries))
    return code("balanza.verbs.curve", *own_modules("estimators", *found))


def claimed_by():
    """The studies of this run that a scenario takes effects from."""
    try:
        files = [
            load_scenario(path) for path in Path("config/scenarios").glob("*.yaml")
        ]
    except BalanzaError as error:
        raise WorkflowError(str(error))
    named = {item.effect.study for file in files for item in file.interventions}
    return [STUDIES[name] for name in sorted(named & set(STUDIES))]
