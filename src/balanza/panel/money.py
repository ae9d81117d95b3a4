"""Money by state and year in constant pesos of 2021 per head: Jovenes Construyendo el Futuro and security transfers.

JCF is what the labour ministry exercised (Cuenta Publica, programmes U280 and S280, stage exercised), split among the
states by their share of the year's beneficiaries; the ministry of education spent on the programme in 2019 only, and a
switch adds it. Security transfers are what INEGI's EFIPEM shows as received: FASP and the federal agreements for public
security (SUBSEMUN, SPA, FORTASEG and others, which the accounts do not tell apart).
"""

from __future__ import annotations

import pandas as pd

from balanza.errors import PanelError
from balanza.panel.quality import Quality
from balanza.places import plain_name

BASE_YEAR = 2021
JCF_BEGINS = 2019
JCF_CODES = ("U280", "S280")
LABOUR = "trabajo y prevision social"
EDUCATION = "educacion publica"
EDUCATION_YEARS = (2019,)
FASP = ("subitem", "fa para la seguridad publica")
AGREEMENTS = ("item", "convenios para seguridad publica")
TRANSFERS_SPAN = (2007, 2019)


def deflator(prices: pd.DataFrame) -> pd.Series:
    """What a peso of each year is worth in pesos of 2021: the ratio of yearly means of the consumer price index.

    Parameters
    ----------
    prices : DataFrame
        period, index.

    Returns
    -------
    Series
        By year, whole years only; 1 in 2021.

    Raises
    ------
    PanelError
        If 2021 is not there with all its months.
    """
    years = prices["period"].dt.year
    whole = prices.groupby(years)["index"].agg(["mean", "size"])
    mean: pd.Series = whole.loc[whole["size"] == 12, "mean"]
    if BASE_YEAR not in mean.index:
        raise PanelError(f"the year {BASE_YEAR} is not complete", where="consumer_prices", cure="Get a newer file")
    worth: pd.Series = float(mean[BASE_YEAR]) / mean
    return worth


def jcf_pesos(accounts: pd.DataFrame, education: bool) -> pd.Series:
    """Exercised pesos of the programme by year, current: labour ministry, and education's 2019 where asked for."""
    branch = accounts["branch"].map(plain_name)
    ours = accounts["programme_code"].isin(JCF_CODES) & (accounts["stage"] == "exercised")
    wanted = branch == LABOUR
    if education:
        wanted |= (branch == EDUCATION) & accounts["year"].isin(EDUCATION_YEARS)
    return accounts[ours & wanted].groupby("year")["pesos"].sum()


def jcf(
    beneficiaries: pd.DataFrame,
    accounts: pd.DataFrame | None,
    worth: pd.Series | None,
    people: pd.DataFrame,
    *,
    education: bool = False,
) -> pd.DataFrame:
    """The programme by state and year: zero before 2019, when it did not exist; missing after its last year.

    Parameters
    ----------
    beneficiaries : DataFrame
        state, year, beneficiaries.
    accounts : DataFrame or None
        Tidy federal accounts; None leaves the pesos missing.
    worth : Series or None
        From `deflator`.
    people : DataFrame
        state, year, population.
    education : bool
        The switch `jcf_education`.

    Returns
    -------
    DataFrame
        state, year, jcf_beneficiaries, jcf_pesos_per_capita (pesos of 2021 per head and year).
    """
    out = people.merge(beneficiaries[["state", "year", "beneficiaries"]], on=["state", "year"], how="left")
    out = out.rename(columns={"beneficiaries": "jcf_beneficiaries"})
    share = out["jcf_beneficiaries"] / out.groupby("year")["jcf_beneficiaries"].transform("sum")
    out["jcf_pesos_per_capita"] = float("nan")
    if accounts is not None and worth is not None:
        real = (jcf_pesos(accounts, education) * worth).reindex(out["year"]).to_numpy()
        out["jcf_pesos_per_capita"] = share * real / out["population"]
    before = out["year"] < JCF_BEGINS
    out["jcf_beneficiaries"] = out["jcf_beneficiaries"].astype("float64").mask(before, 0.0)
    out["jcf_pesos_per_capita"] = out["jcf_pesos_per_capita"].mask(before, 0.0)
    return out.drop(columns="population")


def transfers(accounts: pd.DataFrame, worth: pd.Series, people: pd.DataFrame, quality: Quality) -> pd.DataFrame:
    """Security transfers received by state and year, 2007 to 2019.

    Parameters
    ----------
    accounts : DataFrame
        Tidy EFIPEM: state, year, theme, level, account, status, pesos.
    worth : Series
        From `deflator`.
    people : DataFrame
        state, year, population.

    Returns
    -------
    DataFrame
        state, year, fasp_per_capita, security_agreements_per_capita, security_transfers_per_capita (their sum), in
        pesos of 2021 per head and year. Agreements have an account only where there was money: without one they are
        zero where FASP is measured. A state-year without FASP is missing.
    """
    income = accounts[accounts["theme"] == "Ingresos"]
    plain = income["account"].map({name: plain_name(name) for name in income["account"].unique()})
    parts = {}
    for column, (level, name) in (("fasp", FASP), ("agreements", AGREEMENTS)):
        rows = income[(income["level"] == level) & (plain == name)]
        inside = rows["year"].between(*TRANSFERS_SPAN)
        if (~inside).any():
            quality.note(
                "dropped",
                source="efipem",
                reason=f"{name}: outside {TRANSFERS_SPAN[0]}-{TRANSFERS_SPAN[1]}, before all states report it "
                "or preliminary figures of some states",
                rows=int((~inside).sum()),
            )
        parts[column] = rows[inside].groupby(["state", "year"])["pesos"].sum()
    table = pd.DataFrame({"fasp": parts["fasp"]}).join(parts["agreements"].rename("agreements"), how="left")
    without = int(table["agreements"].isna().sum())
    if without:
        quality.note(
            "imputed",
            column="security_agreements_per_capita",
            rule="no account of agreements beside a measured FASP: zero",
            **{"from": TRANSFERS_SPAN[0], "to": TRANSFERS_SPAN[1]},
            cells=without,
        )
    table = table.fillna({"agreements": 0.0}).reset_index().merge(people, on=["state", "year"], how="left")
    real = table["year"].map(worth) / table["population"]
    table["fasp_per_capita"] = table["fasp"] * real
    table["security_agreements_per_capita"] = table["agreements"] * real
    table["security_transfers_per_capita"] = table["fasp_per_capita"] + table["security_agreements_per_capita"]
    return table.drop(columns=["fasp", "agreements", "population"])
