# Needs: config/graphs/<graph>.dot, config/studies/<study>.yaml, data/variables.yaml.
# Makes: results/<world>/studies/<study>/identification.json, for each study with a graph;
#        results/<world>/graph/<graph>/graph.{svg,json}.
from balanza.config import graph_file


def graph_of(wildcards):
    return graph_file(study_file(wildcards), STUDIES[wildcards.study].graph)


def graphs():
    """The file of every graph by name: those of config/graphs, and what a study brings along."""
    found = {path.stem: path for path in sorted(Path("config/graphs").glob("*.dot"))}
    for name, study in STUDIES.items():
        if study.graph is not None:
            path = graph_file(f"{STUDY_FOLDER}/{name}.yaml", study.graph)
            if found.setdefault(path.stem, path) != path:
                raise WorkflowError(
                    f"{path} and {found[path.stem]} bear one name. Rename one of them"
                )
    return found


GRAPHS = graphs()
DRAWINGS = [
    f"{RESULTS}/graph/{name}/graph.{end}" for name in GRAPHS for end in ("json", "svg")
]
IDENTIFICATIONS = {
    name: f"{RESULTS}/studies/{name}/identification.json"
    for name, study in STUDIES.items()
    if study.graph is not None
}


def identifications_of_graph(wildcards):
    """What the graph says to each study that asks it."""
    return [
        path
        for name, path in IDENTIFICATIONS.items()
        if Path(STUDIES[name].graph).stem == wildcards.graph
    ]


def identification_of(wildcards):
    """What the study's graph says, if it has one."""
    has_graph = STUDIES[wildcards.study].graph is not None
    return (
        [f"{RESULTS}/studies/{wildcards.study}/identification.json"]
        if has_graph
        else []
    )


def identification_option(wildcards, input):
    return [f"--identification={path}" for path in input.identification]


rule identify:
    """Ask the causal graph of a study what it identifies."""
    input:
        graph=graph_of,
        study=study_file,
        variables="data/variables.yaml",
        code=code("balanza.verbs.identify"),
    output:
        f"{RESULTS}/studies/{{study}}/identification.json",
    log:
        f"{RESULTS}/logs/{{study}}/identify.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{study}}/identify.tsv"
    message:
        "Asking the graph of {wildcards.study}"
    shell:
        "{PYTHON} identify --study {input.study} --out {output} &> {log}"


rule draw:
    """Draw a causal graph, whole and for each effect that a study asks of it."""
    input:
        graph=lambda wildcards: GRAPHS[wildcards.graph],
        identifications=identifications_of_graph,
        template="src/balanza/report/templates/graph.svg.j2",
        code=code("balanza.verbs.draw"),
    output:
        f"{RESULTS}/graph/{{graph}}/graph.svg",
        f"{RESULTS}/graph/{{graph}}/graph.json",
    log:
        f"{RESULTS}/logs/graph/{{graph}}/draw.log",
    benchmark:
        f"{RESULTS}/benchmarks/graph/{{graph}}/draw.tsv"
    params:
        identifications=lambda wildcards, input: [
            f"--identification={path}" for path in input.identifications
        ],
    message:
        "Drawing graph {wildcards.graph}"
    shell:
        "{PYTHON} draw --graph {input.graph:q} {params.identifications:q}"
        " --out {RESULTS}/graph/{wildcards.graph:q} &> {log:q}"
