"""Invented names of municipalities: a given name and an epithet of names.csv, in the manner of Mexican place names."""

from __future__ import annotations

from collections.abc import Sequence

from balanza.acquire.synthetic.calibration import stream, table


def invented_names(codes: Sequence[str]) -> list[str]:
    """One name per code, different from all others of the same state.

    Parameters
    ----------
    codes : sequence of str
        Codes of five digits; the first two are the state.
    """
    first, last = (table("names")[column].to_list() for column in ("first", "last"))
    mixed = {state: stream(0, "names", state).permutation(len(first) * len(last)) for state in {c[:2] for c in codes}}
    places = [divmod(int(mixed[code[:2]][int(code[2:])]), len(last)) for code in codes]
    return [f"{first[here]} {last[there]}" for here, there in places]
