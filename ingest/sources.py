"""Recognise what a person typed as a source: a feed's URL, a file, a mailbox, a folder, an account.

Looks at names and at the folder's layout only; opens no file and fetches nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from ingest.mail_locations import parse_gmail, parse_imap
from schemas.errors import ConfigError

SourceKind = Literal["feed", "jsonl", "csv", "parquet", "mail", "imap", "gmail"]

KIND_BY_SUFFIX: dict[str, SourceKind] = {
    ".xml": "feed",
    ".rss": "feed",
    ".atom": "feed",
    ".rdf": "feed",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".eml": "mail",
    ".mbox": "mail",
}
KNOWN_SHAPES = (
    "an http(s) URL of a feed, a file ending in "
    f"{', '.join(KIND_BY_SUFFIX)}, a Maildir, a folder of .eml files, "
    "or a mailbox (imaps://user@host/INBOX, gmail://user@gmail.com)"
)
_HOST = re.compile(r"(?:[\w-]+\.)+[a-z]{2,}(?::\d+)?(?:/|$)", re.IGNORECASE)
"""What looks like a site's name, with or without a path."""
REMOTE = ("http://", "https://", "imap://", "imaps://", "gmail://")


@dataclass(frozen=True)
class SourceSpec:
    """A recognised source; `location` is a URL or an absolute path."""

    kind: SourceKind
    location: str

    @property
    def is_remote(self) -> bool:
        return is_remote(self.location)


def is_remote(location: str) -> bool:
    """Whether a source lies on a server."""
    return location.startswith(REMOTE)


def recognise_source(typed: str) -> SourceSpec:
    """Turn what a person typed into a source; raises ConfigError that says what would do."""
    typed = typed.strip()
    scheme = typed.partition("://")[0].lower() if "://" in typed else ""
    if scheme in {"http", "https"}:
        return _recognise_url(scheme + typed[len(scheme) :], scheme)
    if scheme == "feed":
        return _recognise_url("https" + typed[len(scheme) :], "https")
    if scheme in {"imap", "imaps"}:
        return SourceSpec("imap", str(parse_imap(typed)))
    if scheme == "gmail":
        return SourceSpec("gmail", str(parse_gmail(typed)))
    if scheme == "file":
        return _recognise_path(Path(unquote(urlsplit(typed).path)), typed)
    if scheme:
        raise ConfigError(f"{typed}: cannot read {scheme}:// sources; give {KNOWN_SHAPES}")
    if not typed:
        raise ConfigError(f"the source is empty; give {KNOWN_SHAPES}")
    return _recognise_path(Path(typed).expanduser(), typed)


def is_maildir(folder: Path) -> bool:
    """Tell whether a folder has the layout of a Maildir."""
    return (folder / "cur").is_dir() and (folder / "new").is_dir()


def _recognise_url(url: str, scheme: str) -> SourceSpec:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{url}: not a valid URL ({error})") from None
    if host and re.search(r"\s", parts.netloc):
        raise ConfigError(f"{url}: not a valid URL (its host name has a space)")
    if not host:
        raise ConfigError(f"{url}: the URL has no host name; write it as {scheme}://host/feed.xml")
    kind = _kind_of_name(parts.path)
    if kind not in {None, "feed"}:
        raise ConfigError(f"{url}: only feeds are read by URL; download it and give the file")
    return SourceSpec("feed", url)


def _recognise_path(path: Path, typed: str) -> SourceSpec:
    path = path.absolute()
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        is_site = _HOST.match(typed) and _kind_of_name(path.name) is None
        hint = f"if it is a site, write https://{typed}; else " if is_site else ""
        told = f"{typed}: no such file or folder; {hint}give {KNOWN_SHAPES}"
        raise ConfigError(told) from None
    except OSError as error:
        raise ConfigError(f"{typed}: cannot be read: {error.strerror}") from None
    if path.is_dir():
        if is_maildir(path) or any(path.glob("*.eml")):
            return SourceSpec("mail", str(path))
        raise ConfigError(f"{typed}: the folder is no Maildir and holds no .eml file")
    kind = _kind_of_name(path.name)
    if kind is None:
        raise ConfigError(f"{typed}: not a known kind of source; give {KNOWN_SHAPES}")
    if not path.is_file():
        raise ConfigError(f"{typed}: neither a file nor a folder")
    return SourceSpec(kind, str(path))


def _kind_of_name(name: str) -> SourceKind | None:
    name = name.lower()
    return next((kind for suffix, kind in KIND_BY_SUFFIX.items() if name.endswith(suffix)), None)
