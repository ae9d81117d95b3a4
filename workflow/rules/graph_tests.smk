# Needs: config/graphs/<graph>.dot, results/<world>/panel/*.
# Makes: results/<world>/graph/<graph>/{falsification.json,discovery.json}, but not in a blind run, since these look at
#        the treatments as they were.
GRAPH_TESTS = (
    []
    if RUN.blind
    else expand(
        f"{RESULTS}/graph/{{graph}}/{{test}}.json",
        graph=list(GRAPHS),
        test=["falsification", "discovery"],
    )
)
TESTED_PANELS = expand(
    f"{RESULTS}/panel/{{panel}}.parquet", panel=["state_year", "municipality_month"]
)


rule falsify:
    """Test what a causal graph implies on the panel."""
    input:
        graph=lambda wildcards: GRAPHS[wildcards.graph],
        stated=lambda wildcards: [
            path
            for path in [GRAPHS[wildcards.graph].with_suffix(".implications.yaml")]
            if path.exists()
        ],
        panels=TESTED_PANELS,
        codebook="data/variables.yaml",
        code=code("balanza.verbs.falsify"),
    output:
        f"{RESULTS}/graph/{{graph}}/falsification.json",
    log:
        messages=f"{RESULTS}/logs/graph/{{graph}}/falsify.log",
        cost=f"{RESULTS}/benchmarks/graph/{{graph}}/falsify.tsv",
    resources:
        **asked("falsify"),
    params:
        stated=lambda wildcards, input: (
            f"--stated {input.stated}" if input.stated else ""
        ),
        options=f"--world {WORLD} --seed {RUN.seed} --level {RUN.level} --draws {RUN.draws}",
    message:
        "Testing graph {wildcards.graph}"
    shell:
        "{PYTHON} --cost {log.cost} falsify --graph {input.graph} {params.stated} --panel {RESULTS}/panel --out {output}"
        " {params.options} &> {log.messages}"


rule discover:
    """Search for a causal graph in the panel, and compare it with the drawn one."""
    input:
        graph=lambda wildcards: GRAPHS[wildcards.graph],
        panels=TESTED_PANELS,
        codebook="data/variables.yaml",
        code=code("balanza.verbs.discover"),
    output:
        f"{RESULTS}/graph/{{graph}}/discovery.json",
    log:
        messages=f"{RESULTS}/logs/graph/{{graph}}/discover.log",
        cost=f"{RESULTS}/benchmarks/graph/{{graph}}/discover.tsv",
    resources:
        **asked("discover"),
    params:
        options=f"--world {WORLD} --level {RUN.level}",
    message:
        "Challenging graph {wildcards.graph}"
    shell:
        "{PYTHON} --cost {log.cost} discover --graph {input.graph} --panel {RESULTS}/panel --out {output}"
        " {params.options} &> {log.messages}"
