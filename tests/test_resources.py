"""What jobs ask of a cluster follows from what they were measured to take."""

from pathlib import Path

import pytest

from balanza.errors import ConfigError
from balanza.resources import Cost, load, measured, needs, save

HEAD = "rule,threads,cpu_seconds,peak_mib\n"
COSTS = "verb\twall_seconds\tcpu_seconds\tpeak_mib\n"


def test_a_job_asks_for_a_margin_over_what_was_measured_and_for_more_at_each_attempt() -> None:
    asked = needs(Cost("check", 1, cpu_seconds=90.0, peak_mib=1000.0))
    # 300 MiB for the start and 1.5 times 1,000; 3 minutes for the start and four times 90 s.
    assert [asked["mem_mb"](None, attempt) for attempt in (1, 2, 3)] == [1800, 3600, 5400]
    assert [asked["runtime"](None, attempt) for attempt in (1, 2, 3)] == [9, 18, 27]


def test_the_table_takes_the_most_of_each_verb_over_runs_and_keeps_the_rest(tmp_path: Path) -> None:
    for world, row in (("one", "curve-test\t9.0\t2.0\t300.0\n"), ("two", "curve-test\t1.0\t1.0\t400.0\n")):
        path = tmp_path / world / "benchmarks" / "guard" / "curve_test.tsv"
        path.parent.mkdir(parents=True)
        path.write_text(COSTS + row)
    table = tmp_path / "resources.csv"
    table.write_text(HEAD + "report,4,1.0,100\ncurve_test,2,9.0,100\n")
    save(measured([tmp_path / "one", tmp_path / "two"]), table)
    assert table.read_text() == HEAD + "curve_test,2,2.0,400\nreport,4,1.0,100\n"
    assert load(table)["curve_test"] == Cost("curve_test", 2, 2.0, 400.0)


def test_a_row_that_is_none_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    table = tmp_path / "resources.csv"
    table.write_text(HEAD + "check,1,much,400\n")
    with pytest.raises(ConfigError, match=r"resources\.csv.*row 'check,1,much,400' has not the columns rule, threads"):
        load(table)
