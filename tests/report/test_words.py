import pytest

from balanza.report import words


def row(value: float, low: float, high: float, **more: object) -> dict[str, object]:
    return {"status": "ran", "reason": None, "percent_change": (value, low, high)} | more


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0, "0"),
        (1234567, "1,234,567"),
        (-0.06682, "\N{MINUS SIGN}0.0668"),
        (13.449, "13.4"),
        (1e-9, "0.000000"),
    ],
)
def test_numbers(value: float | None, written: str) -> None:
    assert words.number(value) == written


def test_a_year_is_not_a_quantity() -> None:
    assert words.cell(2019, "year") == "2019"
    assert words.cell(2019, "homicides") == "2,019"
    assert words.cell(None, "homicides") == "–"


def test_an_interval_over_zero_claims_nothing_in_either_direction() -> None:
    text = words.finding(row(-6.5, -55.5, 96.4), "homicides", "100 elements", 0.95)
    assert "homicides are estimated to be 6.5" in text
    assert "lower" in text
    assert "The interval contains zero: no effect cannot be excluded, nor can a fall of 55.5" in text
    assert "a rise of 96.4" in text


def test_an_interval_away_from_zero_is_conditional_on_its_assumptions() -> None:
    text = words.finding(row(132.3, 44.8, 272.8), "homicides", "joint operation", 0.95)
    assert "The interval leaves out zero: it is a rise, if the assumptions hold." in text
    assert "it is a fall" in words.finding(row(-30, -40, -20), "homicides", "x", 0.95)


def test_a_finding_in_brief_is_its_figure_with_its_interval() -> None:
    text = words.briefly(row(-6.5, -55.5, 96.4), "homicides", "100 elements")
    assert text.replace(words.THIN, " ") == "−6.5 % [−55.5 %, +96.4 %] per 100 elements."


def test_no_estimate_gives_its_reason() -> None:
    assert (
        words.finding({"status": "declined", "reason": "takes binary"}, "y", "x", 0.95) == "No estimate: takes binary"
    )


def test_a_miss_of_the_truth_is_loud() -> None:
    assert "MISSES" in words.against_truth(row(1, 0, 2, covers_truth=False, true_percent=-9.5))
    assert "covers" in words.against_truth(row(1, 0, 2, covers_truth=True, true_percent=1.5))
    assert words.against_truth(row(1, 0, 2, covers_truth=None)) == ""


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((1, 0, 0), ""),
        ((3, 0, 0), "The intervals of all 3 estimators contain zero"),
        ((3, 2, 0), "Of 3 estimators, 2 have an interval that is a rise, and the others contain zero"),
        ((3, 0, 3), "Of 3 estimators, 3 have an interval that is a fall; estimates"),
        ((3, 1, 2), "contradict each other: 1 intervals are a rise and 2 a fall"),
    ],
)
def test_whether_estimators_agree(counts: tuple[int, int, int], said: str) -> None:
    n, rise, fall = counts
    text = words.agreement({"n": n, "n_rise": rise, "n_fall": fall, "lowest": -4.0, "highest": 12.0})
    assert text.startswith(said) if said.startswith(("The", "Of")) else said in text
    assert (text == "") == (n == 1)


def test_minus_signs_are_true_ones_but_in_code_dates_and_words() -> None:
    text = words.code("from -4.5 to (-3) in 2019-07, two-way, by `--level -1`")
    assert text == "from −4.5 to (−3) in 2019-07, two-way, by <code>--level -1</code>"
