"""The benchmarks: every task runs, contenders agree, limits are told apart, and the page is what the table says."""

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks import harness, page, panel, results
from benchmarks.__main__ import TASKS, jobs
from benchmarks.panel import MONTHLY, Size
from benchmarks.tasks import OWN

from balanza.registry import registry

TINY = Size(150, 33, 4)
COMMITTED = results.read()
AGREE = [
    ("twfe", "pyfixest"),
    ("poisson", "pyfixest"),
    ("callaway_santanna", "csdid"),
    ("sun_abraham", "diff-diff"),
    ("etwfe", "diff-diff"),
    ("etwfe_poisson", "balanza, unit effects"),
    ("imputation", "diff-diff"),
    ("two_stage", "diff-diff"),
    ("stacked", "diff-diff"),
    ("lp_did", "diff-diff"),
    ("synthetic_did", "diff-diff"),
]


def run(task: str, contender: str) -> float:
    data = panel.frame(TINY, TASKS[task].columns)
    return TASKS[task].contenders[contender].run(data)


def row(task: str = "twfe", contender: str = OWN, size: Size = MONTHLY, **given: object) -> results.Row:
    figures = {"status": "ok", "cpu_seconds": 2.0, "fit_seconds": 1.0, "peak_mib": 300.0, "import_mib": 200.0}
    return results.Row(task, contender, "1", *size, **(figures | {"value": 0.5} | given))


def test_the_page_is_what_the_table_says() -> None:
    cure = "run `python -m benchmarks --page` and commit docs/speed.md"
    assert page.text(TASKS.values(), COMMITTED) == page.PAGE.read_text("utf-8"), cure


def test_each_task_is_of_a_method_of_this_package_and_has_its_result_of_the_monthly_panel() -> None:
    assert set(TASKS) <= {*registry("estimators").entries, *registry("checks").entries}
    done = {found.task for found in COMMITTED if found.ok and found.key[1:] == (OWN, MONTHLY)}
    assert set(TASKS) == done, "run `python -m benchmarks TASK --save` and `python -m balanza methods`"


@pytest.mark.parametrize("task", TASKS)
def test_each_task_runs_on_a_tiny_panel(task: str) -> None:
    assert np.isfinite(run(task, OWN))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("task", "contender"), AGREE)
def test_contenders_do_the_same_task(task: str, contender: str) -> None:
    """diff-diff stops its iterations at 1e-8 or so."""
    assert run(task, contender) == pytest.approx(run(task, OWN), rel=1e-7)


def test_a_column_is_the_same_whatever_others_are() -> None:
    alone, beside = panel.frame(TINY, ["y"]), panel.frame(TINY, ["count", "treated", "y", "first"])
    assert alone["y"].equals(beside["y"])
    assert sorted(beside["first"].unique()) == [0, 3, 12, 21, 30]
    assert beside["treated"].equals((beside["first"].gt(0) & beside["period"].ge(beside["first"])).astype(float))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("print('{\"value\": 1}')", "ok"),
        ("bytearray(3 * 2**30)", "out of memory at 2 GiB"),
        ("while True: pass", "no answer in 1 CPU s"),
        ("raise ValueError('no controls')", "failed: ValueError: no controls"),
        ("", "failed: ended with 0"),
    ],
)
def test_what_ends_a_process_is_told_apart(code: str, status: str) -> None:
    found = harness.watch([sys.executable, "-c", code], harness.Limit(gib=2, seconds=1))
    assert found.status == status
    assert found.told == ({"value": 1} if status == "ok" else {})
    assert found.cpu_seconds > 0


def test_a_child_tells_what_it_took() -> None:
    command = [sys.executable, "-m", "benchmarks", "--child", "twfe", OWN, *map(str, TINY)]
    found = harness.watch(command, harness.Limit())
    assert found.status == "ok"
    assert found.told["value"] == run("twfe", OWN)
    assert 0 < found.told["fit_seconds"] < found.cpu_seconds
    assert 0 < found.told["import_mib"] <= found.told["peak_mib"]


def test_peers_are_run_up_to_their_size_and_growth_is_of_own_methods() -> None:
    def chosen(times: list[int], growth: bool) -> list[tuple[str, Size]]:
        given = argparse.Namespace(tasks=["imputation"], times=times, growth=growth, only=None)
        return [(name, size) for _, name, size in jobs(given)]

    ten = MONTHLY._replace(units=24_750)
    assert chosen([1, 10], False) == [(OWN, MONTHLY), ("diff-diff", MONTHLY), (OWN, ten)]
    grown = [Size(7425, 132, 40), Size(2475, 264, 40), Size(2475, 132, 10), Size(2475, 132, 80)]
    assert chosen([1, 10], True)[3:] == [(OWN, size) for size in grown]


def test_the_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    lost = row("poisson", "pyfixest", status="out of memory at 6 GiB", fit_seconds=None, peak_mib=None)
    rows = [row("poisson"), lost._replace(import_mib=None, value=None), row("twfe")]
    results.write([*reversed(rows), row("gone")], ["poisson", "twfe"], tmp_path / "results.csv")
    assert results.read(tmp_path / "results.csv") == rows


def test_budgets_are_met_not_met_or_not_measured() -> None:
    ten = MONTHLY._replace(units=24_750)
    rows = [row("sun_abraham", cpu_seconds=9.0, peak_mib=1100.0), row("etwfe", status="failed: x")]
    rows += [row("callaway_santanna", cpu_seconds=3.0), row("callaway_santanna", "diff-diff", cpu_seconds=15.0)]
    rows += [row("poisson"), row("poisson", size=ten, fit_seconds=10.5, peak_mib=1100.0)]
    text = page.text(TASKS.values(), rows)
    assert "| Sun-Abraham: CPU s | 10 | 9 | met |" in text
    assert "| Sun-Abraham: MiB | 1,024 | 1,100 | **not met** |" in text
    assert "| Linear ETWFE: CPU s | 10 | no answer | **not met** |" in text
    assert "| Linear ETWFE: MiB | 1,024 | no answer | **not met** |" in text
    assert "| Poisson ETWFE: CPU s | 60 | – | not measured |" in text
    assert "| Group-time: CPU as a share of diff-diff's | 0.25 | 0.2 | met |" in text
    assert "| `poisson`, ten times the units: multiple of fit s | 10 | 10.5 | **not met** |" in text
    assert "| `poisson`, ten times the units: multiple of MiB beyond the imports | 10 | 9 | met |" in text
    assert "| `callaway_santanna` | diff-diff 1 | 15 | 5 | 1 | 300 | 1 | 0.5 | without draws" in text


def test_growth_is_the_slope_of_the_logarithms() -> None:
    """Seconds that grow as the power 1.5 of the units, memory as the power 1."""
    sizes = [MONTHLY._replace(units=2475 * times) for times in (1, 3, 10)]
    rows = [row(size=s, fit_seconds=(s.units / 2475) ** 1.5, peak_mib=200 + s.units / 24.75) for s in sizes]
    rows.append(row("poisson"))
    rows.append(row("poisson", size=sizes[2], status="killed", fit_seconds=None, peak_mib=None, import_mib=None))
    text = page.text(TASKS.values(), rows)
    assert "| `poisson` | fit s | 1, –, no answer | – | 1, – | –, 1, – |" in text
    assert "| `twfe` | fit s | 1, 5.2, 31.6 | 1.50 | 1, – | –, 1, – |" in text
    assert "| `twfe` | MiB | 100, 300, 1,000 | 1.00 | 100, – | –, 100, – |" in text
