"""OPML, in which feed readers exchange their lists: feeds with names and folders.

Bytes to records and back (http://opml.org/spec2.opml). Entities and external references of the
XML stay inert. Knows no stored sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]

from ingest.text import one_line
from schemas.errors import ConfigError

MAX_OPML_BYTES = 10_000_000
MAX_NAME_CHARS = 200


@dataclass(frozen=True)
class OpmlFeed:
    """One feed of a list."""

    url: str
    name: str = ""
    folder: str | None = None
    """Names of the outlines around it, joined by `/`."""


def read_opml(body: bytes) -> list[OpmlFeed]:
    """Read the feeds of a list, each address once; raises ConfigError for what is no OPML."""
    if len(body) > MAX_OPML_BYTES:
        raise ConfigError(f"the list is larger than {MAX_OPML_BYTES:,} bytes")
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body.strip(), parser=parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or _local_name(root).lower() != "opml":
        raise ConfigError("this is no OPML: export the list from a feed reader as OPML")
    feeds: dict[str, OpmlFeed] = {}
    for feed in _walk(root):
        feeds.setdefault(feed.url, feed)
    return list(feeds.values())


def write_opml(feeds: Iterable[OpmlFeed], title: str = "Newsmill") -> bytes:
    """Write a list that `read_opml` and other readers take."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = title
    body = etree.SubElement(root, "body")
    folders: dict[str, etree._Element] = {}
    for feed in feeds:
        parent = _find_folder(body, folders, feed.folder) if feed.folder else body
        # XML knows no control characters, and lxml refuses them.
        url, name = one_line(feed.url), one_line(feed.name or feed.url)
        etree.SubElement(parent, "outline", type="rss", text=name, title=name, xmlUrl=url)
    written: bytes = etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)
    return written


def _walk(root: etree._Element) -> Iterator[OpmlFeed]:
    """Give the feeds in their order, without recursion, however deep the folders lie."""
    folders: list[str] = []
    for event, outline in etree.iterwalk(root, events=("start", "end"), tag="{*}outline"):
        attributes = {str(name).lower(): value for name, value in outline.attrib.items()}
        name = one_line(attributes.get("text") or attributes.get("title") or "")[:MAX_NAME_CHARS]
        if event == "end":
            folders.pop()
            continue
        if url := attributes.get("xmlurl", "").strip():
            inside = "/".join(filter(None, folders))
            yield OpmlFeed(url, name, inside or None)
            folders.append("")
        else:
            folders.append(name.replace("/", "-"))


def _find_folder(
    body: etree._Element, folders: dict[str, etree._Element], path: str
) -> etree._Element:
    parent, so_far = body, ""
    for name in one_line(path).split("/"):
        so_far = f"{so_far}/{name}"
        if so_far not in folders:
            folders[so_far] = etree.SubElement(parent, "outline", text=name, title=name)
        parent = folders[so_far]
    return parent


def _local_name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)
