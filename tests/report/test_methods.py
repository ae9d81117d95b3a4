"""The pages of docs/methods are what the generator writes, and say what the files of the methods say."""

from itertools import groupby
from pathlib import Path

import pytest
from tests.contract import formulas

from balanza.errors import Unsupported
from balanza.registry import registry
from balanza.report import methods
from balanza.verbs import methods as verb

ROOT = Path(__file__).resolve().parents[2]
PAGES = methods.pages([], ROOT)
OWN = {**registry("estimators").entries, **registry("checks").entries}


def test_the_committed_pages_are_in_step() -> None:
    committed = {path.stem: path.read_text() for path in (ROOT / "docs" / "methods").glob("*.md")}
    cure = "run `python -m balanza methods` and commit docs/methods"
    assert sorted(committed) == sorted(PAGES), cure
    assert [name for name in PAGES if PAGES[name] != committed[name]] == [], cure


def test_each_method_of_the_package_has_a_page_and_a_line_in_the_index() -> None:
    own = {name for name, entry in OWN.items() if not entry.outside}
    assert own | {"README"} == set(PAGES)
    assert all(f"[`{name}`]({name}.md)" in PAGES["README"] for name in own)


@pytest.mark.parametrize("name", PAGES)
def test_formulas_are_legal_and_tables_are_whole(name: str) -> None:
    formulas.check(PAGES[name])
    lines = PAGES[name].replace("\\|", "").splitlines()
    tables = [list(group) for table, group in groupby(lines, lambda line: line.startswith("|")) if table]
    assert all(len({row.count("|") for row in table}) == 1 for table in tables)
    assert all(table[1].startswith("|---") for table in tables)


def test_a_page_has_options_figures_and_tests() -> None:
    text = PAGES["callaway_santanna"]
    assert "| `base` | `varying` | Base of the periods before treatment" in text
    assert (
        "| mpdta | `covariates: [lpop]`, `method: reg` | headline | -0.041969 | 0.011445 | 1e-06 | R did 2.5.1 |"
        in text
    )
    assert "| mpdta | defaults | group_time 2004 2006 | -0.1373 | – | 5.1e-05 |" in text
    assert "`tests/estimators/test_callaway_santanna.py`: The group-time estimator" in text
    assert "| `rings` | `[25, 50, 100]` |" in PAGES["spillover"]
    assert "| `horizon` | `null` |" in PAGES["lp_did"]


def test_the_verb_writes_pages_and_removes_those_of_methods_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text(f"{methods.MARK} src/balanza/estimators/gone.py -->\n")
    (tmp_path / "by_hand.md").write_text("# Mine\n")
    verb.run([], tmp_path, ROOT)
    assert {path.stem for path in tmp_path.iterdir()} == {*PAGES, "by_hand"}
    assert (tmp_path / "poisson.md").read_text() == PAGES["poisson"]


def test_one_page_alone_is_the_same_and_an_unknown_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text(f"{methods.MARK} src/balanza/estimators/gone.py -->\n")
    assert verb.run(["randomization"], tmp_path, ROOT) == [tmp_path / "randomization.md"]
    assert (tmp_path / "randomization.md").read_text() == PAGES["randomization"]
    assert (tmp_path / "gone.md").exists()
    with pytest.raises(Unsupported, match=r"Registered: .*callaway_santanna"):
        verb.run(["nothing"], tmp_path, ROOT)


def test_speed_is_that_of_the_monthly_panel_and_left_out_where_there_is_none(tmp_path: Path) -> None:
    rows = [
        "task,contender,units,periods,cohorts,status,fit_seconds,peak_mib",
        "poisson,balanza,2475,132,40,ok,1.5,300",
        "poisson,balanza,24750,132,40,ok,15,3000",
        "poisson,pyfixest,2475,132,40,ok,2.5,400",
        "twfe,balanza,2475,132,40,out of memory at 6 GiB,,",
    ]
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "results.csv").write_text("\n".join(rows))
    pages = methods.pages(["poisson", "twfe"], tmp_path)
    assert "1.5 CPU seconds, and at most 300 MiB" in pages["poisson"]
    assert "## Speed" not in pages["twfe"]
