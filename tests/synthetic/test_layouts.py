"""A small world written in the official layouts comes back through the readers with its numbers."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest

from balanza.acquire.synthetic import layouts_context
from balanza.acquire.synthetic.calibration import real_prices
from balanza.acquire.synthetic.write import TRUTH, write
from balanza.places import STATES
from balanza.provenance import read_json

from .reading import LABOUR, folded, read, sources
from .small_world import CHILDREN, OPERATIONS, small_world

OAXACA = "20"
# SESNSP's own gap (domain note 7): months stored as zero.
OAXACA_ZEROS = pd.to_datetime([f"2015-{month:02d}-01" for month in (1, 3, 4, 6, 7, 9, 10, 12)] + ["2016-10-01"])


def municipal(world, counts, first, last):
    """Municipal counts as a long table: cvegeo, period, value."""
    table = pd.DataFrame(counts, index=world.municipalities["cvegeo"], columns=world.months)
    long = table.loc[:, first:last].reset_index()
    return long.melt("cvegeo", var_name="period", value_name="value").astype({"period": "datetime64[us]"})


def test_every_file_of_the_catalogue_is_written(folder):
    wanted = {name for files in sources().values() for name in files.values()} | {TRUTH}
    assert {path.name for path in folder.iterdir()} == wanted


@pytest.mark.parametrize("reader", sorted(sources()))
def test_every_reader_takes_its_files(folder, reader):
    assert len(read(reader, folder))


def test_the_same_world_gives_the_same_bytes(world, folder, tmp_path):
    write(world, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_another_seed_gives_other_draws(folder, tmp_path):
    layouts_context.write(small_world(seed=2), tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() != (folder / path.name).read_bytes(), path.name


def test_truth_stands_apart(world, folder):
    assert read_json(folder / TRUTH) == world.truth


def test_monthly_homicides_are_those_of_the_world(world, folder):
    tidy = read("homicides_month", folder)
    codes = set(tidy["cvegeo"])
    expected = municipal(world, world.homicides, "2000-01", "2021-12")
    for table in (tidy, expected):
        table["cvegeo"] = folded(table["cvegeo"], world.municipalities)
    got = tidy.groupby(["cvegeo", "period"])["homicides"].sum()
    pd.testing.assert_series_equal(
        got, expected.groupby(["cvegeo", "period"])["value"].sum(), check_names=False, check_index_type=False
    )
    assert set(world.municipalities["cvegeo"]) - codes == {"04013", "12085"}  # younger than the file's framework


def test_registration_loses_nobody_but_comes_later(world, folder):
    raw = read("inegi_homicides_raw", folder)
    here = raw[raw["cvegeo"].str[:2].isin(list(STATES)) & ~raw["cvegeo"].str.endswith("999")]
    registered = here.groupby("year")["homicides"].sum()
    occurred = pd.Series(world.homicides.sum(axis=0), index=world.months.year).groupby(level=0).sum()
    assert registered.loc[2001:2015].sum() == pytest.approx(occurred.loc[2001:2015].sum(), rel=0.02)
    assert registered[2008] != occurred[2008]
    last = read("inegi_homicides_2019_2021", folder)
    # Five to eight per cent of a year's deaths are registered in a later one (domain note A.3); 2 to 5 here.
    assert 0.9 < last["homicides"].sum() / occurred.loc[2019:2021].sum() < 1.1


def test_the_three_registration_layouts_agree(folder):
    raw = read("inegi_homicides_raw", folder)
    export = read("inegi_homicides_export", folder)
    states = raw[raw["cvegeo"].str[:2].isin(list(STATES))]
    by_raw = states.groupby([states["cvegeo"].str[:2], "year"])["homicides"].sum()
    by_export = export[export["year"] <= 2015].groupby(["state", "year"])["homicides"].sum()
    both = pd.concat([by_raw, by_export], axis=1).dropna()
    assert len(both) == 32 * 26
    assert (both.iloc[:, 0] == both.iloc[:, 1]).all()
    parquet = read("inegi_homicides_2019_2021", folder)
    known = export[export["state"].isin(list(STATES)) & (export["municipality"] != "No especificado")]
    known = known[known["year"] == 2019]
    assert parquet.loc[parquet["year"] == 2019, "homicides"].sum() == known["homicides"].sum()


@pytest.mark.parametrize("subtype", ["Homicidio doloso", "Feminicidio", "Extorsión"])
def test_victims_are_those_of_the_world_but_for_oaxacas_gap(world, folder, subtype):
    tidy = read("sesnsp_victims_state", folder)
    got = tidy[tidy["subtype"] == subtype].groupby(["state", "period"])["victims"].sum()
    rows = world.victims[(world.victims["subtype"] == subtype) & (world.victims["period"] <= "2025-01-01")]
    expected = rows.groupby(["state", "period"])["count"].sum()
    gap = [(OAXACA, month) for month in OAXACA_ZEROS]
    assert (got.loc[gap] == 0).all()
    assert expected.loc[gap].sum() > 0
    assert (got.drop(gap) == expected.drop(gap)).all()
    assert tidy["period"].max() == pd.Timestamp("2025-01-01")


@pytest.mark.parametrize(
    ("source", "name"), [("sesnsp_feminicide", "feminicides"), ("sesnsp_kidnapping", "kidnappings")]
)
def test_municipal_json_holds_the_worlds_files(world, folder, source, name):
    tidy = read("sesnsp_json", folder)
    tidy = tidy[(tidy["source"] == source) & (tidy["municipality"] != "No Especificado")]
    codes = world.municipalities.set_index(["state", "name"])["cvegeo"]
    tidy["cvegeo"] = codes.loc[list(zip(tidy["state"], tidy["municipality"], strict=True))].to_numpy()
    got = tidy.groupby(["cvegeo", "period"])["files"].sum()
    expected = municipal(world, getattr(world, name), "2015-01", "2024-12")
    gap = expected["cvegeo"].str.startswith(OAXACA) & expected["period"].isin(OAXACA_ZEROS)
    assert expected.loc[gap, "value"].sum() > 0
    expected = expected[~gap & (expected["value"] > 0)].set_index(["cvegeo", "period"])["value"]
    pd.testing.assert_series_equal(got.sort_index(), expected.sort_index(), check_names=False, check_index_type=False)


def test_municipal_and_state_files_of_homicide_agree(world, folder):
    state = read("sesnsp_state", folder)
    state = state[state["subtype"] == "Homicidio doloso"].groupby(["state", "period"])["files"].sum()
    named = read("sesnsp_municipal_names", folder)
    named = named[named["crime"] == "Homicidio doloso"].groupby(["state", "period"])["files"].sum()
    both = pd.concat([state, named], axis=1, join="inner")
    assert len(both) == 32 * 11  # January to November 2024, the months that both files have
    assert (both.iloc[:, 0] == both.iloc[:, 1]).all()
    guanajuato = read("sesnsp_municipal", folder)
    guanajuato = guanajuato[guanajuato["subtype"] == "Homicidio doloso"].groupby("period")["files"].sum()
    months = guanajuato.index[guanajuato.index <= "2024-11-01"]
    assert (guanajuato[months] == state.loc["11"][months]).all()
    assert guanajuato.index.max() == pd.Timestamp("2025-11-01")


def test_compiled_annual_homicides_include_femicide_and_unspecified_places(folder):
    annual = read("sesnsp_municipal_rds", folder)
    whole = annual[annual["month"].isna() & (annual["crime"] == "Homicidio doloso")]
    state = read("sesnsp_state", folder)
    both = state[state["subtype"].isin(["Homicidio doloso", "Feminicidio"])]
    expected = both.groupby([both["state"], both["period"].dt.year])["files"].sum()
    got = whole.groupby([whole["cvegeo"].str[:2], "year"])["files"].sum()
    both = pd.concat([got, expected], axis=1, join="inner")
    assert len(both) == 32 * 5
    assert (both.iloc[:, 0] == both.iloc[:, 1]).all()
    assert {"14998", "20999"} <= set(whole["cvegeo"])


def test_the_register_of_2026_has_three_months(folder):
    assert read("sesnsp_rnid_state", folder)["period"].nunique() == 3


def test_guard_is_published_with_its_defects(world, folder):
    tidy = read("guard", folder)
    table = tidy[tidy["source"] == "guard_2019_2021"].pivot_table("elements", "state", "period", "sum")
    clean = world.guard_elements.loc[table.index]
    clean.columns = pd.DatetimeIndex(clean.columns).as_unit("us")
    month = {text: pd.Timestamp(f"{text}-01") for text in ("2019-07", "2019-11", "2020-11", "2021-02", "2021-03")}
    assert (table[month["2021-02"]] == clean[month["2020-11"]]).all()
    march, true = table[month["2021-03"]], clean[month["2021-03"]]
    assert (march["05"], march["06"], march["09"]) == (true["09"], true["05"], true["06"])
    assert (march.drop(["05", "06", "09"]) == true.drop(["05", "06", "09"])).all()
    assert (table[month["2019-11"]] == clean[month["2019-07"]]).all()
    assert (clean[month["2019-11"]] != clean[month["2019-07"]]).any()
    for text in ("2020-03", "2020-12", "2021-01"):
        assert (table[pd.Timestamp(f"{text}-01")] == clean[pd.Timestamp(f"{text}-01")]).all()
    yearly = tidy[tidy["source"] != "guard_2019_2021"].pivot_table("elements", "state", "period", "sum")
    pd.testing.assert_frame_equal(yearly, table)


def test_openings_of_operations_are_the_worlds(world, folder):
    tidy = read("joint_operations", folder)
    openings = tidy[(tidy["kind"] == "opening")].sort_values("start").drop_duplicates("state")
    got = openings.set_index("state")["start"].dt.to_period("M").astype(str).to_dict()
    assert got == {state: month[:7] for month, states in OPERATIONS.items() for state in states}
    assert {"capture", "visit", "reinforcement"} <= set(tidy["kind"])


def test_municipal_openings_and_spending_come_as_a_user_would_supply_them(world, folder):
    got = read("deployment", folder).set_index("cvegeo")
    wanted = world.guard_openings.set_index("cvegeo")["opening"]
    assert (got["opening"].dropna() == wanted).all()
    assert list(got.index[got["opening"].isna()]) == sorted(set(world.municipalities["cvegeo"]) - set(wanted.index))
    assert (got["tier"] == world.municipalities.set_index("cvegeo")["tier"]).all()
    assert set(read("spending", folder)["programme"]) == {"FORTASEG", "PRONAPRED"}


def test_beneficiaries_and_their_money(world, folder):
    people = read("jcf_state_year", folder).pivot_table("beneficiaries", "state", "year", "sum")
    assert (people.to_numpy() == world.jcf_beneficiaries.loc[people.index].to_numpy()).all()
    accounts = read("federal_accounts", folder)
    ours = accounts[accounts["programme_code"].isin(["U280", "S280"]) & (accounts["stage"] == "exercised")]
    labour = ours[ours["branch"] == LABOUR].groupby("year")["pesos"].sum()
    # Federal accounts, labour ministry, millions of pesos, and the beneficiaries of those years (STPS).
    millions = pd.Series({2019: 23915, 2020: 24857, 2021: 20529, 2022: 21456})
    beneficiaries = pd.Series({2019: 1120587, 2020: 1234205, 2021: 925066, 2022: 679109})
    per_head = labour.loc[2019:2022] / world.jcf_beneficiaries.sum()
    np.testing.assert_allclose(per_head, millions * 1e6 / beneficiaries, rtol=1e-6)
    assert (ours.loc[ours["branch"] == "Educación Pública", "year"] <= 2020).all()


def test_police_transfers_are_the_worlds(world, folder):
    accounts = read("efipem", folder)
    income = accounts[accounts["theme"] == "Ingresos"]
    fasp = income[(income["level"] == "subitem") & (income["account"] == "FA para la Seguridad Pública")]
    agreements = income[(income["level"] == "item") & (income["account"] == "Convenios para seguridad pública")]
    got = pd.concat([fasp, agreements]).pivot_table("pesos", "state", "year", "sum")
    years = list(range(2007, 2020))
    np.testing.assert_allclose(got[years], world.security_transfers.loc[got.index, years], atol=1)
    assert accounts.loc[accounts["year"] == 2020, "state"].nunique() == 17
    assert set(accounts.loc[accounts["year"] == 2020, "status"]) == {"preliminary"}


def test_people_before_a_birth_are_taken_from_the_parent(world, folder):
    tidy = read("population", folder)
    assert (tidy["population"] > 0).all()
    tidy["cvegeo"] = folded(tidy["cvegeo"], world.municipalities)
    got = tidy.pivot_table("population", "cvegeo", "year", "sum")
    wanted = world.population.set_axis(folded(world.population.index.to_series(), world.municipalities))
    wanted = wanted.groupby(level=0).sum()
    assert (got.to_numpy() == wanted.loc[got.index].to_numpy()).all()


@pytest.mark.parametrize(
    ("reader", "absent"),
    [
        ("municipality_catalogue", {"12085"}),
        ("municipalities_geojson", {"04013", "12085"}),
        ("municipal_indicators", {"04013", "12085"}),
    ],
)
def test_tables_of_2020_lack_what_is_younger(world, folder, reader, absent):
    tidy = read(reader, folder)
    assert set(world.municipalities["cvegeo"]) - set(tidy["cvegeo"]) == absent


def test_censuses_lack_what_is_younger(folder):
    tidy = read("census", folder)
    by_year = tidy.groupby("year")["cvegeo"].agg(set)
    assert by_year[2020] - by_year[2010] == {"17033", "04012"}
    assert set(CHILDREN) - by_year[2020] == {"04013", "12085"}


def test_polygons_of_parents_hold_their_later_children(world, folder):
    tidy = read("municipalities_geojson", folder).set_index("cvegeo")
    flat = tidy.geometry.set_crs(None, allow_override=True)
    assert flat["12002"].area == pytest.approx(2.0)  # its own square of one degree and its child's
    assert flat.area.sum() == pytest.approx(len(world.municipalities))


def test_a_part_of_oaxaca_elects_without_parties(world, folder):
    tidy = read("mayors", folder)
    oaxaca = world.municipalities["state"] == OAXACA
    assert 0 < tidy.loc[tidy["cvegeo"].str.startswith(OAXACA), "cvegeo"].nunique() < oaxaca.sum()
    assert (tidy["system"] == "customary").any()


def test_impossible_dates_of_the_press_are_written_and_left_out(folder):
    raw = pd.read_excel(folder / "criminal_presence.xlsx")
    assert raw["date_elapsed"].isna().sum() == 12
    assert raw["latitude"].map(type).eq(str).sum() == 2
    tidy = read("criminal_presence", folder)
    assert len(raw) - len(tidy) >= 12


def test_the_second_quarter_of_2020_has_no_survey(folder):
    periods = read("workforce_state", folder)["period"]
    assert pd.Timestamp("2020-04-01") not in set(periods)
    assert len(periods) == 60 * 32 - 1


def test_prices_turn_pesos_of_a_year_as_the_simulation_did(folder):
    index = read("consumer_prices", folder).set_index("period")["index"]
    means = index.groupby(index.index.year).mean()
    years = pd.Index(range(2007, 2023))
    np.testing.assert_allclose(means[2021] / means[years], real_prices(years), rtol=1e-4)
    assert index[pd.Timestamp("2018-07-01")] == pytest.approx(100, abs=1)  # INEGI's base, second half of July 2018


@pytest.mark.parametrize(
    "name", ["sesnsp_state.csv", "sesnsp_rnid_state.csv", "census_2020.csv", "inegi_homicides_raw_1990.csv"]
)
def test_agencies_write_latin_text(folder, name):
    raw = (folder / name).read_bytes()
    assert "ñ" in raw.decode("cp1252")
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")


def test_victims_come_in_a_zip_of_latin_text(folder):
    with zipfile.ZipFile(folder / "sesnsp_victims_state.zip") as archive:
        (name,) = archive.namelist()
        text = archive.read(name).decode("cp1252")
    table = pd.read_csv(io.StringIO(text))
    # 35 modalities for women, 31 for men, 32 for people of unknown sex, by three, three and one ages.
    assert len(table) == 11 * 32 * (35 * 3 + 31 * 3 + 32)
    assert text.count("\r\n") == len(table) + 1
