"""The check on treated clusters, counted by hand, and its verdicts."""

import dataclasses

import numpy as np
import pytest
from tests.checks.worlds import START, dose_world, panel_of
from tests.contract.panels import make_study, treatment

from balanza.contract import CheckResult, Panel, Study
from balanza.registry import find

PERIODS = 12


def run(study: Study, panel: Panel) -> CheckResult:
    return find("checks", "few_treated").function(study, panel, {}, np.random.default_rng(0))


def staggered(first: list[int], cluster: np.ndarray | None = None, family: str = "gaussian") -> tuple[Study, Panel]:
    rng = np.random.default_rng(0)
    outcome = rng.poisson(20, (len(first), PERIODS)).astype(float)
    given = {} if cluster is None else {"cluster": cluster}
    panel = panel_of(outcome, {"guard": np.array(first)}, family, **given)
    return make_study([treatment("binary")], family), panel


def test_cohorts_clusters_and_units_are_counted_by_hand() -> None:
    # 12 clusters of two units: cohort 4 has three clusters, cohort 7 two, and one cluster is treated from the start.
    first = np.repeat([4, 4, 4, 7, 7, 0, -1, -1, -1, -1, -1, 20], 2)
    found = run(*staggered(list(first), np.repeat(np.arange(12), 2)))
    assert found.table["cohort"].tolist() == ["2015-05", "2015-08"]
    assert found.table["clusters"].tolist() == [3, 2]
    assert found.table["units"].tolist() == [6, 4]
    assert found.table["share_of_treated"].tolist() == [0.6, 0.4]
    assert found.passed is True
    assert "5 clusters of 12 (cluster), with 10 units, get the treatment in 2 cohorts" in found.sentence
    assert "the largest of which (2015-05) has 60 % of these units" in found.sentence
    assert "but 1 cohort of 2 clusters or fewer: for effects on this one read `conley_taber`" in found.sentence


def test_a_cluster_of_two_cohorts_counts_once_in_all() -> None:
    first = np.array([4, 7] * 5 + [4, 4] + [-1] * 12)  # six clusters of two units, five of them in both cohorts
    found = run(*staggered(list(first), np.repeat(np.arange(12), 2)))
    assert found.table["clusters"].tolist() == [6, 5]
    assert found.values["n_treated_clusters"] == [6]
    assert "6 clusters of 12 (cluster), with 12 units, get the treatment in 2 cohorts" in found.sentence


def test_weights_of_one_cohort_in_a_balanced_panel_follow_from_its_share() -> None:
    # Net of unit and period effects a treated unit varies as 1 - q, an untreated one as q, q the share treated: with 6
    # of 30 treated these have 6 x .8^2 of 6 x .8^2 + 24 x .2^2, that is .8.
    found = run(*staggered([6] * 6 + [-1] * 24))
    assert found.table["weight"].tolist() == [pytest.approx(0.8)]
    assert "cluster cluster 0 alone has 13 % of the variation" in found.sentence
    worth = 1 / (6 * (0.8 / 6) ** 2 + 24 * (0.2 / 24) ** 2)
    assert found.values["effective_clusters"] == [pytest.approx(worth)]
    enough = run(*staggered([6] * 12 + [-1] * 18))
    assert enough.sentence.endswith("No case in which clustered standard errors are known to fail outright is at hand.")


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
@pytest.mark.parametrize(("treated", "passed"), [(1, False), (4, False), (5, True)])
def test_fewer_than_five_treated_clusters_fail(family: str, treated: int, passed: bool) -> None:
    found = run(*staggered([6] * treated + [-1] * 20, family=family))
    assert found.passed is passed
    assert ("known to fail here" in found.sentence) is not passed
    assert ("read `conley_taber` and `randomization` instead" in found.sentence) is not passed
    if treated == 1:
        assert "1 cluster of 21 (cluster), with 1 unit, gets the treatment in 1 cohort" in found.sentence


def test_a_dose_that_hangs_on_one_cluster_fails() -> None:
    study, panel = dose_world(0)
    single = panel.frame["d_guard"].where(panel.frame["unit"] == 3, 0.0)
    found = run(study, dataclasses.replace(panel, frame=panel.frame.assign(d_guard=single)))
    assert found.passed is False
    assert "hangs on a single cluster" in found.sentence
    assert "1 cluster of 30 (cluster), with 1 unit, gets a dose;" in found.sentence


def test_a_dose_that_all_get_passes_with_its_weights() -> None:
    found = run(*dose_world(0))
    assert found.passed is True
    assert found.table.loc[0, ["cohort", "clusters", "units"]].tolist() == ["all", 30, 30]
    assert found.table.loc[0, "weight"] == pytest.approx(1)


def test_few_equal_clusters_are_told_to_read_the_bootstrap() -> None:
    study, panel = dose_world(0)
    large = panel.frame["d_guard"].where(panel.frame["unit"] != 3, 40.0 * (panel.frame["period"] >= START))
    found = run(study, dataclasses.replace(panel, frame=panel.frame.assign(d_guard=large)))
    assert found.passed is True and found.values["effective_clusters"][0] < 10
    assert "fewer than 10 equal clusters: read `bootstrap` beside them." in found.sentence
