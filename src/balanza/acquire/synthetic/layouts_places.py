"""Places as raw files: people by year, censuses, catalogue, polygons, marginalization and indicators of 2020."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balanza.acquire.synthetic.files import write_csv, write_lines, write_parquet, write_xlsx
from balanza.acquire.synthetic.rdata_writer import write_rda
from balanza.acquire.synthetic.secondary_places import (
    CENSUS,
    COMPONENTS,
    CONEVAL,
    indicators,
    marginalization,
    people_by_year,
    people_of_census,
)
from balanza.acquire.synthetic.spellings import BEFORE_2016, OFFICIAL, SHORT
from balanza.acquire.synthetic.world import World
from balanza.places import STATES, plain_name

_ABBREVIATIONS = (
    "Ags. BC BCS Camp. Coah. Col. Chis. Chih. CDMX Dgo. Gto. Gro. Hgo. Jal. Mex. Mich. Mor. Nay. NL Oax. Pue. "
    "Qro. Q.|Roo SLP Sin. Son. Tab. Tamps. Tlax. Ver. Yuc. Zac."
)
_CATALOGUE = pd.Timestamp("2021-04-17")
_CATALOGUE_HEADER = (
    "cve_ent",
    "nom_ent",
    "nom_abr",
    "cve_mun",
    "nom_mun",
    "cve_cab",
    "nom_cab",
    "Pob_total",
    "Pob_masculina",
    "Pob_femenina",
    "Total de viviendas habitadas",
)
_CONAPO_2020 = {
    "analf_pct": "ANALF",
    "sin_basica_pct": "SBASC",
    "sin_drenaje_pct": "OVSDE",
    "sin_electr_pct": "OVSEE",
    "sin_agua_pct": "OVSAE",
    "piso_tierra_pct": "OVPT",
    "hacinam_pct": "VHAC",
    "loc_peq_pct": "PL.5000",
    "ing_2sm_pct": "PO2SM",
}
_SIMPLIFIED = 5e-4  # degrees, each polygon for itself, so that shared borders no longer agree


def write(world: World, folder: Path) -> None:
    """Write population, both censuses, catalogue, polygons, three marginalization tables and the indicators."""
    write_csv(folder / "population.csv", _population(world))
    for year in (2010, 2020):
        write_lines(folder / f"census_{year}.csv", _census(world, year), encoding="latin-1", newline="\r\n")
    _write_catalogue(world, folder / "municipality_catalogue.xlsx")
    write_lines(folder / "municipalities_geojson.geojson", _polygons(world))
    tables = {year: marginalization(world, year) for year in CENSUS}
    for year, table in tables.items():
        write_rda(folder / f"marginalization_{year}.rda", f"IMM_{year}", _conapo(table, year))
    write_parquet(folder / "municipal_indicators_2020.parquet", _indicators(world, tables[2020]))


def _population(world: World) -> pd.DataFrame:
    frame = world.municipalities
    people = people_by_year(world).loc[frame["cvegeo"]].reset_index(drop=True)
    places = pd.DataFrame({"CVE": frame["cvegeo"], "Entidad": frame["state"].map(OFFICIAL), "Municipio": frame["name"]})
    return pd.concat([places.reset_index(drop=True), people], axis=1)


def _row(code: str, name: str, figures: Any) -> str:
    return ",".join(f'"{cell}"' for cell in [code, name, *(f"{figure:,}" for figure in figures)])


def _census(world: World, year: int) -> Iterator[str]:
    """The query export of a census: in the order of codes in 2010, of names in 2020."""
    table = people_of_census(world, year)
    figures = ["total", "men", "women"]
    names, plural = (BEFORE_2016, "") if year == 2010 else (OFFICIAL, "s")
    estimated = " con estimación" if year == 2010 else ""
    yield '"Población total"'
    if year == 2010:
        yield '"Edad : Total"'
    yield '""'
    yield f'"Consulta de: Población total{estimated} \xa0 Por: Entidad y municipio \xa0 Según: Sexo"'
    yield f'"","","Total","Hombre{plural}","Mujer{"es" if plural else ""}",""'
    yield _row(" ", "Total", table[figures].sum())
    for number, state in enumerate(STATES, start=1):
        rows = table[table["state"] == state]
        yield _row(f"=CONCATENAR({0 if number < 10 else ' '},{state}) ", names[state], rows[figures].sum())
        if year == 2020:
            rows = rows.iloc[np.argsort([plain_name(name) for name in rows["name"]], kind="stable")]
        for code, name, *people in rows[["cvegeo", "name", *figures]].itertuples(index=False):
            yield _row(f" {code[:2]} {code[2:]} ", name, people)
    yield ""
    yield f'"FUENTE: INEGI. Censo de Población y Vivienda {year}."'


def _write_catalogue(world: World, path: Path) -> None:
    """The catalogue of April 2021, all cells as text; no seats in Mexico City, nobody in what is newer than 2020."""
    frame = world.municipalities
    frame = frame[~(pd.to_datetime(frame["born"]) > _CATALOGUE)]
    people = people_of_census(world, 2020).set_index("cvegeo")[["total", "men", "women"]]
    people = people.reindex(frame["cvegeo"], fill_value=0).assign(homes=lambda table: (table["total"] / 3.6).round())
    short = {state: name.replace("|", " ") for state, name in zip(STATES, _ABBREVIATIONS.split(), strict=True)}
    rows: list[list[Any]] = [
        ["Instituto Nacional de Estadística y Geografía."],
        ["Catálogo Único de Claves de Áreas Geoestadísticas Estatales, Municipales y Localidades"],
        ["Fecha de consulta: 17/04/2021 14:08:16"],
        list(_CATALOGUE_HEADER),
    ]
    for code, name, figures in zip(frame["cvegeo"], frame["name"], people.astype(int).to_numpy(), strict=True):
        state = code[:2]
        seat = [None, None] if state == "09" else ["0001", name]
        rows.append([state, OFFICIAL[state], short[state], code[2:], name, *seat, *map(str, figures.tolist())])
    rows.append([None] * len(_CATALOGUE_HEADER))
    write_xlsx(path, {"AGEEML": rows}, merged={"AGEEML": ["A1:K1", "A2:K2", "A3:K3"]})


def _polygons(world: World) -> Iterator[str]:
    """GeoJSON of the framework of 2020 with eight digits, one feature a line; later municipalities lie in parents."""
    frame = world.municipalities
    born = pd.to_datetime(frame["born"])
    later = frame[born > CENSUS[2020]]
    shapes = world.geometry.reindex(frame["cvegeo"]).copy()
    for child, parent in zip(later["cvegeo"], later["parent"], strict=True):
        shapes[parent] = shapes[parent].union(shapes[child])
    shapes = shapes.drop(later["cvegeo"]).simplify(_SIMPLIFIED)
    names = frame.set_index("cvegeo")["name"]
    yield from ("{", '"type": "FeatureCollection",', '"name": "municipios_2020",')
    yield '"crs": { "type": "name", "properties": { "name": "urn:ogc:def:crs:OGC:1.3:CRS84" } },'
    yield '"features": ['
    last = shapes.index[-1]
    for code, shape in shapes.items():
        properties = {"cvegeo": code, "nom_ent": SHORT[str(code)[:2]], "nom_mun": names[code]}
        geometry = {"type": shape.geom_type, "coordinates": _rounded(shape.__geo_interface__["coordinates"])}
        feature = {"type": "Feature", "properties": properties, "geometry": geometry}
        comma = "" if code == last else ","
        yield json.dumps(feature, ensure_ascii=False, separators=(",", ":")) + comma
    yield from ("]", "}")


def _rounded(coordinates: Any) -> Any:
    if isinstance(coordinates, float):
        return round(coordinates, 8)
    return [_rounded(item) for item in coordinates]


def _conapo(table: pd.DataFrame, year: int) -> pd.DataFrame:
    """A table in CONAPO's columns."""
    head = {
        "CVE_ENT": table["state"],
        "NOM_ENT": table["state"].map(OFFICIAL),
        "CVE_MUN": table["cvegeo"],
        "NOM_MUN": table["name"],
        "POB_TOT": table["total"].astype(float),
        "ANIO": str(year),
    }
    return pd.DataFrame(head).join(table[[*COMPONENTS, f"IM_{year}", f"GM_{year}", f"IMN_{year}"]])


def _indicators(world: World, conapo: pd.DataFrame) -> pd.DataFrame:
    """The compiled table of 2020: CONAPO's components, then CONEVAL's deprivations."""
    coneval = indicators(world)
    table = pd.DataFrame(
        {
            "cvegeo": conapo["cvegeo"],
            "cve_ent": conapo["state"].astype(int),
            "nom_ent": conapo["state"].map(OFFICIAL),
            "nom_mun": conapo["name"],
            "pob_conapo": conapo["total"],
            "pob_2020_coneval": coneval["pob_2020_coneval"],
            **{name: conapo[official] for name, official in _CONAPO_2020.items()},
        }
    )
    columns = [f"{name}_{unit}" for name in CONEVAL for unit in ("pct", "num")]
    return table.join(coneval[[*columns, "coneval_completo"]])
