"""Costs: the arithmetic of the shipped file by hand, and what is refused."""

from pathlib import Path

import pytest

from balanza.compare.costs import Cost, Costs, Priors, price
from balanza.errors import ConfigError
from balanza.strict import load

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = load(Costs, ROOT / "config/costs.yaml")


def priced(arm: str, name: str) -> tuple[float, float | None]:
    found = price(name, SHIPPED.arms[arm].costs[name], SHIPPED.prices)
    return found.pesos, found.per_total


def test_an_element_costs_what_the_sources_say_in_one_year_and_of_one_force() -> None:
    low, of_total = priced("guard", "low")
    assert of_total == pytest.approx(251_242, abs=1)  # 34,600 million / 137,716, pesos of 2024
    assert low == pytest.approx(34_600e6 / 108_089 * 113.542 / 135.385)
    assert low == pytest.approx(268_000, rel=0.005)
    high, of_total = priced("guard", "high")
    assert of_total == pytest.approx(912_741, abs=1)  # 103,900 million / 113,833
    assert high == pytest.approx(103_900e6 / 99_946)


def test_a_peso_of_the_programme_costs_a_peso_or_what_education_added() -> None:
    assert priced("prevention", "low")[0] == 1.0
    labour = 23_915.17 * 113.542 / 103.901 + 24_856.52 * 113.542 / 107.430 + 20_528.55
    education = 6_210.62 * 113.542 / 103.901
    assert priced("prevention", "high")[0] == pytest.approx(1 + education / labour)


def test_priors_are_those_of_the_note_on_them() -> None:
    priors = load(Priors, ROOT / "config/priors.yaml")
    assert {name: prior.deviation for name, prior in priors.priors.items()} == {"guard": 0.3, "prevention": 0.2}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("counted: deployed", "counted: hired", "`counted` must be the name of one of the `units`"),
        ("year: 2024", "year: 2023", "`prices` lacks 2023, which a cost of guard needs"),
        ("base: 2021", "base: 2018", "`index` lacks the base year 2018"),
        ("leaves_out: pay", "leave_out: pay", "leave_out"),
        ("spread: [people, as_spent]", "spread: [peple]", "spread"),
        ("amount: 1000 ", "amount: -1 ", "amount"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (ROOT / "config/costs.yaml").read_text()
    assert old in text
    (tmp_path / "costs.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load(Costs, tmp_path / "costs.yaml")


def test_either_units_or_money_was_bought() -> None:
    money = {"millions": 1, "year": 2021}
    text = {"title": "t", "source": "s", "leaves_out": "l", "certainty": "c"}
    with pytest.raises(ValueError, match="give either `units` or `bought`"):
        Cost.model_validate({**text, "paid": [money], "bought": [money], "units": {"a": 1}, "counted": "a"})
