"""Google Drive's adapter against a Drive on loopback that is checked by its own discovery document."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from invitations.providers import base
from invitations.providers.drive import MAX_MULTIPART_BYTES, DriveAccess, GoogleDrive
from tests.fakes.faults import Fault, Rule
from tests.fakes.google import DRIVE_SCOPE, GoogleFake
from tests.fakes.server import Answer, LoopbackServer

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared/contracts/google/samples/drive_errors"
CARD = b"\xff\xd8card\r\n--x\n\n\xff\xd9"


@pytest.fixture
def google() -> Iterator[GoogleFake]:
    with GoogleFake() as fake:
        yield fake
    assert fake.problems == []


def drive_of(google: GoogleFake, *, seconds: float = 5, **fields: Any) -> GoogleDrive:
    fields.setdefault("token", google.accounts.issue("1001", frozenset({DRIVE_SCOPE}))[0])
    return GoogleDrive(DriveAccess(api_root=f"{google.url}/", deadline=timedelta(seconds=seconds), **fields))


@pytest.fixture
def drive(google: GoogleFake) -> GoogleDrive:
    return drive_of(google)


def put(drive: GoogleDrive, identity: str, folder: str = "", content: bytes = CARD) -> None:
    drive.upload(identity, folder, "Ada.jpg", content, "image/jpeg", "run-7")


# What it does


def test_folder_and_card_lie_where_they_should_and_anybody_can_read(
    google: GoogleFake, drive: GoogleDrive
) -> None:
    folder, card = drive.generate_ids(2)

    folder_link = drive.create_folder(folder, "Spring party", "")
    put(drive, card, folder)
    link = drive.share(card)

    made = google.drive.files[card]
    assert (made["parents"], made["name"], made["mimeType"]) == ([folder], "Ada.jpg", "image/jpeg")
    assert made["appProperties"] == {"chatboost_run": "run-7"}
    assert [(each["type"], each["role"]) for each in made["permissions"]] == [("anyone", "reader")]
    assert folder_link == f"https://drive.google.com/drive/folders/{folder}"
    assert link == f"https://drive.google.com/file/d/{card}/view?usp=drivesdk"


@pytest.mark.parametrize(
    "content", [CARD, b"", b"\n", bytes(range(256)) * 40, b"x" * (MAX_MULTIPART_BYTES + 1)]
)
def test_bytes_arrive_as_they_are(google: GoogleFake, drive: GoogleDrive, content: bytes) -> None:
    import hashlib

    (card,) = drive.generate_ids(1)
    put(drive, card, content=content)

    (entry,) = google.effects("file")
    assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_more_ids_than_google_gives_at_once(google: GoogleFake, drive: GoogleDrive) -> None:
    ids = drive.generate_ids(1200)

    assert len(set(ids)) == 1200
    assert [entry["call"] for entry in google.attempts] == ["drive.files.generateIds"] * 2


@pytest.mark.parametrize("size", [20, MAX_MULTIPART_BYTES + 1], ids=["multipart", "resumable"])
def test_what_is_there_counts(google: GoogleFake, drive: GoogleDrive, size: int) -> None:
    folder, card = drive.generate_ids(2)
    for _ in range(2):
        link = drive.create_folder(folder, "Spring party", "")
        put(drive, card, folder, b"x" * size)

    assert link.endswith(folder)
    assert Counter(entry["id"] for entry in google.effects("file")) == {folder: 1, card: 1}


def test_share_again_makes_one_permission(google: GoogleFake, drive: GoogleDrive) -> None:
    (card,) = drive.generate_ids(1)
    put(drive, card)
    assert drive.share(card) == drive.share(card)
    assert len(google.drive.files[card]["permissions"]) == 1


def test_delete_twice_is_no_error(google: GoogleFake, drive: GoogleDrive) -> None:
    (card,) = drive.generate_ids(1)
    put(drive, card)
    drive.delete(card)
    drive.delete(card)
    assert google.drive.files == {}


def test_names_from_anywhere_are_kept(google: GoogleFake, drive: GoogleDrive) -> None:
    (folder,) = drive.generate_ids(1)
    drive.create_folder(folder, 'دعوت "نامہ" 🎉 \r\n../x' + "y" * 400, "")
    assert google.drive.files[folder]["name"].startswith('دعوت "نامہ" 🎉')


def test_service_account_needs_a_shared_drive(google: GoogleFake) -> None:
    token, _ = google.accounts.issue("robot", frozenset({DRIVE_SCOPE}), is_service=True)
    alone = drive_of(google, token=token)
    (card,) = alone.generate_ids(1)
    with pytest.raises(base.Invalid, match="Shared Drive") as refused:
        put(alone, card)
    assert refused.value.code == "storageQuotaExceeded"

    google.drive.shared["0Team"] = {"robot"}
    shared = drive_of(google, token=token, shared_drive_id="0Team")
    folder = shared.generate_ids(1)[0]
    shared.create_folder(folder, "Cards", "")
    put(shared, card, folder)
    assert shared.share(card)
    assert google.drive.files[card]["driveId"] == "0Team"


def test_check_says_what_is_wrong_with_the_target(google: GoogleFake) -> None:
    own = drive_of(google)
    (folder,) = own.generate_ids(1)
    own.create_folder(folder, "Mine", "")
    google.drive.shared["0Team"] = {"1001"}

    assert own.check() == []
    assert drive_of(google, shared_drive_id="0Team").check() == []
    assert "no Shared Drive" in drive_of(google, folder_id=folder).check()[0]
    assert "not there" in drive_of(google, shared_drive_id="0Other").check()[0]
    google.drive.files[folder]["trashed"] = True
    assert "bin" in drive_of(google, folder_id=folder).check()[-1]


def test_token_is_in_no_text(google: GoogleFake) -> None:
    drive = drive_of(google, token="ya29.very-secret")
    with pytest.raises(base.AuthFailed) as refused:
        drive.generate_ids(1)
    assert "very-secret" not in f"{drive!r} {drive._access!r} {refused.value!r} {refused.value}"


# How it fails

CALLS: dict[str, Callable[[GoogleDrive], object]] = {
    "drive.files.generateIds": lambda drive: drive.generate_ids(1),
    "drive.files.create": lambda drive: drive.create_folder("1x", "Cards", ""),
    "drive.permissions.create": lambda drive: drive.share("1x"),
    "drive.files.delete": lambda drive: drive.delete("1x"),
}
READS = {"drive.files.generateIds", "drive.files.delete"}


def failing(google: GoogleFake, call: str, rule: Rule, *, seconds: float = 5) -> base.ProviderError:
    google.play(rule)
    with pytest.raises(base.ProviderError) as failed:
        CALLS[call](drive_of(google, seconds=seconds))
    return failed.value


def samples() -> list[Any]:
    expected = {
        "authError": base.AuthFailed,
        "rateLimitExceeded_429": base.RateLimited,
        "userRateLimitExceeded": base.RateLimited,
        "notFound_guide": base.Gone,
    }
    return [
        pytest.param(json.loads(path.read_text()), expected.get(path.stem, base.Invalid), id=path.stem)
        for path in sorted(SAMPLES.glob("*.json"))
    ]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the contracts are not beside this checkout")
@pytest.mark.parametrize(("sample", "kind"), samples())
def test_sample_of_an_error_is_read(
    google: GoogleFake, sample: dict[str, Any], kind: type[Exception]
) -> None:
    body = json.dumps(sample["body"])
    rule = Rule(fault=Fault.ANSWER, status=sample["status"], body=body, content_type="application/json")

    problem = failing(google, "drive.files.create", rule)

    assert type(problem) is kind
    assert isinstance(problem, base.RateLimited) is sample["retry"]
    assert problem.message.startswith("Google Drive: ")


@pytest.mark.parametrize("reason", ["rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"])
@pytest.mark.parametrize("status", [403, 429])
def test_too_fast_comes_with_both_statuses(google: GoogleFake, status: int, reason: str) -> None:
    rule = Rule(fault=Fault.ERROR, status=status, message=reason, retry_after="17")
    problem = failing(google, "drive.files.create", rule)
    assert isinstance(problem, base.RateLimited)
    assert problem.retry_after == timedelta(seconds=17)


def test_retry_after_may_be_a_date_or_missing(google: GoogleFake) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    dated = failing(
        google, "drive.files.create", Rule(fault=Fault.ERROR, status=429, message="x", retry_after=at)
    )
    plain = failing(google, "drive.files.create", Rule(fault=Fault.ERROR, status=429, message="x"))
    assert isinstance(dated, base.RateLimited)
    assert isinstance(plain, base.RateLimited)
    assert dated.retry_after is not None
    assert timedelta(seconds=85) < dated.retry_after <= timedelta(seconds=90)
    assert plain.retry_after is None


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sorry</html>",
        "",
        "null",
        "[]",
        '"x"',
        '{"error": "invalid"}',
        '{"error": {"code": 403, "message": "Forbidden"}}',
        '{"error": {"errors": [], "message": 7}}',
        '{"error": {"errors": [{"message": "no reason"}]}}',
        '{"error": {"errors": [null]}}',
        '{"error": {"errors": {"reason": "x"}}}',
        '{"error": {"errors": [{"reason": ["x"]}]}}',
        "[" * 3000,
    ],
)
def test_body_without_reason_or_json_is_still_a_refusal(google: GoogleFake, body: str) -> None:
    problem = failing(google, "drive.files.create", Rule(fault=Fault.ANSWER, status=403, body=body))
    assert type(problem) is base.Invalid
    assert problem.message


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("rule", "of_read", "of_create"),
    [
        (Rule(fault=Fault.ERROR, status=500, message="backendError"), base.Transient, base.Unclear),
        (Rule(fault=Fault.ANSWER, status=502, body="<html>"), base.Transient, base.Unclear),
        (Rule(fault=Fault.RESET_BEFORE_ACCEPT), base.Transient, base.Unclear),
        (Rule(fault=Fault.ANSWER, status=302, body=""), base.BadResponse, base.BadResponse),
        (Rule(fault=Fault.ERROR, status=401, message="authError"), base.AuthFailed, base.AuthFailed),
        (Rule(fault=Fault.ERROR, status=403, message="domainPolicy"), base.Invalid, base.Invalid),
    ],
    ids=["500", "502", "reset", "302", "401", "403"],
)
def test_what_may_be_concluded_depends_on_what_was_asked(
    google: GoogleFake, call: str, rule: Rule, of_read: type[Exception], of_create: type[Exception]
) -> None:
    assert type(failing(google, call, rule)) is (of_read if call in READS else of_create)


@pytest.mark.parametrize("body", ["<html>", "[]", "null", "", "[" * 3000])
def test_success_that_can_not_be_read_may_be_one(google: GoogleFake, body: str) -> None:
    rule = Rule(fault=Fault.ANSWER, status=200, body=body)
    read, created, shared = (failing(google, call, rule) for call in [*CALLS][:3])
    assert type(read) is base.BadResponse
    assert {type(created), type(shared)} == {base.Unclear}


def test_upload_that_never_goes_on_ends(google: GoogleFake, drive: GoogleDrive) -> None:
    (card,) = drive.generate_ids(1)
    go_on = Rule(fault=Fault.ANSWER, status=308, body="", match={"name": ""})
    google.play(go_on)
    with pytest.raises(base.Unclear):
        put(drive, card, content=b"x" * (MAX_MULTIPART_BYTES + 1))
    assert [entry["fault"] for entry in google.attempts][2:] == ["answer"] * 4


@pytest.mark.parametrize("call", CALLS)
def test_nobody_there_is_certainly_not_done(google: GoogleFake, call: str) -> None:
    drive = GoogleDrive(DriveAccess(token="x", api_root="http://127.0.0.1:9/", deadline=timedelta(seconds=1)))
    with pytest.raises(base.Transient):
        CALLS[call](drive)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault.ACCEPT_THEN_HANG, Fault.TRICKLE])
def test_whole_call_ends_by_its_deadline(google: GoogleFake, call: str, fault: Fault) -> None:
    began = datetime.now(UTC)
    problem = failing(
        google, call, Rule(fault=fault, seconds=0.2 if fault is Fault.TRICKLE else 5), seconds=0.4
    )
    assert datetime.now(UTC) - began < timedelta(seconds=1.4)
    assert type(problem) is (base.Transient if call in READS else base.Unclear)


def test_answer_without_end_is_cut(google: GoogleFake, drive: GoogleDrive) -> None:
    google.play(Rule(fault=Fault.ANSWER, status=200, body=" " * 2_000_000, content_type="application/json"))
    with pytest.raises(base.BadResponse):
        drive.generate_ids(1)


def test_upload_goes_on_at_google_only() -> None:
    asked = []

    def answer(request: Any) -> Answer:
        asked.append(request.path)
        return Answer(headers={"Location": f"{elsewhere.url}/upload?upload_id=1"})

    with LoopbackServer(lambda request: Answer(body=b"{}")) as elsewhere, LoopbackServer(answer) as google:
        drive = GoogleDrive(
            DriveAccess(token="secret", api_root=f"{google.url}/", deadline=timedelta(seconds=2))
        )
        with pytest.raises(base.Invalid, match="another host"):
            put(drive, "1x", content=b"x" * (MAX_MULTIPART_BYTES + 1))
    assert asked == ["/upload/drive/v3/files"]


def test_300_lost_answers_make_300_files(google: GoogleFake, drive: GoogleDrive) -> None:
    """Each upload is accepted and never answered; repeated with the same id, it makes no second file."""
    quick = drive_of(google, seconds=0.3)
    (folder, *cards) = drive.generate_ids(301)
    drive.create_folder(folder, "Spring party", "")
    lost = Rule(fault=Fault.ACCEPT_THEN_HANG, match={"call": "drive.files.create"}, seconds=10, times=300)
    google.play(lost)

    def once(card: str) -> str:
        try:
            quick.upload(card, folder, f"{card}.jpg", CARD, "image/jpeg", "run-7")
        except base.Unclear:
            return "unclear"
        except base.Transient:
            return once(card)  # a busy machine: it did not leave in time
        return "done"

    with ThreadPoolExecutor(12) as threads:
        first = Counter(threads.map(once, cards))
    google.release()
    for card in cards:
        drive.upload(card, folder, f"{card}.jpg", CARD, "image/jpeg", "run-7")

    assert first == {"unclear": 300}
    names = Counter(entry["id"] for entry in google.effects("file"))
    assert (len(names), set(names.values())) == (301, {1})
    assert google.doubled_names() == []
