"""Sentences that remember their message and values, and how another language gets them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balanza.errors import Unsupported
from balanza.provenance import read_json, write_json
from balanza.report.language import Language, figures, speaking
from balanza.report.said import in_folders, translated
from balanza.say import Said, capitalised, joined, messages, say, say_n

SPANISH = {
    "{share:.1f} % of {n:,} {what}": "{share:.1f} % de {n:,} {what}",
    "clusters": "conglomerados",
    "{n} cluster": ("{n} conglomerado", "{n} conglomerados"),
    "By {who}, {what}.": "Según {who}, {what}.",
    "it has no event study": "no tiene estudio de eventos",
    "Choose another": "Elija otro",
}


def gettext(message: str) -> str:
    found = SPANISH.get(message, message)
    return found if isinstance(found, str) else found[0]


def ngettext(one: str, many: str, n: int) -> str:
    return SPANISH[one][n != 1] if one in SPANISH else (one if n == 1 else many)


def spanish(text: str, records: dict[str, Any], locale: str = "es_MX") -> str:
    with speaking(Language("es", "Español", locale, "es/")):
        return translated(text, records, gettext, ngettext, figures)


def written(tmp_path: Path, *texts: str) -> dict[str, Any]:
    write_json(tmp_path / "result.json", {"deep": [{"texts": texts}], "n": 1})
    return read_json(tmp_path / "result.json")


def test_a_sentence_is_its_english_text_and_keeps_what_it_was_made_of(tmp_path: Path) -> None:
    text = say("{share:.1f} % of {n:,} {what}", share=np.float64(12.345), n=np.int64(23456), what=say("clusters"))
    assert text == "12.3 % of 23,456 clusters"
    found = written(tmp_path, text)
    assert found["deep"] == [{"texts": ["12.3 % of 23,456 clusters"]}]
    values = {"share": 12.345, "n": 23456, "what": {"message": "clusters", "values": {}}}
    assert found["messages"] == {text: {"message": "{share:.1f} % of {n:,} {what}", "values": values}}


@pytest.mark.parametrize(("locale", "number"), [("es_MX", "12.3 % de 23,456"), ("es_ES", "12,3 % de 23.456")])
def test_numbers_are_written_by_locale(tmp_path: Path, locale: str, number: str) -> None:
    text = say("{share:.1f} % of {n:,} {what}", share=12.345, n=23456, what=say("clusters"))
    assert spanish(text, written(tmp_path, text)["messages"], locale) == f"{number} conglomerados"


@pytest.mark.parametrize(("n", "english", "other"), [(1, "1 cluster", "1 conglomerado"), (3, "3 clusters", None)])
def test_one_and_many(tmp_path: Path, n: int, english: str, other: str | None) -> None:
    text = say_n("{n} cluster", "{n} clusters", n)
    assert text == english
    assert spanish(text, written(tmp_path, text)["messages"]) == (other or "3 conglomerados")


def test_parts_keep_their_order_and_sums_their_parts(tmp_path: Path) -> None:
    one = say_n("{n} cluster", "{n} clusters", 1)
    text = say("By {who}, {what}.", who="poisson", what=joined([one, "guard"], ", ")) + " " + one
    assert text == "By poisson, 1 cluster, guard. 1 cluster"
    assert isinstance(text, Said)
    assert spanish(text, written(tmp_path, text)["messages"]) == "Según poisson, 1 conglomerado, guard. 1 conglomerado"


def test_a_refusal_keeps_its_sentence_until_it_is_written(tmp_path: Path) -> None:
    refusal = Unsupported(say("it has no event study"), where="pretrend", cure=say("Choose another"))
    assert str(refusal) == "pretrend: it has no event study. Choose another."
    records = written(tmp_path, str(refusal))["messages"]
    assert spanish(str(refusal), records) == "pretrend: no tiene estudio de eventos. Elija otro."


def test_what_was_read_back_is_looked_up_where_it_is_part_of_another_sentence(tmp_path: Path) -> None:
    first = say_n("{n} cluster", "{n} clusters", 2)
    back = written(tmp_path, first)["deep"][0]["texts"][0]
    second = say("By {who}, {what}.", who="poisson", what=back)
    records = messages([second]) | in_folders([tmp_path])
    assert spanish(second, records) == "Según poisson, 2 conglomerados."


def test_a_part_that_reads_like_the_whole_does_not_lead_in_circles(tmp_path: Path) -> None:
    text = joined(["two words"])
    assert spanish(text, written(tmp_path, text)["messages"]) == "two words"
    assert capitalised(say("{n} clusters", n=2)) == "2 clusters"
    large = capitalised(say("clusters"))
    assert (large, spanish(large, messages([large]))) == ("Clusters", "Conglomerados")


def test_what_nobody_said_stays_as_it_is_and_adds_no_key(tmp_path: Path) -> None:
    assert "messages" not in written(tmp_path, "plain")
    assert spanish("plain", {}) == "plain"
    assert spanish("", {}) == ""


def test_a_value_that_is_no_finite_number_is_kept_as_its_text(tmp_path: Path) -> None:
    text = say("{value:.1f} and {other}", value=float("inf"), other=None)
    records = json.loads(json.dumps(written(tmp_path, text)["messages"], allow_nan=False))
    assert spanish(text, records) == text == "inf and None"


def test_it_can_be_sent_to_another_process() -> None:
    text = say("{n:,}", n=1000)
    back = pickle.loads(pickle.dumps(text))  # noqa: S301 - made here
    assert (back, back.record) == (text, text.record)
