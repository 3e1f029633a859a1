"""IMAP's answers as servers spell them, and any bytes in their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.imap_answers import (
    ListedFolder,
    decode_folder,
    encode_folder,
    read_bodies,
    read_code,
    read_folders,
    read_number,
    read_sizes,
    read_smallest,
)

FOLDERS = [
    (b'(\\HasNoChildren) "/" INBOX', "INBOX", {"\\hasnochildren"}),
    (b'(\\Noselect \\HasChildren) "." "Lists"', "Lists", {"\\noselect", "\\haschildren"}),
    (b'() NIL "a \\"b\\" \\\\c"', 'a "b" \\c', set()),
    (b'() "\\\\" Z&APw-rich', "Zürich", set()),
    ((b'() "/" {7}', b"foo bar"), "foo bar", set()),
]


@pytest.mark.parametrize(("line", "name", "flags"), FOLDERS)
def test_folder_is_read(line: Any, name: str, flags: set[str]) -> None:
    assert list(read_folders([line])) == [ListedFolder(name, frozenset(flags))]


NAMES = [
    ("INBOX", '"INBOX"'),
    ("A & B", '"A &- B"'),
    ("Zürich", '"Z&APw-rich"'),
    ("台北/日本語", '"&U,BTFw-/&ZeVnLIqe-"'),
    ('say "x\\y"', '"say \\"x\\\\y\\""'),
    ("😀", '"&2D3eAA-"'),
]


@pytest.mark.parametrize(("name", "spelled"), NAMES)
def test_folder_name_is_spelled_in_modified_utf7(name: str, spelled: str) -> None:
    assert encode_folder(name) == spelled


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_folder_name_survives_the_way_there_and_back(name: str) -> None:
    (folder,) = read_folders([b'() "/" ' + encode_folder(name).encode()]) if name else [None]
    assert folder is None or folder.name == name


def test_sizes_come_in_the_order_of_uids() -> None:
    lines = [b"2 (UID 9 RFC822.SIZE 10)", b"1 (RFC822.SIZE 3 UID 4)", b"3 (FLAGS (\\Seen))", None]
    assert read_sizes(lines) == [(4, 3), (9, 10)]


def test_uid_is_found_on_either_side_of_the_message() -> None:
    lines: list[Any] = [
        (b"1 (UID 4 BODY[] {3}", b"abc"),
        b")",
        (b"2 (BODY[] {1}", b"d"),
        b" UID 5)",
    ]
    assert list(read_bodies(lines)) == [(4, b"abc"), (5, b"d")]


def test_message_that_is_no_literal_is_read() -> None:
    lines: list[Any] = [
        b'1 (UID 1 BODY[] "")',
        b"2 (UID 2 BODY[] NIL)",
        b'3 (BODY[] "Subject: \\"a\\"" UID 3)',
        b"4 (UID 4 FLAGS (BODY))",
    ]
    assert list(read_bodies(lines)) == [(1, b""), (2, b""), (3, b'Subject: "a"')]


def test_numbers_and_codes() -> None:
    assert read_number([b"17"]) == 17
    assert read_number([None]) is read_number([]) is read_number([b"x"]) is None
    assert read_smallest([b"8 5 13"]) == 5
    assert read_smallest([b""]) is read_smallest([None]) is None
    assert read_code("[AUTHENTICATIONFAILED] no") == "AUTHENTICATIONFAILED"
    assert read_code("no") == ""


LINES = st.lists(
    st.none() | st.binary(max_size=40) | st.tuples(st.binary(max_size=40), st.binary(max_size=9))
)


def test_endless_name_of_a_folder_is_read_as_fast_as_any() -> None:
    assert decode_folder(b"&" * 200_000) == "&" * 200_000
    assert decode_folder(b"a&b&-") == "a&b&"


@given(LINES, st.binary(max_size=30))
def test_any_bytes_are_read_or_passed_over(lines: list[Any], name: bytes) -> None:
    assert isinstance(decode_folder(name), str)
    assert isinstance(list(read_folders(lines)), list)
    assert isinstance(read_sizes(lines), list)
    assert isinstance(list(read_bodies(lines)), list)
    read_number(lines)
    read_smallest(lines)
