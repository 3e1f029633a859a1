"""IMAP's answers, as `imaplib` hands them over, to data; and folder names both ways.

Pure. Any bytes give a value; a part that cannot be read is passed over (RFC 3501, RFC 2152).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Response = Sequence[bytes | tuple[bytes, bytes] | None]
"""Lines; a line with a literal is a tuple of what stands before the literal, and the literal."""

_LIST_LINE = re.compile(
    rb'\((?P<flags>[^)]*)\) (?:NIL|"(?:\\.|[^"\\])") (?P<name>"(?:\\.|[^"\\])*"|\S.*)?'
)
_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_SHORT_BODY = re.compile(rb'\bBODY\[\] (?:NIL|("(?:\\.|[^"\\])*"))')
_NUMBER = re.compile(rb"\d+")
_CODE = re.compile(r"\[([A-Z-]+)")
_ENCODED = re.compile("[^\x20-\x7e]+")
_DECODED = re.compile(rb"&([^&-]*+)-")


@dataclass(frozen=True)
class ListedFolder:
    """A folder as LIST names it."""

    name: str
    flags: frozenset[str]
    """In lower case, e.g. `\\noselect`."""


def encode_folder(name: str) -> str:
    """Write a folder's name as a quoted string in modified UTF-7; wildcards stay."""
    return quote(_ENCODED.sub(_encode_run, name.replace("&", "&-")))


def quote(text: str) -> str:
    """Write a text as a quoted string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def decode_folder(raw: bytes) -> str:
    """Read a folder's name from modified UTF-7; one that is not stays as it is."""
    try:
        return _DECODED.sub(_decode_run, raw).decode("utf-8", "replace")
    except (UnicodeDecodeError, binascii.Error):
        return raw.decode("utf-8", "replace")


def read_folders(lines: Response) -> Iterator[ListedFolder]:
    """Give the folders of a LIST answer."""
    for line in lines:
        head, literal = line if isinstance(line, tuple) else (line, None)
        found = _LIST_LINE.match(head or b"")
        if not found:
            continue
        name = literal if literal is not None else _unquote(found["name"] or b"")
        flags = frozenset(found["flags"].decode("ascii", "replace").lower().split())
        if name:
            yield ListedFolder(decode_folder(name), flags)


def read_sizes(lines: Response) -> list[tuple[int, int]]:
    """Give (UID, bytes) of the messages of a FETCH answer, in the order of their UIDs."""
    sizes = {}
    for line in lines:
        if isinstance(line, bytes) and (uid := _UID.search(line)):
            size = _SIZE.search(line)
            if size:
                sizes[int(uid[1])] = int(size[1])
    return sorted(sizes.items())


def read_bodies(lines: Response) -> Iterator[tuple[int, bytes]]:
    """Give (UID, message) of a FETCH answer; the UID may stand on either side of the message.

    A message is a literal; one without a line break, or none at all, may be a quoted string.
    """
    for place, line in enumerate(lines):
        if isinstance(line, bytes) and (short := _SHORT_BODY.search(line)):
            if uid := _UID.search(line):
                yield int(uid[1]), _unquote(short[1] or b"")
        elif isinstance(line, tuple):
            after = lines[place + 1] if place + 1 < len(lines) else None
            uid = _UID.search(line[0])
            if uid is None and isinstance(after, bytes):
                uid = _UID.search(after)
            if uid:
                yield int(uid[1]), line[1]


def read_number(lines: Response) -> int | None:
    """Give the number that an answer such as UIDNEXT consists of."""
    last = lines[-1] if lines else None
    return int(last) if isinstance(last, bytes) and last.isdigit() else None


def read_smallest(lines: Response) -> int | None:
    """Give the smallest UID of a SEARCH answer; None when nothing was found."""
    uids = [
        int(word) for line in lines if isinstance(line, bytes) for word in _NUMBER.findall(line)
    ]
    return min(uids, default=None)


def read_code(text: str) -> str:
    """Give the response code of a refusal (RFC 5530), such as AUTHENTICATIONFAILED; else ""."""
    found = _CODE.match(text)
    return found[1] if found else ""


def _unquote(name: bytes) -> bytes:
    if name.startswith(b'"') and name.endswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name.strip()


def _encode_run(found: re.Match[str]) -> str:
    code = base64.b64encode(found[0].encode("utf-16-be"), altchars=b"+,").rstrip(b"=")
    return f"&{code.decode()}-"


def _decode_run(found: re.Match[bytes]) -> bytes:
    if not found[1]:
        return b"&"
    padded = found[1] + b"=" * (-len(found[1]) % 4)
    return base64.b64decode(padded, altchars=b"+,").decode("utf-16-be").encode()
