"""Bytes and text out of raw files: encodings, gzip and zip archives, with their paths and sizes checked."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from balanza.errors import SourceError

FETCH_AGAIN = "Delete the file and fetch it again"
# "Ã±" and "Â¿" are what the two bytes of a UTF-8 letter look like once read as cp1252: no Spanish text holds them.
_SPOILT = re.compile("Ã[\u0080-\u00bf\u2018-\u2026\u20ac\u0152-\u0178\u02c6\u02dc]|Â[\u00a0-\u00bf]|\ufffd")
_BLOCK = 1 << 22
MOST_BYTES = 1 << 30
"""The most that a packed file may hold once unpacked, unless its reader says otherwise."""
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


def read_text(path: Path, *encodings: str) -> str:
    """Read a text file, unpacked if its name ends in .gz, in whichever of the promised encodings it is.

    Parameters
    ----------
    path : Path
        The file.
    encodings : str
        ``"utf-8"`` (with or without a byte-order mark), ``"cp1252"``, or both where a source comes in either.

    Raises
    ------
    SourceError
        If the file is in another encoding (cp1252 bytes where UTF-8 is promised, or the reverse), holds letters spoilt
        in an earlier conversion, or is a gzip file cut short or too large.
    """
    return decode(read_bytes(path), *encodings, where=path.name)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file, unpacked if its name ends in .gz.

    Raises
    ------
    SourceError
        If such a file is no gzip file, or `unpacked` refuses it.
    """
    raw = path.read_bytes()
    if path.suffix != ".gz":
        return raw
    if not raw.startswith(b"\x1f\x8b"):
        raise SourceError("not a whole gzip file (its first bytes are others)", where=path.name, cure=FETCH_AGAIN)
    return unpacked(raw, where=path.name)


def unpacked(raw: bytes, *, where: str, kind: str = "gzip file", max_bytes: int = MOST_BYTES) -> bytes:
    """Bytes out of gzip, bzip2 or xz, told by their first bytes; others come back as they are.

    Raises
    ------
    SourceError
        If they are cut short or damaged, or hold more than `max_bytes`, of which no more is unpacked.
    """
    opener = next((opener for mark, opener in _OPENERS.items() if raw.startswith(mark)), None)
    if opener is None:
        return raw
    try:
        with opener(io.BytesIO(raw)) as stream:
            blocks, size = [], 0
            while size <= max_bytes and (block := stream.read(_BLOCK)):
                blocks.append(block)
                size += len(block)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise SourceError(f"not a whole {kind} ({error})", where=where, cure=FETCH_AGAIN) from error
    if size > max_bytes:
        problem = f"unpacks to more than the {max_bytes:,} bytes allowed"
        raise SourceError(problem, where=where, cure="Get the file from its official address")
    return b"".join(blocks)


def decode(raw: bytes, *encodings: str, where: str) -> str:
    """Decode bytes as `read_text` does, for example those of a zip member."""
    try:
        return raw.decode(encoding_of([raw], *encodings, where=where))
    except UnicodeDecodeError as error:
        raise SourceError(f"is neither UTF-8 nor cp1252 ({error})", where=where, cure=FETCH_AGAIN) from error


