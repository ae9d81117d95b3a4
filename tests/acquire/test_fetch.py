"""Fetching, held against a server that misbehaves in every way of the issue; all traffic is on loopback."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from balanza.acquire.catalogue import Source, save
from balanza.acquire.fetch import cached, fetch, missing
from balanza.errors import ConfigError, SourceError
from balanza.verbs.fetch import run

from .conftest import CONTENT, HALF, Server, make_source

PAGE = b"\n<!DOCTYPE html><html><body>Checking your browser</body></html>"


class Place:
    """The folders of a run, and a fetch into them."""

    def __init__(self, root: Path) -> None:
        self.cache, self.raw, self.mirror = root / "cache", root / "raw", root / "mirror"
        self.mirror.mkdir()
        self.target = self.raw / "toy.csv"

    def fetch(self, source: Source, *, mirror: bool = False, offline: bool = False) -> str:
        return fetch(
            source,
            self.target,
            mirror=self.mirror if mirror else None,
            offline=offline,
            cache=self.cache,
            hosts=frozenset({"127.0.0.1"}),
            progress=False,
        )

    def refused(self, source: Source, **options: bool) -> str:
        """Fetch what must not succeed; nothing may have got the final name."""
        with pytest.raises(SourceError) as caught:
            self.fetch(source, **options)
        assert not self.target.exists()
        assert not cached(source, self.cache).exists()
        return str(caught.value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.whole()))
    assert place.fetch(source) == "address"
    assert place.target.read_bytes() == CONTENT
    assert place.fetch(source) == "in place"
    place.target.write_bytes(b"edited by hand")
    assert place.fetch(source, offline=True) == "cache"
    assert place.target.read_bytes() == CONTENT
    assert len(server.log) == 1
    assert [path.name for path in place.raw.iterdir()] == ["toy.csv"]


def test_a_broken_connection_is_resumed_where_it_stopped(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.broken(), server.ranges()))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT
    assert server.log == [("/toy.csv", None), ("/toy.csv", f"bytes={HALF}-")]


def test_a_later_run_goes_on_with_what_an_earlier_one_got(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.broken(), server.status(503)))
    message = place.refused(source)
    assert f"{HALF:,} of {len(CONTENT):,} bytes are kept" in message
    assert "503" in message
    server.answer("/toy.csv", server.ranges())
    place.fetch(source)
    assert server.log[-1] == ("/toy.csv", f"bytes={HALF}-")
    assert place.target.read_bytes() == CONTENT


def test_a_server_without_ranges_sends_the_whole_file_again(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.broken(), server.whole()))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_appended(server: Server, place: Place) -> None:
    def first_bytes_again(handler) -> None:
        handler.head(206, Content_Range=f"bytes 0-{HALF - 1}/{len(CONTENT)}", Content_Length=HALF)
        handler.wfile.write(CONTENT[:HALF])

    source = make_source(server.answer("/toy.csv", server.broken(), first_bytes_again, server.ranges()))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT
    assert server.log[-1] == ("/toy.csv", None)


def test_a_part_of_another_version_is_dropped(server: Server, place: Place) -> None:
    shorter = CONTENT[: HALF // 2]
    source = make_source(server.answer("/toy.csv", server.broken(), server.ranges(shorter), server.whole()))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.status(503), server.status(429), server.whole()))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT


def test_an_address_that_is_gone_is_not_asked_again(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.status(404)))
    assert "answered 404" in place.refused(source)
    assert len(server.log) == 1


def test_a_stalled_server_is_given_up_and_what_came_is_kept(
    server: Server, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balanza.acquire.download.TIMEOUT", (10.0, 0.5))
    source = make_source(server.answer("/toy.csv", server.broken(stall=True)))
    message = place.refused(source)
    assert "stalled" in message
    assert f"{HALF:,} of {len(CONTENT):,} bytes are kept" in message


def test_a_server_that_is_not_there_is_named(server: Server, place: Place) -> None:
    address = server.address("/toy.csv")
    server.http.shutdown()
    server.http.server_close()
    assert address in place.refused(make_source(address))


def test_a_network_that_goes_in_the_middle_keeps_what_came_and_the_next_run_takes_the_rest(
    server: Server, place: Place
) -> None:
    def gone(handler) -> None:
        server.broken()(handler)
        server.http.socket.close()

    source = make_source(server.answer("/toy.csv", gone))
    message = place.refused(source)
    assert f"{HALF:,} of {len(CONTENT):,} bytes are kept" in message
    assert "Check the network and run again" in message
    assert not place.target.exists()
    (place.mirror / "toy.csv").write_bytes(CONTENT)
    place.fetch(source, mirror=True)
    assert place.target.read_bytes() == CONTENT


def test_an_untrusted_certificate_is_refused(server: Server, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    message = place.refused(make_source(server.answer("/toy.csv", server.whole())))
    assert "certificate is not trusted" in message
    assert server.log == []


@pytest.mark.parametrize(
    "content",
    [CONTENT[::-1], CONTENT[:HALF], CONTENT + b"more", b"", PAGE],
    ids=["same size", "truncated", "longer", "empty", "page"],
)
def test_another_file_is_set_aside_with_both_digests(server: Server, place: Place, content: bytes) -> None:
    source = make_source(server.answer("/toy.csv", server.whole(content)))
    message = place.refused(source)
    (aside,) = place.cache.glob("toy.csv.rejected-*")
    kept = aside.read_bytes()
    assert kept == content[: len(CONTENT) + 1]
    assert str(aside) in message
    assert source.sha256 in message
    assert make_source(content=kept).sha256 in message
    assert aside.name.endswith(make_source(content=kept).sha256[:8])
    assert f"{len(kept):,} bytes" in message
    assert f"{len(CONTENT):,} bytes" in message
    assert ("web page" in message) == (content == PAGE)
    server.answer("/toy.csv", server.whole())
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT


def test_no_more_than_the_pinned_size_and_one_byte_is_kept_of_an_endless_file(server: Server, place: Place) -> None:
    def endless(handler) -> None:
        handler.head(200)
        while not server.release.is_set():
            handler.wfile.write(CONTENT)

    place.refused(make_source(server.answer("/toy.csv", endless)))
    (aside,) = place.cache.glob("toy.csv.rejected-*")
    assert aside.stat().st_size == len(CONTENT) + 1


def test_a_redirect_to_a_known_host_is_followed(server: Server, place: Place) -> None:
    server.answer("/moved.csv", server.broken(), server.ranges())
    source = make_source(server.answer("/toy.csv", server.redirect("/moved.csv")))
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT
    assert server.log[-1] == ("/moved.csv", f"bytes={HALF}-")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.1:9/toy.csv", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https://localhost:{port}/elsewhere.csv", "none of the catalogue's"),
        ("//localhost:{port}/elsewhere.csv", "none of the catalogue's"),
    ],
)
def test_a_redirect_elsewhere_is_refused_unfollowed(server: Server, place: Place, target: str, reason: str) -> None:
    target = target.format(port=server.http.server_port)
    server.answer("/elsewhere.csv", server.whole())
    source = make_source(server.answer("/toy.csv", server.redirect(target)))
    message = place.refused(source)
    assert reason in message
    assert server.log == [("/toy.csv", None)]


def test_an_address_on_an_unknown_host_is_not_asked(server: Server, place: Place) -> None:
    server.answer("/toy.csv", server.whole())
    assert "none of the catalogue's" in place.refused(make_source(server.address("/toy.csv", "localhost")))
    assert server.log == []


def test_two_downloads_of_one_file_at_once_do_not_mix(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.broken(), server.ranges()))
    threads = [threading.Thread(target=place.fetch, args=(source,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.target.read_bytes() == CONTENT
    assert len(server.log) == 2


def test_a_killed_download_leaves_no_target_and_is_resumed(server: Server, place: Place, tmp_path: Path) -> None:
    source = make_source(server.answer("/toy.csv", server.broken(stall=True)))
    save({"toy": source}, tmp_path / "sources.csv")
    code = (
        "import sys; from pathlib import Path\n"
        "from balanza.acquire import download; from balanza.verbs.fetch import run\n"
        "root = Path(sys.argv[1]); download.TIMEOUT = (60, 60);"
        "run(['toy'], root / 'raw', catalogue=root / 'sources.csv', cache=root / 'cache')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    part = cached(source, place.cache).with_name("toy.csv.part")
    while process.poll() is None and (not part.exists() or part.stat().st_size < HALF):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not place.target.exists()
    server.answer("/toy.csv", server.ranges())
    run(["toy"], place.raw, catalogue=tmp_path / "sources.csv", cache=place.cache)
    assert place.target.read_bytes() == CONTENT
    assert server.log == [("/toy.csv", None), ("/toy.csv", f"bytes={HALF}-")]


def test_the_mirror_is_copied_and_verified(place: Place) -> None:
    (place.mirror / "toy.csv").write_bytes(CONTENT)
    assert place.fetch(make_source(), mirror=True, offline=True) == "mirror"
    assert place.target.read_bytes() == CONTENT
    assert place.target.stat().st_ino != (place.mirror / "toy.csv").stat().st_ino


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[::-1]], ids=["truncated", "other"])
def test_a_corrupted_mirror_file_is_refused_and_left_alone(place: Place, content: bytes) -> None:
    source = make_source()
    (place.mirror / "toy.csv").write_bytes(content)
    message = place.refused(source, mirror=True)
    assert str(place.mirror / "toy.csv") in message
    assert source.sha256 in message
    assert make_source(content=content).sha256 in message
    assert (place.mirror / "toy.csv").read_bytes() == content


def test_a_mirror_that_lacks_a_file_leaves_it_to_the_address(server: Server, place: Place) -> None:
    assert place.fetch(make_source(server.answer("/toy.csv", server.whole())), mirror=True) == "address"


def test_offline_lists_all_that_is_missing_at_once_and_never_asks(
    server: Server, place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("a", "b", "c", "d")
    sources = {
        name: make_source(server.answer(f"/{name}", server.whole()), id=name, file=f"{name}.csv") for name in names
    }
    save(sources, tmp_path / "sources.csv")
    (place.mirror / "a.csv").write_bytes(CONTENT)
    (place.mirror / "b.csv").write_bytes(CONTENT[:-1])
    place.raw.mkdir()
    (place.raw / "d.csv").write_bytes(CONTENT)
    folders = {"mirror": place.mirror, "cache": place.cache, "catalogue": tmp_path / "sources.csv"}
    assert [source.id for source in missing(sources.values(), place.mirror, place.cache)] == ["b", "c", "d"]
    for check in (True, False):
        with pytest.raises(SourceError) as caught:
            run([], place.raw, offline=True, check=check, **folders)
        listed = [line.split()[:2] for line in str(caught.value).splitlines()[1:]]
        assert listed == [[f"{name}.csv", sources[name].url] for name in ("b", "c")]
        assert [path.name for path in place.raw.iterdir()] == ["d.csv"]
    run([], place.raw, check=True, **folders)
    assert "2 files at hand, 2 to download" in capsys.readouterr().out
    assert server.log == []


def test_a_mirror_that_is_no_folder_is_refused(place: Place, tmp_path: Path) -> None:
    save({"toy": make_source()}, tmp_path / "sources.csv")
    with pytest.raises(ConfigError, match="not a folder"):
        run([], place.raw, mirror=tmp_path / "nowhere", catalogue=tmp_path / "sources.csv", cache=place.cache)


def test_a_full_disk_is_one_clear_error_and_the_next_run_completes(server: Server, place: Place) -> None:
    source = make_source(server.answer("/toy.csv", server.ranges()))
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, unlimited[1]))
    try:
        message = place.refused(source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert "File too large" in message
    assert "Make room" in message
    place.fetch(source)
    assert place.target.read_bytes() == CONTENT


def test_the_progress_bar_names_the_file_and_is_filled(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_source(server.answer("/toy.csv", server.whole()))
    hosts = frozenset({"127.0.0.1"})
    fetch(source, tmp_path / "toy.csv", mirror=None, offline=False, cache=tmp_path, hosts=hosts, progress=True)
    assert "toy.csv: 100%" in capsys.readouterr().err
