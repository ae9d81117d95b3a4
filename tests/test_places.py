import pytest

from balanza.errors import SourceError
from balanza.places import STATES, plain_name, state_code


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Estado de Mexico", "15"),
        ("Estado de México", "15"),
        ("MEXICO", "15"),
        ("Ciudad de México", "09"),
        ("Distrito Federal", "09"),
        ("Coahuila de Zaragoza", "05"),
        ("Michoacán de Ocampo", "16"),
        ("Veracruz de Ignacio de la Llave", "30"),
        ("  nuevo   león ", "19"),
        ("Queretaro", "22"),
    ],
)
def test_every_spelling_finds_its_state(name: str, code: str) -> None:
    assert state_code(name, where="test") == code


def test_all_32_states_find_themselves() -> None:
    assert len(STATES) == 32
    assert [state_code(name, where="test") for name in STATES.values()] == list(STATES)


def test_unknown_state_is_an_error_that_names_the_place() -> None:
    with pytest.raises(SourceError, match=r"file\.csv, column Entidad: unknown state name 'Texas'"):
        state_code("Texas", where="file.csv, column Entidad")


def test_names_compare_without_accents_case_and_punctuation() -> None:
    assert plain_name("  San José-Iturbide (Gto.) ") == "san jose iturbide gto"
