"""Long work says how far it is, in whole lines of a log or by a bar at a terminal, and short work says nothing."""

import io
import re
import sys

import pytest

from balanza import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (720, "12 min"), (11100, "3 h 5 min")]
)
def test_a_length_of_time_is_told_in_the_unit_that_says_enough(seconds: float, words: str) -> None:
    assert progress.span(seconds) == words


def test_a_log_gets_a_line_now_and_then_with_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter((0, 0, 10, 20, 30))  # the start, and a look before each letter, which takes ten seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert list(progress.shown("abcd", 4, "letters")) == list("abcd")
    # After one letter it is too soon; after two, the other two take as long; after three it is too soon again.
    assert capsys.readouterr().err == "2 of 4 letters; about 20 s more\n"


def test_short_work_leaves_a_log_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.shown(range(1000), 1000, "numbers")) == list(range(1000))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "SOON", 0.0)
    assert list(progress.shown(range(3), 3, "worlds")) == [0, 1, 2]
    told = terminal.getvalue()
    assert re.search(r"\d/3 .*worlds", told)
    assert told.endswith("\r")
