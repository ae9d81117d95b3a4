"""Names to codes: official, abbreviated, listed, without a place, ambiguous, unknown."""

from pathlib import Path

import pandas as pd
import pytest

from balanza.errors import PanelError
from balanza.panel.names import Names, codes_of, plain_municipality
from balanza.panel.quality import Quality
from balanza.panel.rules import read_rules

DATA = Path(__file__).parents[2] / "data"


def places_named(*rows: tuple[str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["state", "municipality"]).astype({"municipality": "str"})


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("GRAL. BRAVO", "general bravo"),
        ("Cocula (Jal)", "cocula"),
        ("CAMARGO (CHIH).", "camargo"),
        ("Cd.  Victoria", "ciudad victoria"),
        ("Dr. Coss", "doctor coss"),
    ],
)
def test_names_are_compared_without_accents_and_abbreviations(written: str, plain: str) -> None:
    assert plain_municipality(written) == plain


def test_official_names_and_births_that_no_catalogue_holds_are_found(names: Names, quality: Quality) -> None:
    frame = places_named(("01", "SANTA MARIA GRANDE"), ("01", "GRAL. BRAVO"), ("01", "Ultima Villa"))
    assert list(codes_of(frame, names, "list", quality)) == ["01001", "01002", "01004"]
    assert quality.rows("names") == []


def test_an_alias_is_used_and_noted_with_its_reason(names: Names, quality: Quality) -> None:
    frame = places_named(("01", "CD. GRANDE"), ("01", "CD. GRANDE"), ("02", "San Juan Distrito 8"))
    assert list(codes_of(frame, names, "list", quality)) == ["01001", "01001", "02002"]
    first = quality.rows("names")[0]
    assert (first["name"], first["cvegeo"], first["rows"], first["reason"]) == (
        "CD. GRANDE",
        "01001",
        2,
        "seat of the municipality",
    )


@pytest.mark.parametrize("name", ["No Especificado", "Otros Municipios", "El Cerro", None])
def test_what_is_no_place_counts_in_the_state(names: Names, quality: Quality, name: str | None) -> None:
    assert list(codes_of(places_named(("02", name)), names, "list", quality)) == ["02999"]
    assert len(quality.rows("names")) == 1


def test_all_unmatched_names_are_listed_at_once_with_the_nearest(names: Names, quality: Quality) -> None:
    frame = places_named(("01", "General Bravio"), ("02", "San Juan"), ("02", "Bahía"), ("01", "Xyz"))
    with pytest.raises(PanelError) as caught:
        codes_of(frame, names, "list", quality)
    message = str(caught.value)
    assert "3 names match no single municipality" in message
    assert "'General Bravio' in Aguascalientes (nearest: general bravo" in message
    assert "'San Juan' in Baja California (could be 02002 or 02003)" in message
    assert "'Xyz'" in message
    assert "municipality_aliases.csv" in message


def test_a_name_is_looked_for_in_its_own_state_only(names: Names, quality: Quality) -> None:
    with pytest.raises(PanelError, match="'Bahía' in Aguascalientes"):
        codes_of(places_named(("01", "Bahía")), names, "list", quality)


def test_the_listed_aliases_all_have_a_reason_and_stay_in_their_state() -> None:
    rows = read_rules(DATA / "municipality_aliases.csv", ("state", "name", "cvegeo", "reason"), key=["state", "name"])
    assert rows["cvegeo"].str.fullmatch(r"\d{5}").all()
    assert (rows["cvegeo"].str[:2] == rows["state"]).all()
    assert (rows["reason"] != "").all()
