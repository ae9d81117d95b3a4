from pathlib import Path

import pytest
import yaml

from balanza.config import RunConfig, graph_file, load_config, load_studies, load_study
from balanza.errors import ConfigError
from balanza.registry import require_known

ROOT = Path(__file__).resolve().parents[1]
STUDIES = sorted((ROOT / "config" / "studies").glob("*.yaml"))
MINIMAL = {
    "name": "toy",
    "title": "Toy",
    "question": "Does it work?",
    "panel": {"file": "toy.csv", "unit": "place", "period": "year"},
    "outcome": {"column": "y"},
    "treatment": {"first_treated": "first", "kind": "binary"},
    "cluster": "place",
}


def write(folder: Path, **changes: object) -> Path:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(MINIMAL | changes))
    return path


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_of_the_project_is_valid_and_named_like_its_file(path: Path) -> None:
    assert load_study(path).name == path.stem


def test_the_studies_are_there() -> None:
    names = {
        "coordination",
        "displacement",
        "guard",
        "guard_municipalities",
        "guard_regions",
        "operations",
        "prevention",
        "prevention_adjusted",
        "surges",
        "transfers",
        "versus",
        "versus_adjusted",
        "versus_municipalities",
    }
    assert {path.stem for path in STUDIES} == names


def test_every_key_of_the_config_file_is_legal_and_states_the_default() -> None:
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    assert load_config(values) == RunConfig.model_validate({})
    assert set(values) == set(RunConfig.model_fields)


def test_config_file_stays_under_forty_lines() -> None:
    assert len((ROOT / "config" / "config.yaml").read_text().splitlines()) < 40


def test_unknown_study_key_is_refused_with_the_nearest_legal_key_and_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"toy\.yaml: unknown key 'clusters'. Did you mean 'cluster'\?"):
        load_study(write(tmp_path, clusters="place"))


def test_unknown_nested_key_is_refused_with_the_nearest_legal_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'outcome\.colum'. Did you mean 'column'\?"):
        load_study(write(tmp_path, outcome={"column": "y", "colum": "y"}))


def test_a_misspelt_key_that_is_needed_is_a_misspelling_and_not_a_missing_key(tmp_path: Path) -> None:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump({"titel" if key == "title" else key: value for key, value in MINIMAL.items()}))
    with pytest.raises(ConfigError, match=r"toy\.yaml: unknown key 'titel'. Did you mean 'title'\?"):
        load_study(path)


@pytest.mark.parametrize(
    ("studies", "message"),
    [
        ("gard", r"config, studies: no study 'gard' in .*\. Did you mean 'guard'\? There are: .*guard, "),
        (["guard", "verus"], r"no study 'verus' in .*\. Did you mean 'versus'\?"),
    ],
)
def test_an_unknown_study_is_refused_with_the_nearest(studies: object, message: str) -> None:
    run = load_config({"studies": studies})
    with pytest.raises(ConfigError, match=message):
        load_studies(ROOT / "config" / "studies", run.studies, run.level, run.draws)


def test_studies_are_all_or_one_or_a_list() -> None:
    folder = ROOT / "config" / "studies"
    everything = load_studies(folder, "all", 0.9, 19)
    assert set(everything) == {path.stem for path in STUDIES}
    assert everything["guard"].level == 0.9
    assert load_config({"studies": "guard"}).studies == ["guard"]
    assert list(load_studies(folder, ["versus", "guard"], 0.9, 19)) == ["versus", "guard"]
    with pytest.raises(ConfigError, match="studies: give `all`, the name of a study, or a list of names"):
        load_config({"studies": 5})


def test_a_study_is_called_like_its_file(tmp_path: Path) -> None:
    write(tmp_path).rename(tmp_path / "other.yaml")
    with pytest.raises(ConfigError, match=r"other\.yaml: the study's name is 'toy'. Call it like its file"):
        load_studies(tmp_path, "all", 0.95, 999)


