"""Ways to spoil files that people write: YAML, causal graphs and tables of their own."""

from __future__ import annotations

import json
from random import Random

import yaml
from tests.fuzz.mutations import Spoiler, spoil_bytes, spoil_cells, spoil_encoding, spoil_json, spoil_table

SNIPPETS = (
    *("x: 2020-13-45", "x: !!int many", "x: !!float many", "x: !!timestamp never", "x: !!binary é", "x: 1:99:99"),
    "x: !!python/object/apply:os.mkdir ['run_by_yaml']",
    "x: !!python/name:os.system",
    "x: &a [*a]",
    "x: " + "[" * 2000,
    "x: " + "9" * 5000,
    "x: [" + ", ".join(f"&a{n} [" + ", ".join([f"*a{n - 1}"] * 9 if n else ["1"]) + "]" for n in range(12)) + "]",
    *(
        "? [1, 2]\n: x",
        "? {a: 1}\n: x",
        "<<: 1",
        "<<: [1]",
        "\tx: 1",
        "x: 'open",
        "x: \x00",
        "x: \x07",
        "--- \n---",
        "...",
    ),
    *(
        "x: .inf",
        "x: .nan",
        "x: -1",
        "x: yes",
        "x: ~",
        "~: 1",
        "1: 1",
        "x: ''",
        "x: |",
        "- 1",
        "%YAML 9.9",
        "x: {a: [}",
    ),
    "{" * 3000,
    "a -> b -> c -> d [reason=x];",
    "a -> {b c}; subgraph cluster_0 { d }",
    'a [label=<<b>x</b>>]; a:n -> b:s; "a\\N" -> "b\\',
    "/* never closed",
    "}} digraph other {",
    "n" * 200_000,
)


def spoil_text(content: bytes, random: Random) -> bytes:
    """Put a snippet between two lines, drop one, double one, move one or change its indent."""
    lines = content.decode("utf-8").split("\n")
    for _ in range(random.randint(1, 3)):
        at, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(6):
            case 0 | 1:
                lines.insert(at, random.choice((" ", "", "  ")) + random.choice(SNIPPETS))
            case 2:
                lines[at] = lines[other]
            case 3:
                lines.insert(at, lines[other])
            case 4:
                lines[at] = "  " + lines[at]
            case 5:
                words = lines[at].split(":")
                lines[at] = ":".join([*words[:-1], " " + random.choice(SNIPPETS).removeprefix("x: ")])
    return "\n".join(lines).encode("utf-8", errors="replace")


def spoil_tree(content: bytes, random: Random) -> bytes:
    """Put an absurd value somewhere in the keys and values of a YAML file."""
    tree = json.dumps(yaml.safe_load(content), default=str).encode()
    return spoil_json(tree, random)


def spoilers_of_text(name: str) -> tuple[Spoiler, ...]:
    """Ways to spoil a file of keys and values, or a graph."""
    own = (spoil_text, spoil_text, spoil_bytes, spoil_encoding)
    return own if name.endswith(".dot") else (*own, spoil_tree, spoil_tree)


def spoilers_of_panel(name: str) -> tuple[Spoiler, ...]:
    """Ways to spoil a user's own panel."""
    cells = spoil_cells(",", "utf-8")
    return (spoil_table, spoil_bytes) if name.endswith(".parquet") else (cells, cells, spoil_bytes, spoil_encoding)
