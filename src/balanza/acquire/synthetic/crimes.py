"""The SESNSP's classifications of crimes: that of 2015 to 2025, and that of the register that began in 2026.

A part of each, in the official words: all crimes against life and personal freedom, and the commonest of the others.
`rate` is a plausible number of files per 100,000 people and year, for the crimes that the world does not simulate;
`shares` divides a crime over its modalities (rounded, after the national file of 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

LIFE = "La vida y la Integridad corporal"
FREEDOM = "Libertad personal"
SEXUAL = "La libertad y la seguridad sexual"
PROPERTY = "El patrimonio"
FAMILY = "La familia"
SOCIETY = "La sociedad"
OTHER = "Otros bienes jurídicos afectados (del fuero común)"

HOMICIDE, CULPABLE, FEMICIDE = "Homicidio doloso", "Homicidio culposo", "Feminicidio"
KIDNAPPING, EXTORTION = "Secuestro", "Extorsión"

_ARMS = {"Con arma de fuego": 0.7, "Con arma blanca": 0.09, "Con otro elemento": 0.18, "No especificado": 0.03}
_FEMICIDE = {"Con arma de fuego": 0.2, "Con arma blanca": 0.21, "Con otro elemento": 0.54, "No especificado": 0.05}
_BLOWS = {"Con arma de fuego": 0.07, "Con arma blanca": 0.07, "Con otro elemento": 0.76, "No especificado": 0.1}
_ACCIDENT = {
    "Con arma de fuego": 0.005,
    "Con arma blanca": 0.001,
    "En accidente de tránsito": 0.744,
    "Con otro elemento": 0.2,
    "No especificado": 0.05,
}
_KIDNAPPING = {
    "Secuestro extorsivo": 0.83,
    "Secuestro con calidad de rehén": 0.02,
    "Secuestro para causar daño": 0.03,
    "Secuestro exprés": 0.11,
    "Otro tipo de secuestros": 0.01,
}
_FORCE = {"Con violencia": 0.4, "Sin violencia": 0.6}
_VEHICLES = {
    "Robo de coche de 4 ruedas Con violencia": 0.31,
    "Robo de coche de 4 ruedas Sin violencia": 0.49,
    "Robo de motocicleta Con violencia": 0.06,
    "Robo de motocicleta Sin violencia": 0.13,
    "Robo de embarcaciones pequeñas y grandes Con violencia": 0.004,
    "Robo de embarcaciones pequeñas y grandes Sin violencia": 0.006,
}


@dataclass(frozen=True)
class Crime:
    """One subtype of crime with its modalities."""

    good: str
    crime: str
    subtype: str
    shares: dict[str, float]
    rate: float


def _plain(good: str, name: str, rate: float, crime: str | None = None) -> Crime:
    return Crime(good, crime or name, name, {name: 1.0}, rate)


_OTHERS_LIFE = _plain(LIFE, "Otros delitos que atentan contra la vida y la integridad corporal", 6.7)
_OTHERS_FREEDOM = _plain(FREEDOM, "Otros delitos que atentan contra la libertad personal", 16.0)
_ABORTION = _plain(LIFE, "Aborto", 0.6)
_LIFE_COMMON = (
    Crime(LIFE, "Homicidio", HOMICIDE, _ARMS, 23.0),
    Crime(LIFE, "Homicidio", CULPABLE, _ACCIDENT, 12.0),
    Crime(LIFE, "Lesiones", "Lesiones dolosas", _BLOWS, 130.0),
    Crime(LIFE, "Lesiones", "Lesiones culposas", _ACCIDENT, 35.0),
    Crime(LIFE, FEMICIDE, FEMICIDE, _FEMICIDE, 0.7),
)
_FREEDOM = (
    Crime(FREEDOM, KIDNAPPING, KIDNAPPING, _KIDNAPPING, 1.0),
    _plain(FREEDOM, "Tráfico de menores", 0.02),
    _plain(FREEDOM, "Rapto", 0.1),
    _OTHERS_FREEDOM,
)
_SOCIETY = (
    _plain(SOCIETY, "Corrupción de menores", 1.7),
    _plain(SOCIETY, "Trata de personas", 0.4),
    _plain(SOCIETY, "Otros delitos contra la sociedad", 6.3),
)

STATE: tuple[Crime, ...] = (
    *_LIFE_COMMON,
    _ABORTION,
    _OTHERS_LIFE,
    *_FREEDOM,
    _plain(SEXUAL, "Abuso sexual", 18.6),
    _plain(SEXUAL, "Acoso sexual", 3.3),
    _plain(SEXUAL, "Hostigamiento sexual", 1.5),
    _plain(SEXUAL, "Violación simple", 10.8),
    _plain(SEXUAL, "Violación equiparada", 2.9),
    Crime(PROPERTY, "Robo", "Robo a casa habitación", _FORCE, 65.0),
    Crime(PROPERTY, "Robo", "Robo de vehículo automotor", _VEHICLES, 148.0),
    Crime(PROPERTY, "Robo", "Robo a transportista", _FORCE, 9.2),
    Crime(PROPERTY, "Robo", "Robo a transeúnte en vía pública", _FORCE, 65.0),
    Crime(PROPERTY, "Robo", "Robo en transporte público colectivo", _FORCE, 14.4),
    Crime(PROPERTY, "Robo", "Robo a negocio", _FORCE, 93.0),
    Crime(PROPERTY, "Robo", "Otros robos", _FORCE, 169.0),
    _plain(PROPERTY, "Fraude", 60.5),
    _plain(PROPERTY, EXTORTION, 6.9),
    _plain(PROPERTY, "Daño a la propiedad", 107.0),
    _plain(FAMILY, "Violencia familiar", 165.0),
    _plain(FAMILY, "Incumplimiento de obligaciones de asistencia familiar", 19.0),
    *_SOCIETY,
    _plain(OTHER, "Narcomenudeo", 55.0),
    _plain(OTHER, "Amenazas", 87.0),
    _plain(OTHER, "Electorales", 0.5),
    _plain(OTHER, "Otros delitos del Fuero Común", 133.0),
)
"""Files by state, 2015 to 2025."""

VICTIMS: tuple[Crime, ...] = (*_LIFE_COMMON, _OTHERS_LIFE, *_FREEDOM, _plain(PROPERTY, EXTORTION, 7.1), *_SOCIETY)
"""Victims by state, 2015 to 2025; women also have abortion in the register of all, men have no femicide."""

ABORTION = _ABORTION

REGISTER_2026: tuple[Crime, ...] = (
    Crime(LIFE, "Homicidio", HOMICIDE, _ARMS, 15.0),
    _plain(LIFE, "Tentativa de homicidio doloso", 7.0, "Homicidio"),
    Crime(LIFE, "Homicidio", CULPABLE, _ACCIDENT, 12.0),
    _plain(LIFE, "Otros delitos que atentan contra la vida y la integridad corporal", 30.0),
    Crime(LIFE, "Lesiones", "Lesiones dolosas", _BLOWS, 130.0),
    Crime(LIFE, "Lesiones", "Lesiones culposas", _ACCIDENT, 50.0),
    Crime(LIFE, FEMICIDE, FEMICIDE, _FEMICIDE, 0.6),
    _plain(LIFE, "Tentativa de feminicidio", 0.4, FEMICIDE),
    _ABORTION,
    _OTHERS_FREEDOM,
    _plain(FREEDOM, "Secuestro extorsivo", 0.5, KIDNAPPING),
    _plain(FREEDOM, "Secuestro exprés", 0.1, KIDNAPPING),
    _plain(FREEDOM, "Privación ilegal de la libertad", 8.0),
    _plain(SEXUAL, "Abuso sexual", 25.0),
    _plain(SEXUAL, "Violación simple", 12.0, "Violación"),
    _plain(SEXUAL, "Violación equiparada", 5.0, "Violación"),
    Crime(PROPERTY, "Robo", "Robo a casa habitación", _FORCE, 35.0),
    Crime(PROPERTY, "Robo", "Robo de vehículo automotor - Coche de 4 ruedas", _FORCE, 60.0),
    Crime(PROPERTY, "Robo", "Robo de vehículo automotor - Motocicleta", _FORCE, 30.0),
    Crime(PROPERTY, "Robo", "Otros robos", _FORCE, 110.0),
    _plain(PROPERTY, "Fraude", 80.0),
    _plain(PROPERTY, "Extorsión presencial", 3.0, EXTORTION),
    _plain(PROPERTY, "Tentativa de extorsión presencial", 1.0, EXTORTION),
    _plain(PROPERTY, "Extorsión por otros medios", 5.0, EXTORTION),
    _plain(FAMILY, "Violencia familiar", 200.0),
    _plain(SOCIETY, "Corrupción de menores", 2.0),
    _plain(OTHER, "Narcomenudeo posesión simple", 45.0, "Narcomenudeo"),
    _plain(OTHER, "Narcomenudeo con fines de venta", 15.0, "Narcomenudeo"),
    _plain(OTHER, "Amenazas", 100.0),
    _plain(OTHER, "Tortura", 1.0),
)
"""Files by state from January 2026: attempts stand apart, and nothing compares with the years before."""
