"""How each agency writes the states, and how press and army lists write municipalities."""

from __future__ import annotations

from balanza.places import STATES, plain_name

OFFICIAL = STATES | {"05": "Coahuila de Zaragoza", "16": "Michoacán de Ocampo", "30": "Veracruz de Ignacio de la Llave"}
"""INEGI, SESNSP, CONAPO."""

BEFORE_2016 = OFFICIAL | {"09": "Distrito Federal"}
"""The same before the Federal District became Mexico City."""

DASHBOARD = OFFICIAL | {"15": "Estado de México"}
"""DataMexico."""

SHORT = STATES | {"15": "Estado de México"}
"""The Guard's answers to requests, and maps."""

LABOUR = OFFICIAL | {"30": "Veracruz"}
"""The labour ministry."""

BY_NAME = tuple(sorted(STATES, key=lambda code: plain_name(OFFICIAL[code])))
"""State codes in the order of the official names."""

GUARD_ORDER = ("01", "02", "03", "04", "07", "08", "05", "06", *(f"{code:02d}" for code in range(9, 33)))
"""The order of the Guard's tables: Coahuila and Colima after Chihuahua."""

MONTHS = (
    "Enero",
    "Febrero",
    "Marzo",
    "Abril",
    "Mayo",
    "Junio",
    "Julio",
    "Agosto",
    "Septiembre",
    "Octubre",
    "Noviembre",
    "Diciembre",
)


def capitals(name: str) -> str:
    """A name in capitals without accents, as lists of incidents have it; ``Ñ`` stays."""
    kept = "\0".join(plain_name(part) for part in name.casefold().split("ñ"))
    return kept.upper().replace("\0", "Ñ")


ARMY = {code: capitals(name) for code, name in STATES.items()} | {"09": "DISTRITO FEDERAL"}
"""SEDENA's list of clashes."""
