# Balanza: acquire -> panel -> estimate -> check -> compare -> report, one way.
# `snakemake` runs the synthetic world; see README.md for the real one. `snakemake --list-rules` is a menu.
configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"


localrules:
    all,
    full,
    validation,
    settings,
    fetch,  # nodes of a cluster often have no network
    draw,  # and what takes less than a second is not worth a job there
    place,
    score,
    validation_page,


rule all:
    """The report of the configured world, and everything that it rests on."""
    default_target: True
    input:
        f"{RESULTS}/index.html",
        f"{RESULTS}/config.yaml",
        f"{RESULTS}/costs.html",
        lambda wildcards: GRAPH_TESTS,
        lambda wildcards: VALIDATION_PAGES,


rule full:
    """The same with specification curves of hundreds of variants: `snakemake full --config targets=full`."""
    input:
        f"{RESULTS}/index.html",
        lambda wildcards: full_only(),


include: "workflow/rules/acquire.smk"
include: "workflow/rules/panel.smk"
include: "workflow/rules/graph.smk"
include: "workflow/rules/estimate.smk"
include: "workflow/rules/graph_tests.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/curve.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/weigh.smk"
include: "workflow/rules/outlook.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/report.smk"


onstart:
    # A killed run may leave half-written files, which bear no final name; only one run at a time writes here.
    for folder in (RAW, RESULTS):
        for part in Path(folder).rglob(".*.part"):
            part.unlink(missing_ok=True)
    # On this machine jobs are forked from one process; on a cluster each starts on its own.
    if workflow.local_exec:
        start_warm()


onsuccess:
    if Path(RESULTS, "index.html").is_file():
        print(f"Open {RESULTS}/index.html")


onerror:
    print(f"The pages in {RESULTS} are of an earlier run, or missing.")