def test_options_are_held_to_what_estimators_and_checks_have(tmp_path: Path) -> None:
    require_known(load_study(write(tmp_path, options={"callaway_santanna": {"control": "never"}})), "toy.yaml")
    with pytest.raises(ConfigError, match=r"toy.yaml: options for 'callaway', .* Did you mean 'callaway_santanna'\?"):
        require_known(load_study(write(tmp_path, options={"callaway": {"control": "never"}})), "toy.yaml")
    with pytest.raises(ConfigError, match=r"toy.yaml: twfe has no option 'draw'. Legal: draws"):
        require_known(load_study(write(tmp_path, options={"twfe": {"draw": 9}})), "toy.yaml")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": "callaway"}, r"headline: 'callaway' is not registered\. Did you mean 'callaway_santanna'\?"),
        ({"headline": "poisson"}, r"headline: poisson takes poisson outcomes, not gaussian\. Choose"),
        ({"headline": "twfe", "estimators": ["imputation"]}, "headline: 'twfe' is not among the study's `estimators`"),
        ({"estimators": ["twef"]}, r"estimators: 'twef' is not registered\. Did you mean 'twfe'\? Registered: "),
        ({"checks": ["randomisation"]}, r"checks: 'randomisation' is not registered\. Did you mean 'randomization'\?"),
    ],
)
def test_what_a_study_names_is_registered_and_can_run(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"toy\.yaml, {message}"):
        require_known(load_study(write(tmp_path, **changes)), "toy.yaml")


def test_a_study_may_have_no_headline_or_one_that_it_lists(tmp_path: Path) -> None:
    for changes in ({}, {"headline": "twfe"}, {"headline": "twfe", "estimators": ["twfe"]}):
        require_known(load_study(write(tmp_path, **changes)), "toy.yaml")


def test_unknown_config_key_is_refused_with_the_nearest_legal_key() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'miror'. Did you mean 'mirror'\?"):
        load_config({"miror": "x"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treatment": {"kind": "binary"}}, "a binary treatment needs `first_treated`"),
        ({"treatment": {"kind": "dose"}}, "a dose treatment needs `column`"),
        ({"treatments": {"a": {"kind": "dose", "column": "d"}}}, "either `treatment` or `treatments`"),
        ({"treatment": {"kind": "dose", "column": "d", "dose": "mean_post"}}, "needs `start`"),
        ({"covariates": "graph"}, "needs `graph`"),
        ({"graph": "absent.dot"}, r"toy\.yaml: there is no graph 'absent\.dot'\. Put it at .*graphs"),
        ({"overrides": {"x": "because"}}, "`overrides` names 'x', which neither `covariates` nor another key lists"),
        ({"covariates": ["x"], "overrides": {"x": " "}}, "gives no reason for 'x'"),
        ({"event_bins": 0}, "event_bins"),
        ({"outcome": {"column": "y", "exposure": "n"}}, "outcome: `exposure` goes with `family: poisson`"),
        ({"rows": "state_month"}, "give either `panel`, .* or `rows`"),
        ({"families": {"negative-controls": ["x"]}}, r"'negative-controls'\. Did you mean 'negative_control'\?"),
        ({"families": {"Negative_control": ["x"]}}, r"'Negative_control'\. Did you mean 'negative_control'\?"),
        ({"name": "../evil"}, "name"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_study(write(tmp_path, **changes))


def test_a_graph_is_found_beside_the_study_or_in_the_folder_of_graphs(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "graphs").mkdir()
    study = write(tmp_path / "studies", graph="toy.dot")
    (tmp_path / "graphs" / "toy.dot").touch()
    assert graph_file(study, "toy.dot") == tmp_path / "graphs" / "toy.dot"
    (tmp_path / "studies" / "toy.dot").touch()
    assert graph_file(study, "toy.dot") == tmp_path / "studies" / "toy.dot"
    assert load_study(study).graph == "toy.dot"


def test_missing_file_and_broken_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: there is no such file"):
        load_study(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,")
    with pytest.raises(ConfigError, match=r"broken\.yaml: not readable as YAML"):
        load_study(broken)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cluster: state", r"toy\.yaml: the key 'cluster' stands twice, in lines 1 and \d+\. Keep one of them"),
        ("variants: {a: 1, a: 2}", r"the key 'a' stands twice"),
        ("variants: {01: 1, 1: 2}", r"the key 1 stands twice"),
    ],
)
def test_a_doubled_key_is_refused(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path)
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(ConfigError, match=message):
        load_study(path)


def test_a_merged_key_is_not_a_doubled_one(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(f"{path.read_text()}options: {{a: &a {{x: 1, y: 1}}, b: {{<<: *a, x: 2}}}}\n")
    assert load_study(path).options["b"] == {"x": 2, "y": 1}


def test_other_families_bear_any_name(tmp_path: Path) -> None:
    families = {"negative_control": ["x"], "lethal": ["y"], "positive_control": ["z"]}
    assert set(load_study(write(tmp_path, families=families)).families) == set(families)


def test_no_code_runs_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text("name: !!python/object/apply:os.system ['touch hacked']")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load_study(path)
    assert not Path("hacked").exists()
