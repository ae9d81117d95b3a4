# Needs: config/graphs/<graph>.dot, config/studies/<study>.yaml, data/variables.yaml.
# Makes: results/<world>/studies/<study>/identification.json, for each study with a graph;
#        results/<world>/graph/<graph>/graph.{svg,es.svg,json}.
DRAWINGS = [
    f"{RESULTS}/graph/{name}/graph.{end}"
    for name in GRAPHS
    for end in ("json", "svg", "es.svg")
]
IDENTIFICATIONS = [
    f"{RESULTS}/studies/{name}/identification.json"
    for name, study in STUDIES.items()
    if study.graph
]


rule identify:
    """Ask the causal graph of a study what it identifies."""
    input:
        graph=lambda wildcards: GRAPHS[Path(STUDIES[wildcards.study].graph).stem],
        study=study_file,
        variables="data/variables.yaml",
        code=code("balanza.verbs.identify"),
    output:
        f"{RESULTS}/studies/{{study}}/identification.json",
    log:
        messages=f"{RESULTS}/logs/{{study}}/identify.log",
        cost=f"{RESULTS}/benchmarks/{{study}}/identify.tsv",
    resources:
        **asked("identify"),
    message:
        "Asking the graph of {wildcards.study}"
    shell:
        "{PYTHON} --cost {log.cost} identify --study {input.study} --out {output} &> {log.messages}"


rule draw:
    """Draw a causal graph, whole and for each effect that a study asks of it."""
    input:
        graph=lambda wildcards: GRAPHS[wildcards.graph],
        identifications=lambda wildcards: [
            f"{RESULTS}/studies/{name}/identification.json"
            for name, study in STUDIES.items()
            if study.graph and Path(study.graph).stem == wildcards.graph
        ],
        template="src/balanza/report/templates/graph.svg.j2",
        words=sorted(map(str, Path("src/balanza/report/locale").glob("*.po"))),
        code=code("balanza.verbs.draw"),
    output:
        f"{RESULTS}/graph/{{graph}}/graph.svg",
        f"{RESULTS}/graph/{{graph}}/graph.es.svg",
        f"{RESULTS}/graph/{{graph}}/graph.json",
    log:
        messages=f"{RESULTS}/logs/graph/{{graph}}/draw.log",
        cost=f"{RESULTS}/benchmarks/graph/{{graph}}/draw.tsv",
    resources:
        **asked("draw"),
    params:
        identifications=lambda wildcards, input: [
            f"--identification={path}" for path in input.identifications
        ],
    message:
        "Drawing graph {wildcards.graph}"
    shell:
        "{PYTHON} --cost {log.cost:q} draw --graph {input.graph:q} {params.identifications:q}"
        " --out {RESULTS}/graph/{wildcards.graph:q} &> {log.messages:q}"
