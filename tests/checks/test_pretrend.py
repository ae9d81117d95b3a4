"""The test before treatment as a check: its verdicts, what it is read off, and its size in panels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t as student
from tests.contract.event_studies import event_study
from tests.contract.panels import make_panel, make_study, treatment

from balanza.checks import pretrend
from balanza.contract import CheckResult, Estimate, Panel, Study
from balanza.errors import Unsupported
from balanza.estimators import twfe
from balanza.kernels.honest import EventStudy
from balanza.kernels.pretrend import bias, pretest, slope_missed
from balanza.report.language import Language, said, speaking
from balanza.report.said import in_folders
from balanza.results import write_check

UNITS, PERIODS, START = 24, 12, 6
TIME = [-4, -3, -2, 0, 1]
APART = 0.01 * (0.5 * np.eye(5) + 0.5)


def world(kind: str = "dose", **changes) -> tuple[Study, Panel]:
    """A dose of which 24 clusters have two sizes, so that all count alike, or an absorbing treatment of `first`."""
    size = np.tile([0.5, 1.5], UNITS // 2)
    given = changes.pop("first", size[:, None] * (np.arange(PERIODS) >= START))
    outcome = np.random.default_rng(0).normal(size=(UNITS, PERIODS))
    panel = make_panel(outcome, {"guard": given}, start={"guard": START} if kind == "dose" else None)
    return make_study([treatment(kind)], event_bins=1, headline="twfe", **changes), panel


def run(estimates: dict[str, Estimate], study: Study | None = None, panel: Panel | None = None) -> CheckResult:
    default = world()
    return pretrend.check(study or default[0], panel or default[1], estimates, np.random.default_rng(0))


def test_parallel_trends_that_are_known_well_pass_and_numbers_are_the_kernels() -> None:
    precise = APART.copy()
    precise[:3, :3] /= 100
    precise[3:, :3] = precise[:3, 3:] = 0
    result = run({"twfe": event_study(TIME, [0.01, 0.0, 0.01, 0.3, 0.4], precise, scale="level")})
    assert result.passed is True
    given, test = EventStudy(np.array([0.01, 0.0, 0.01, 0.3, 0.4]), precise, 3), pretest(3, 24.0, 0.95)
    steps, weights = np.array([-3.0, -2, -1, 1, 2]), np.full(2, 0.5)
    slope = slope_missed(given, steps, test, 0.5)
    row = result.table.iloc[0]
    assert row["slope_50"] == pytest.approx(slope)
    assert (row["bias_50"], row["bias_if_passed_50"]) == pytest.approx(bias(given, steps, weights, slope, test))
    assert "does not tell the 3 event times before treatment from zero" in result.sentence
    assert "that is less than half that interval's width." in result.sentence


def test_trends_that_part_before_do_not_pass() -> None:
    result = run({"twfe": event_study(TIME, [-0.9, -0.6, -0.3, 0.3, 0.6], APART / 10, scale="level")})
    assert result.passed is False
    assert "trends were not parallel: the 3 event times before treatment differ from zero" in result.sentence


def test_a_test_without_power_is_no_reassurance() -> None:
    noisy = APART.copy()
    noisy[:3, :3] *= 100
    noisy[3:, :3] = noisy[:3, 3:] = 0
    result = run({"twfe": event_study(TIME, [0.1, -0.2, 0.1, 0.9, 0.9], noisy, scale="level")})
    assert result.passed is None
    assert "too little power to reassure" in result.sentence


def test_effects_on_a_logarithm_are_told_in_per_cent_and_lines_follow_the_effect() -> None:
    study, panel = world()
    study = dataclasses.replace(study, headline="poisson")
    result = run({"poisson": event_study(TIME, [0.0, 0.0, 0.1, -0.3, -0.5], APART)}, study, panel)
    assert f"beside the estimated {100 * np.expm1(-0.4):.1f} %" in result.sentence
    figure = result.figure
    assert list(figure["event_time"]) == [-4, -3, -2, -1, 0, 1]
    slope = result.table["slope_50"].iloc[0]
    assert figure["line_50"].to_numpy() == pytest.approx(-slope * np.array([-3, -2, -1, 0, 1, 2]))
    assert figure["value"].iloc[3] == figure["line_80"].iloc[3] == 0


def test_with_bins_slopes_are_per_bin_and_few_clusters_test_the_trend_alone() -> None:
    study, panel = world(kind="binary", first=np.repeat([5, -1], [8, 16]))
    study = dataclasses.replace(study, event_bins=2)
    few = dataclasses.replace(
        panel, frame=panel.frame.assign(cluster=panel.frame["cluster"] // 4), cluster_labels=panel.cluster_labels[:6]
    )
    result = run({"twfe": event_study([-6, -4, 0], [0.1, 0.05, 0.4], APART[:3, :3], scale="level")}, study, few)
    row = result.table.iloc[0]
    # two of six equal clusters are treated: parts (2/3)^2 twice and (1/3)^2 four times, (8 + 4)^2 / (2 x 16 + 4)
    assert row["effective_clusters"] == pytest.approx(4)
    assert row["n_tested"] == 1
    assert "does not tell a straight trend in the 2 event times before treatment from zero" in result.sentence
    assert "per 2 periods" in result.sentence
    assert result.passed is None
    assert "guard changes in 2 clusters only" in result.sentence


def test_where_the_headline_has_none_another_estimate_informs() -> None:
    bare = dataclasses.replace(event_study(TIME, [0.0] * 5, APART), rows=None, covariance=None)
    study, panel = world()
    study = dataclasses.replace(study, headline="dose")
    result = run({"dose": bare, "twfe": event_study(TIME, [-0.9, -0.6, -0.3, 0.3, 0.6], APART / 10)}, study, panel)
    assert result.passed is None
    assert result.sentence.startswith("The headline, dose, cannot be judged: it has no event study. By twfe, ")
    assert result.values["not_possible"] == {"dose": "it has no event study"}


def test_one_effective_cluster_is_refused() -> None:
    size = np.r_[np.zeros(UNITS - 1), 1.0]
    study, panel = world(first=size[:, None] * (np.arange(PERIODS) >= START))
    with pytest.raises(Unsupported, match="fewer than three effective clusters"):
        run({"twfe": event_study(TIME, [0.0] * 5, APART)}, study, panel)


def test_the_interval_of_the_mean_effect_has_the_quantile_of_the_rows() -> None:
    result = run({"twfe": event_study(TIME, [0.0, 0.0, 0.0, 0.3, 0.5], APART, freedom=23, scale="level")})
    row = result.table.iloc[0]
    error = np.sqrt(APART[3:, 3:].sum()) / 2
    assert (row["average"], row["low"]) == pytest.approx((0.4, 0.4 - student.ppf(0.975, 23) * error))


@pytest.mark.slow
@pytest.mark.parametrize("design", ["dose", "staggered"])
def test_size_in_panels_where_trends_are_parallel(design: str) -> None:
    # 32 clusters, 60 periods of persistent noise, 8 bins before treatment: the usual F rejects far too often
    rng, n, periods, draws = np.random.default_rng(1), 32, 60, 200
    rejected = usual = 0
    for _ in range(draws):
        noise = 0.3 * rng.normal(size=(n, periods))
        for period in range(1, periods):
            noise[:, period] += 0.7 * noise[:, period - 1]
        if design == "dose":
            given, start = rng.uniform(0.2, 2, n)[:, None] * (np.arange(periods) >= 48), {"guard": 48}
        else:
            given, start = np.full(n, -1), None
            given[rng.permutation(n)[:10]] = rng.choice([44, 46, 48], 10)
        panel = make_panel(noise, {"guard": given}, start=start)
        study = make_study([treatment("dose" if design == "dose" else "binary")], event_bins=6, headline="twfe")
        estimate = twfe.estimate(study, panel, np.random.default_rng(0))
        row = run({"twfe": estimate}, study, panel).table.iloc[0]
        rejected += row["p_value"] < 0.05
        usual += row["p_usual"] < 0.05
    assert rejected / draws <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert usual / draws > 2 * 0.05


def test_the_sentence_in_spanish_has_the_same_numbers_by_locale(tmp_path: Path) -> None:
    result = run({"twfe": event_study(TIME, [-0.9, -0.6, -0.3, 0.3, 0.6], APART / 10, scale="level")})
    write_check(tmp_path, result, {"name": "pretrend", "status": "ran", "reason": None})
    with speaking(Language("es", "Español", "es_ES", "es/"), in_folders([tmp_path])):
        sentence = said(result.sentence)
    row = result.table.iloc[0]
    start = (
        "Según twfe, las tendencias no eran paralelas: los 3 tiempos del evento previos al tratamiento difieren de cero"
    )
    assert sentence.startswith(start)
    assert f" = {row['statistic']:.2f}, ".replace(".", ",") in sentence
    assert f"frente al estimado de {row['average']:.4g} (".replace(".", ",") in sentence
