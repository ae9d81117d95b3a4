"""Municipal elections: coalitions, and mayors without a party, who are missing and not opposed."""

import pandas as pd
import pytest

from balanza.errors import SourceError
from balanza.provenance import read_json
from balanza.sources import mayors

HEADER = (
    "ord,emm,municipality,year,dextra,edon,ife,inegi,part,dmujer,incumbent,race.after,runnerup,part2nd,mg,ddied,drepe,"
    "drepg,dlegacy,who,notes,source"
)


BASE = {
    "edon": 2,
    "inegi": 2004,
    "year": 2018,
    "dextra": 0,
    "part": "pan-prd",
    "part2nd": "pri",
    "mg": 0.1,
    "dmujer": 0,
}


def row(**cells):
    values = {"municipality": "TIJUANA", "incumbent": '"A, B"', "race.after": "Out-p-won"} | BASE | cells
    return ",".join(str(values.get(name, "")) for name in HEADER.split(","))


def read(tmp_path, *rows, header=HEADER, encoding="utf-8"):
    path = tmp_path / "mayors.csv"
    path.write_text("\n".join([header, *rows]), encoding)
    return mayors.read({"mayors": path})


def test_an_election_between_parties(tmp_path):
    election = read(tmp_path, row(mg=0.0523, dmujer=1, dextra=1)).iloc[0]
    assert election["cvegeo"] == "02004", "the lost zero is back"
    assert (election["party"], election["runner_up"], election["margin"]) == ("pan-prd", "pri", 0.0523)
    assert (election["system"], election["year"]) == ("party", 2018)
    assert election["woman"] and election["extraordinary"]
    assert not election["customary_next"]


@pytest.mark.parametrize(
    ("part", "system"),
    [("uyc", "customary"), ("concejo munic", "council"), ("consejoMunic", "council"), ("0", "unknown")],
)
def test_a_mayor_without_a_party_has_none(tmp_path, part, system):
    election = read(tmp_path, row(part=part, part2nd=part, mg=1)).iloc[0]
    assert election["system"] == system
    assert election[["party", "runner_up", "margin"]].isna().all()


def test_unopposed_and_unknown_runner_up(tmp_path):
    elections = read(tmp_path, row(part2nd="0", mg=1), row(year=2021, part2nd="0", mg=0))
    assert elections["party"].tolist() == ["pan-prd", "pan-prd"]
    assert elections["runner_up"].isna().all()
    assert elections["margin"].iloc[0] == 1
    assert elections["margin"].isna().tolist() == [False, True]


def test_the_last_election_before_usos_y_costumbres_is_marked(tmp_path):
    assert read(tmp_path, row(**{"race.after": "uyc"}))["customary_next"].tolist() == [True]


def test_a_municipality_in_dispute_is_left_out_and_counted(tmp_path):
    elections = read(tmp_path, row(), row(edon=7, inegi="7xxx", part="litigio"))
    assert elections["cvegeo"].tolist() == ["02004"]
    assert elections.attrs["left_out"] == [{"reason": "no municipality code (in dispute)", "rows": 1}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inegi": "33004", "edon": 33}, r"mayors\.csv, row 2, column inegi: '33004' is in no state"),
        ({"inegi": "2x04"}, "row 2, column inegi: '2x04' is not a municipality code"),
        ({"edon": 3}, "row 2, column inegi: '2004' is in another state"),
        ({"mg": -0.1}, "row 2, column mg: .*-0.1.*negative"),
        ({"mg": 1.2}, "row 2, column margin"),
        ({"mg": ""}, "row 2, column mg: the cell is blank"),
        ({"part": ""}, "row 2, column part: '' is no winner"),
        ({"part": "gobierno interino"}, "row 2, column party: 'gobierno interino'"),
        ({"dextra": 2}, "row 2, column dextra: '2' is not a mark"),
        ({"year": "20l8"}, "row 2, column year"),
    ],
)
def test_refused_cells(tmp_path, change, message):
    with pytest.raises(SourceError, match=message):
        read(tmp_path, row(**change))


def test_refused_files(tmp_path):
    with pytest.raises(SourceError, match=r"cvegeo 02004, year 2018.*twice"):
        read(tmp_path, row(), row())
    with pytest.raises(SourceError, match=r"dextra.* missing"):
        read(tmp_path, row(), header=HEADER.replace("dextra", "x"))
    with pytest.raises(SourceError, match="a header and no rows"):
        read(tmp_path)
    with pytest.raises(SourceError, match="row 3: the row has 4 cells"):
        read(tmp_path, row(), "2,bc,TIJUANA,2018")
    with pytest.raises(SourceError, match="UTF-8"):
        read(tmp_path, row(municipality="PEÑA"), encoding="latin-1")


def test_an_ordinary_and_an_extraordinary_election_of_a_year_are_two(tmp_path):
    assert len(read(tmp_path, row(), row(dextra=1))) == 2


def test_real_file(tidied):
    """22,370 rows less three in dispute; 570 - 417 = 153 municipalities of Oaxaca elect between parties."""
    elections = pd.read_parquet(tidied("mayors"))
    assert len(elections) == 22367
    left_out = read_json(tidied("mayors").with_suffix(".left_out.json"))
    assert left_out == [{"reason": "no municipality code (in dispute)", "rows": 3}]
    assert elections.loc[elections["cvegeo"].str[:2] == "20", "cvegeo"].nunique() == 153
    gone_over = elections.loc[elections["customary_next"], "cvegeo"]
    assert sorted(gone_over) == ["07064", "12012", "16024"], "Oxchuc, Ayutla de los Libres, Cherán"
    assert elections.loc[elections["system"] != "party", "party"].isna().all()
    assert elections.loc[elections["system"] == "party", "party"].notna().all()
