"""The 32 states of Mexico: codes, names, and every spelling of them that the sources use.

An unknown name is an error, never a zero: a state that silently fails to match would lose its people.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from balanza.errors import SourceError

STATES: dict[str, str] = {
    "01": "Aguascalientes",
    "02": "Baja California",
    "03": "Baja California Sur",
    "04": "Campeche",
    "05": "Coahuila",
    "06": "Colima",
    "07": "Chiapas",
    "08": "Chihuahua",
    "09": "Ciudad de México",
    "10": "Durango",
    "11": "Guanajuato",
    "12": "Guerrero",
    "13": "Hidalgo",
    "14": "Jalisco",
    "15": "México",
    "16": "Michoacán",
    "17": "Morelos",
    "18": "Nayarit",
    "19": "Nuevo León",
    "20": "Oaxaca",
    "21": "Puebla",
    "22": "Querétaro",
    "23": "Quintana Roo",
    "24": "San Luis Potosí",
    "25": "Sinaloa",
    "26": "Sonora",
    "27": "Tabasco",
    "28": "Tamaulipas",
    "29": "Tlaxcala",
    "30": "Veracruz",
    "31": "Yucatán",
    "32": "Zacatecas",
}

_VARIANTS: dict[str, str] = {
    "coahuila de zaragoza": "05",
    "distrito federal": "09",
    "mexico city": "09",
    "cdmx": "09",
    "df": "09",
    "estado de mexico": "15",
    "edo de mexico": "15",
    "edo mexico": "15",
    "edomex": "15",
    "state of mexico": "15",
    "michoacan de ocampo": "16",
    "queretaro de arteaga": "22",
    "queretaro arteaga": "22",
    "veracruz de ignacio de la llave": "30",
    "veracruz llave": "30",
}


def plain_name(name: str) -> str:
    """A name in lower case without accents, punctuation or doubled blanks, for matching only."""
    letters = unicodedata.normalize("NFKD", str(name)).casefold()
    kept = "".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join(kept.split())


_BY_NAME = {plain_name(name): code for code, name in STATES.items()} | _VARIANTS


def state_code(name: str, *, where: str) -> str:
    """The two-digit code of a state's name.

    Parameters
    ----------
    name : str
        The name in any spelling that an official source uses.
    where : str
        File and column, for the error.

    Raises
    ------
    SourceError
        If the name is not one of the 32 states.
    """
    code = _BY_NAME.get(plain_name(name))
    if code is None:
        raise SourceError(
            f"unknown state name {name!r}",
            where=where,
            cure="Correct the file, or add the spelling to balanza/places.py if it is an official one",
        )
    return code


def state_codes(names: Iterable[str], *, where: str) -> dict[str, str]:
    """The codes of all different names in a column, as a dictionary from spelling to code."""
    return {name: state_code(name, where=where) for name in dict.fromkeys(names)}
