"""The Gmail client and its sync, on a real HTTP server that answers as the reference says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest import gmail, gmail_sync
from ingest.batches import Refused, SourceState
from ingest.gmail import GmailClient
from ingest.gmail_sync import sync_gmail
from ingest.mail_batches import Received, cut_mail_batches
from ingest.mail_locations import parse_gmail
from schemas.errors import PermanentError, TransientError
from tests.mailservers.gmail import ADDRESS, PAGE, GmailMailbox, error, run_gmail


@pytest.fixture
def mailbox() -> GmailMailbox:
    mailbox = GmailMailbox()
    mailbox.labels["News"] = "Label_7"
    mailbox.labels["Tech/AI"] = "Label_8"
    return mailbox


@pytest.fixture
def waits() -> list[float]:
    """The waits that the client asked for, which nobody waits."""
    return []


@pytest.fixture
def renewals() -> list[bool]:
    """How the client asked for tokens."""
    return []


@pytest.fixture
def client(
    mailbox: GmailMailbox, waits: list[float], renewals: list[bool]
) -> Iterator[GmailClient]:
    def give_token(*, renew: bool) -> str:
        renewals.append(renew)
        return mailbox.access_token if renew or len(renewals) > 1 else "access-0"

    with (
        run_gmail(mailbox) as url,
        GmailClient(
            give_token, user_agent="t", timeout_s=10, api_url=url, sleep=waits.append
        ) as client,
    ):
        yield client


def mail(subject: str) -> bytes:
    return f"Subject: {subject}\r\n\r\nbody".encode()


def sync(
    client: GmailClient, query: str = "", marks: Any = None
) -> tuple[list[str], dict[str, Any], list[Received]]:
    """Give the subjects read, the marks reached, and everything."""
    received = list(sync_gmail(client, parse_gmail(f"gmail://{ADDRESS}?{query}"), marks or {}))
    subjects = [subject_of(each) for each in received if is_mail(each)]
    return subjects, dict(received[-1].marks), received


def subject_of(received: Received) -> str:
    assert isinstance(received.mail, bytes)
    return received.mail.split(b"\r\n")[0][9:].decode()


def is_mail(received: Received) -> bool:
    return isinstance(received.mail, bytes)


def test_old_token_is_renewed_once(client: GmailClient, renewals: list[bool]) -> None:
    assert client.read_profile().address == ADDRESS
    assert client.list_labels()["News"] == "Label_7"
    assert renewals == [False, True]


def test_refused_token_is_a_permanent_error(client: GmailClient, mailbox: GmailMailbox) -> None:
    mailbox.faults += [error(401, "authError", "Invalid Credentials")] * 2
    with pytest.raises(PermanentError, match="Gmail answered 401: Invalid Credentials"):
        client.read_profile()


PASSING = [
    (error(429, "rateLimitExceeded", "Too many"), 1.0, "too many requests"),
    (error(403, "userRateLimitExceeded", "Slow down"), 1.0, "the same as 403"),
    (error(429, "rateLimitExceeded", "Wait", **{"Retry-After": "9"}), 9.0, "as long as it says"),
    (error(429, "rateLimitExceeded", "Wait", **{"Retry-After": "999"}), 30.0, "but not for ever"),
    (error(503, "backendError", "Oops"), 1.0, "a fault of Google's"),
    ((500, {}, {}), 1.0, "a fault without an explanation"),
]


@pytest.mark.parametrize(("fault", "wait_s", "reason"), PASSING)
def test_what_passes_by_itself_is_waited_for(
    client: GmailClient,
    mailbox: GmailMailbox,
    waits: list[float],
    fault: Any,
    wait_s: float,
    reason: str,
) -> None:
    mailbox.faults.append(fault)
    assert client.read_profile().address == ADDRESS
    assert waits == [wait_s], reason


def test_what_does_not_pass_soon_is_left_to_the_queue(
    client: GmailClient, mailbox: GmailMailbox, waits: list[float]
) -> None:
    mailbox.faults += [error(429, "rateLimitExceeded", "Too many")] * 9
    with pytest.raises(TransientError, match="429: Too many"):
        client.read_profile()
    assert waits == [1.0, 2.0, 4.0]


def test_a_client_waits_for_a_minute_in_all(
    client: GmailClient, mailbox: GmailMailbox, waits: list[float]
) -> None:
    mailbox.faults += [error(429, "rateLimitExceeded", "Wait", **{"Retry-After": "25"})] * 3
    with pytest.raises(TransientError, match="429: Wait"):
        client.read_profile()
    assert waits == [25.0, 25.0]


def test_what_a_person_must_mend_is_told_in_googles_words(
    client: GmailClient, mailbox: GmailMailbox, waits: list[float]
) -> None:
    mailbox.faults.append(error(403, "accessNotConfigured", "Enable the\nGmail API first."))
    with pytest.raises(PermanentError, match=r"^Gmail answered 403: Enable the Gmail API first\.$"):
        client.read_profile()
    assert waits == []


def test_server_that_is_away_or_speaks_nonsense_is_a_transient_error(
    client: GmailClient, mailbox: GmailMailbox
) -> None:
    mailbox.faults.append((200, {"emailAddress": ["x"]}, {}))
    with pytest.raises(TransientError, match="cannot be read"):
        client.read_profile()
    nowhere = GmailClient(
        lambda **_: "t", user_agent="t", timeout_s=5, api_url="http://127.0.0.1:1"
    )
    with nowhere, pytest.raises(TransientError, match="refused"):
        nowhere.read_profile()


def test_full_read_turns_the_pages_and_gives_the_oldest_first(
    client: GmailClient, mailbox: GmailMailbox
) -> None:
    expected = [f"m{number}" for number in range(2 * PAGE + 1)]
    for subject in expected:
        mailbox.deliver(mail(subject))
    subjects, marks, received = sync(client)
    assert subjects == expected
    assert marks == {"history_id": mailbox.history_id}
    interrupted = dict(received[PAGE].marks)
    # What had been reached was deleted meanwhile: then all is read, and nothing missed.
    assert sync(client, marks=interrupted)[0] == expected[PAGE + 1 :]
    mailbox.messages.pop(PAGE)
    assert sync(client, marks=interrupted)[0] == [*expected[:PAGE], *expected[PAGE + 1 :]]


def test_mail_that_comes_during_a_full_read_is_found_after_it(
    client: GmailClient, mailbox: GmailMailbox
) -> None:
    mailbox.deliver(mail("a"))
    reading = sync_gmail(client, parse_gmail(f"gmail://{ADDRESS}"), {})
    next(reading)
    mailbox.deliver(mail("b"))
    marks = dict(list(reading)[-1].marks)
    assert sync(client, marks=marks)[0] == ["b"]


def test_only_mail_with_one_of_the_labels_is_read(
    client: GmailClient, mailbox: GmailMailbox
) -> None:
    mailbox.deliver(mail("private"))
    old = mailbox.deliver(mail("labelled later"))
    mailbox.deliver(mail("both"), "Label_7", "Label_8")
    mailbox.deliver(mail("one"), "Label_8")
    query = "label=news&label=Tech/AI"
    subjects, marks, _ = sync(client, query)
    assert sorted(subjects) == ["both", "one"]
    mailbox.deliver(mail("still private"))
    mailbox.deliver(mail("new"), "INBOX", "Label_7")
    mailbox.add_label(old, "Label_8")
    subjects, marks, _ = sync(client, query, marks)
    assert subjects == ["new", "labelled later"]
    assert sync(client, query, marks)[0] == []


def test_label_that_does_not_exist_is_a_permanent_error(client: GmailClient) -> None:
    with pytest.raises(PermanentError, match=r"no label 'Nix'.*there are INBOX, News"):
        sync(client, "label=Nix")


def test_query_chooses_also_among_what_is_new(client: GmailClient, mailbox: GmailMailbox) -> None:
    mailbox.deliver(mail("weekly news"))
    mailbox.deliver(mail("an invoice"))
    query = "q=subject:weekly"
    subjects, marks, _ = sync(client, query)
    assert subjects == ["weekly news"]
    mailbox.deliver(mail("another invoice"))
    late = mailbox.deliver(mail("weekly again"))
    mailbox.hidden.add(late)
    subjects, marks, _ = sync(client, query, marks)
    assert subjects == []
    assert len(marks["unsure"]) == 2
    mailbox.hidden.clear()
    subjects, marks, _ = sync(client, query, marks)
    assert subjects == ["weekly again"], "the search knew it later than the history did"
    assert "unsure" not in marks


def test_interrupted_read_of_changes_goes_on_behind_its_last_mail_with_a_query_too(
    client: GmailClient, mailbox: GmailMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gmail_sync, "PORTION", 10)
    query = "q=subject:weekly"
    marks = sync(client, query)[1]
    late = mailbox.deliver(mail("weekly, late"))
    mailbox.hidden.add(late)
    for number in range(40):
        mailbox.deliver(mail(f"weekly {number:02}" if number % 2 else "an invoice"))
    subjects: list[str] = []
    for _ in range(20):  # As many polls, each cut off after its second mail.
        reading = sync_gmail(client, parse_gmail(f"gmail://{ADDRESS}?{query}"), marks)
        received = [*itertools.islice(filter(is_mail, reading), 2)]
        if not received:
            break
        subjects += [subject_of(each) for each in received]
        marks = dict(received[-1].marks)
        mailbox.hidden.clear()
    expected = [f"weekly {number:02}" for number in range(1, 40, 2)]
    assert subjects == [*expected[:2], "weekly, late", *expected[2:]]
    # The changes themselves are listed to their end only now: what was no news stays so.
    assert sync(client, query, marks)[:2] == ([], {"history_id": mailbox.history_id})


def test_query_that_finds_none_of_many_changes_tells_how_far_it_is(
    client: GmailClient, mailbox: GmailMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gmail_sync, "PORTION", 10)
    marks = sync(client, "q=subject:weekly")[1]
    for _ in range(25):
        mailbox.deliver(mail("an invoice"))
    received = sync(client, "q=subject:weekly", marks)[2]
    state = SourceState(marks=marks)
    batches = [*cut_mail_batches(received, state, datetime(2026, 11, 1, tzinfo=UTC))]
    assert [len(batch.drafts) for batch in batches] == [0, 0, 0, 0]
    assert len({batch.state.marks.get("reached") for batch in batches}) == 4


def test_spam_trash_and_drafts_are_no_news(client: GmailClient, mailbox: GmailMailbox) -> None:
    marks = sync(client, "label=News")[1]
    mailbox.deliver(mail("deleted"), "Label_7", "TRASH")
    mailbox.deliver(mail("a draft"), "Label_7", "DRAFT")
    mailbox.deliver(mail("news"), "Label_7")
    assert sync(client, "label=News", marks)[0] == ["news"]
    assert sync(client, "label=trash")[0] == ["deleted"]


def test_mail_that_went_away_or_is_broken_holds_up_nothing(
    client: GmailClient, mailbox: GmailMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = sync(client)[1]
    gone = mailbox.deliver(mail("gone"))
    mailbox.deliver(mail("x" * 3_000))
    mailbox.deliver(mail("small"))
    mailbox.messages.remove(mailbox.find(gone))  # type: ignore[arg-type]
    monkeypatch.setattr(gmail, "MAX_ANSWER_BYTES", 2_000)
    subjects, _, received = sync(client, marks=marks)
    assert subjects == ["small"]
    refused = [each.mail for each in received if isinstance(each.mail, Refused)]
    assert [each.reason for each in refused] == ["the mail is larger than 20,000,000 bytes"]


def test_forgotten_history_leads_to_a_full_read_with_a_note(
    client: GmailClient, mailbox: GmailMailbox
) -> None:
    mailbox.deliver(mail("a"))
    marks = sync(client)[1]
    mailbox.forget_history()
    mailbox.deliver(mail("b"))
    subjects, marks, received = sync(client, marks=marks)
    assert subjects == ["a", "b"]
    assert "404" in received[0].note
    assert received[0].marks == {}
    assert sync(client, marks=marks)[0] == []
