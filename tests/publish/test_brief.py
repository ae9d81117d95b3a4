"""The brief: two pages whatever the texts, the same bytes each time, and nothing in it read as markup."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.publish.conftest import HOSTILE, Run

from balanza.errors import BalanzaError
from balanza.publish import brief as typesetting
from balanza.report import brief
from balanza.report.language import LANGUAGES, SPANISH, speaking
from balanza.report.load import WorldResults, load_world

LONG = "A sentence that does not end soon enough for anyone to read it to its end without a pause. " * 40


def pages(path: Path) -> int:
    """The pages of a PDF, by the objects that each has."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", path.read_bytes()))


@pytest.fixture(scope="module")
def world(run: Run) -> WorldResults:
    return load_world(run.results, [run.study], graphs=["toy"])


def test_a_run_has_a_brief_of_two_pages_in_each_language(run: Run) -> None:
    for language in LANGUAGES:
        assert pages(run.results / language.brief) == 2


def test_the_brief_says_what_the_card_says_and_how_to_check_it(run: Run, world: WorldResults) -> None:
    content, pictures = brief.of_world(world)
    (card,) = content["cards"]
    claim = world.studies[0].claim["cards"][0]
    assert card["grade"] == claim["grade"]
    assert card["verdict"] == claim["title"]
    assert "crime are estimated to be" in card["finding"]
    assert any("100 % of _a_" in line for line in content["limits"]["items"])
    assert content["bought"]["sentences"] == [] and content["bought"]["chart"] is None and pictures == {}
    assert world.provenance is not None
    digest = world.provenance["studies"][0]["estimates"][0]["code_digest"]
    assert content["check"]["rows"][0][2] == f"`{digest[:16]}`"
    assert content["stamps"] == []
    with speaking(SPANISH):
        assert brief.of_world(world)[0]["limits"]["title"] == "Lo que no se puede decir"


@pytest.mark.parametrize("config", [{"world": "synthetic"}, {"blind": True}, {"world": "synthetic", "blind": True}])
def test_invented_and_blind_worlds_are_stamped(world: WorldResults, config: dict[str, Any]) -> None:
    from dataclasses import replace

    stamps = brief.of_world(replace(world, config={**world.config, **config}))[0]["stamps"]
    assert [stamp["sort"] for stamp in stamps] == [
        name for name, told in (("blind", config.get("blind")), ("synthetic", config.get("world"))) if told
    ]


def longest(text: str) -> dict[str, Any]:
    """A brief in which every text is as long as it may be, and every list too."""
    line, title, note = (brief._short(text, most) for most in (brief.LINE, brief.TITLE, brief.NOTE))
    card = {"title": title, "grade": "uninformative", "verdict": title, "finding": line, "truth": title, "missed": True}
    stamp = {"sort": "synthetic", "text": brief._short(text, 200)}
    rows = [
        [
            brief._short(text, brief.TITLE // 2),
            "uninformative",
            "+1,234.5 %",
            "[-1,234.5 %, +1,234.5 %]",
            "`synthetic_did`",
        ]
    ]
    return {
        "language": "en",
        "title": brief.QUESTION,
        "name": "Balanza",
        "lead": line,
        "stamps": [stamp, stamp | {"sort": "blind"}],
        "cards": [card | {"lines": [note] * 4, "source": note}] * 2,
        "none": line,
        "all": {
            "title": title,
            "head": ["Study", "Grade", "Change", "Interval", "Estimator"],
            "rows": rows * (brief.CLAIMS + 1),
        },
        "limits": {"title": title, "items": [note] * (brief.LIMITS + 1)},
        "bought": {"title": title, "sentences": [line] * 3, "none": line, "chart": brief.CHART, "caption": line},
        "check": {
            "title": title,
            "cite": line,
            "again": line,
            "head": ["Number", "Estimator", "Code", "Rows"],
            "rows": [[brief._short(text, 60), "`synthetic_did`", "`" + "0" * 16 + "`", "`" + "0" * 16 + "`"]] * 2,
        },
    }


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 360"><rect width="860" height="360" fill="#ccc"/></svg>'


def test_the_longest_texts_stand_on_two_pages_in_smaller_letters(tmp_path: Path) -> None:
    size = typesetting.typeset(longest(LONG), {brief.CHART: SVG}, tmp_path / "brief.pdf")
    assert pages(tmp_path / "brief.pdf") == 2
    assert size < typesetting.SIZES[0]


def test_text_that_fits_on_no_two_pages_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    content = longest(LONG) | {"lead": LONG * 10}
    with pytest.raises(BalanzaError, match="does not fit on 2 pages"):
        typesetting.typeset(content, {brief.CHART: SVG}, tmp_path / "brief.pdf")
    assert list(tmp_path.iterdir()) == []


def test_hostile_texts_run_nothing_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        typesetting.typeset(longest(HOSTILE), {brief.CHART: SVG}, tmp_path / f"{name}.pdf")
    one = (tmp_path / "one.pdf").read_bytes()
    assert one == (tmp_path / "two.pdf").read_bytes()
    assert b"CreationDate" not in one and b"CreateDate" not in one