def encoding_of(blocks: Iterable[bytes], *encodings: str, where: str) -> str:
    """Which of the promised encodings some bytes are in; plain ASCII fits all, and UTF-8 is never taken for cp1252.

    Parameters
    ----------
    blocks : iterable of bytes
        The bytes, in pieces of any size.
    encodings : str
        As in `read_text`.
    where : str
        The name of the file.

    Returns
    -------
    str
        ``"utf-8-sig"`` or ``"cp1252"``, ready for `bytes.decode`.

    Raises
    ------
    SourceError
        As in `read_text`.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    ascii_only = True
    for block in _with_end(blocks):
        ascii_only = ascii_only and block.isascii()
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            if "cp1252" in encodings:
                return "cp1252"
            found = f"byte {error.object[error.start]:#04x}"
            raise _wrong_encoding("UTF-8", "cp1252 (latin-1)", found, where) from error
        if spoilt := _SPOILT.search(text):
            around = text[max(0, spoilt.start() - 12) : spoilt.end() + 8]
            cure = "Get the file as its agency published it"
            raise SourceError(f"letters were spoilt by an earlier conversion: {around!r}", where=where, cure=cure)
    if not ascii_only and "utf-8" not in encodings:
        raise _wrong_encoding("cp1252", "UTF-8", "its letters are two bytes long", where)
    return "utf-8-sig"


def _with_end(blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield from (block for block in blocks if block)
    yield b""


def _wrong_encoding(promised: str, likely: str, found: str, where: str) -> SourceError:
    return SourceError(
        f"is not in {promised}, as its layout promises, but looks like {likely}: {found}",
        where=where,
        cure=f"Get the original file, or convert this one from {likely} to {promised}",
    )


def file_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in blocks, for `encoding_of` on a file too large to hold twice."""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block


def read_zip_members(path: Path, pattern: str, *, max_bytes: int = MOST_BYTES) -> dict[str, bytes]:
    """All members of a zip whose path matches, in memory; nothing is unpacked to disk.

    Parameters
    ----------
    path : Path
        The zip file.
    pattern : str
        Shell pattern of member paths in lower case, such as ``"*.csv"``.
    max_bytes : int
        The most that the matching members may hold together once unpacked.

    Raises
    ------
    SourceError
        If the zip is cut short or damaged, a member's path leads outside, the members are larger than allowed, or none
        matches.
    """
    with _zip(path, "zip file") as archive:
        members = [item for item in archive.infolist() if fnmatch(item.filename.lower(), pattern)]
        _check_members(members, pattern, max_bytes, path.name)
        return {item.filename: _content(archive, item) for item in members}


def _content(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> bytes:
    """As many bytes as a member says to have: `ZipFile.read` would unpack whatever it holds before it looked."""
    with archive.open(item) as stream:
        return stream.read(item.file_size)


def verify_zip(path: Path, *, max_bytes: int, kind: str) -> None:
    """Unpack all of a zip once in blocks, for libraries that believe the sizes that it states.

    Raises
    ------
    SourceError
        As in `read_zip_members`, where the file is called a `kind`.
    """
    with _zip(path, kind) as archive:
        _check_members(archive.infolist(), "*", max_bytes, path.name)
        for item in archive.infolist():
            with archive.open(item) as stream:
                while stream.read(_BLOCK):
                    pass


# What zipfile raises on damage: also of offsets beyond the end, methods unknown to it, and members with a password.
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError, struct.error)


@contextmanager
def _zip(path: Path, kind: str) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _DAMAGE as error:
        raise SourceError(f"not a whole {kind} ({error})", where=path.name, cure=FETCH_AGAIN) from error


def _check_members(members: list[zipfile.ZipInfo], pattern: str, max_bytes: int, where: str) -> None:
    cure = "Get the zip from its official address"
    if not members:
        raise SourceError(f"has no member {pattern}", where=where, cure=cure)
    for item in members:
        member = PurePosixPath(item.filename.replace("\\", "/"))
        if member.is_absolute() or ".." in member.parts or ":" in item.filename:
            raise SourceError(f"member {item.filename!r} leads outside the archive", where=where, cure=cure)
    if (size := sum(item.file_size for item in members)) > max_bytes:
        problem = f"members {pattern} unpack to {size:,} bytes, more than the {max_bytes:,} allowed"
        raise SourceError(problem, where=where, cure=cure)


def read_zip_member(path: Path, suffix: str, *, max_bytes: int = MOST_BYTES) -> bytes:
    """The largest member of a zip with that suffix, which is the data in SESNSP's archives; see `read_zip_members`."""
    members = read_zip_members(path, f"*{suffix.lower()}", max_bytes=max_bytes)
    return max(members.values(), key=len)
