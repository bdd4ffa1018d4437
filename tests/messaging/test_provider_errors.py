"""Meta's codes against the policy: what each one makes the sender do."""

import csv
from datetime import timedelta
from pathlib import Path

import pytest

from chatboost.messaging.providers import errors, whatsapp_errors
from chatboost.messaging.providers.errors import Scope

POLICY = {
    errors.AuthFailed: [0, 3, 10, 190, 200, 250, 299, 131005],
    errors.ChannelMisconfigured: [33, 2500, 131037, 131042, 131044, 131045, 131063, 133010],
    errors.AccountStopped: [368, 131031, 131064, 130497],
    errors.RateLimited: [4, 80007, 130429, 131048, 131056, 133016],
    errors.Transient: [1, 2, 131000, 131016, 131053, 131057, 135000],
    errors.RecipientUnreachable: [131021, 131026, 131030, 137000],
    errors.WindowClosed: [131047],
    errors.CappedByVendor: [131049, 130472],
    errors.RecipientOptedOut: [131050],
    errors.InvalidRequest: [100, 131008, 131009, 131051, 132000, 132001, 132005, 132007, 132008, 132012],
    errors.TemplatePaused: [132015, 132016, 132068, 132069],
    errors.UnknownCode: [5, 199, 300, 999999, -1],
}

ERROR_CODES = (
    Path(__file__).resolve().parents[2].parent / "shared" / "contracts" / "whatsapp-cloud" / "error-codes.csv"
)
GROUPS_OF_A_SEND = {"AuthorizationError", "ThrottlingError", "IntegrityError", "SendMessageError"}


@pytest.mark.parametrize(
    ("code", "error_class"), [(code, error) for error, codes in POLICY.items() for code in codes]
)
def test_classify_a_code_gives_its_class(code: int, error_class: type[errors.ProviderError]) -> None:
    assert type(whatsapp_errors.classify(code)) is error_class


@pytest.mark.skipif(not ERROR_CODES.is_file(), reason="the vendor's list isn't beside this checkout")
def test_table_knows_every_published_code_of_a_send() -> None:
    with ERROR_CODES.open(encoding="utf-8", newline="") as file:
        published = [row["code"] for row in csv.DictReader(file) if row["group"] in GROUPS_OF_A_SEND]

    first_codes = [int(code.split("-")[0]) for code in published]
    assert [code for code in first_codes if not whatsapp_errors.is_known(code)] == []


@pytest.mark.parametrize("code", [190, 131005, 131045, 133010, 368, 131031])
def test_disables_channel_when_nothing_could_be_sent(code: int) -> None:
    assert whatsapp_errors.classify(code).disables_channel


@pytest.mark.parametrize("code", [130497, 131042, 131063, 131026, 131047, 130429, 132015, 131000, 999999])
def test_disables_channel_not_for_what_concerns_one_message_or_person(code: int) -> None:
    assert not whatsapp_errors.classify(code).disables_channel


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        (4, Scope.ACCOUNT),
        (80007, Scope.ACCOUNT),
        (130429, Scope.CHANNEL),
        (131056, Scope.RECIPIENT),
        (131047, Scope.RECIPIENT),
        (131009, Scope.MESSAGE),
    ],
)
def test_classify_says_how_far_a_code_reaches(code: int, scope: Scope) -> None:
    assert whatsapp_errors.classify(code).scope is scope


@pytest.mark.parametrize("code", [131049, 130472])
def test_capped_waits_a_day(code: int) -> None:
    assert whatsapp_errors.classify(code).retry_after == timedelta(days=1)


def test_classify_the_longer_wait_counts() -> None:
    assert whatsapp_errors.classify(131056, retry_after=timedelta(seconds=1)).retry_after == timedelta(
        seconds=6
    )
    assert whatsapp_errors.classify(131056, retry_after=timedelta(hours=1)).retry_after == timedelta(hours=1)


def test_classify_an_unseen_phone_number_id_is_a_setup_problem() -> None:
    assert isinstance(whatsapp_errors.classify(100, subcode=33), errors.ChannelMisconfigured)


@pytest.mark.parametrize("code", [190, 131047, 131026, 131009, 132015, 368])
def test_allows_retry_never_for_final_errors(code: int) -> None:
    assert not whatsapp_errors.classify(code).allows_retry(retries_made=0)


@pytest.mark.parametrize("code", [131000, 130429, 131049])
def test_allows_retry_as_often_as_the_caller_likes_for_passing_errors(code: int) -> None:
    assert whatsapp_errors.classify(code).allows_retry(retries_made=1000, is_marketing=True)


@pytest.mark.parametrize(
    ("retries_made", "is_marketing", "is_allowed"),
    [(0, False, True), (1, False, False), (0, True, False)],
)
def test_allows_retry_once_for_an_unknown_code_but_not_for_marketing(
    retries_made: int, is_marketing: bool, is_allowed: bool
) -> None:
    error = whatsapp_errors.classify(999999)

    assert error.allows_retry(retries_made=retries_made, is_marketing=is_marketing) is is_allowed


def test_kinds_differ_so_that_a_stored_word_names_one_class() -> None:
    words = [error_class.kind for error_class in (*POLICY, errors.BadResponse)]

    assert len(set(words)) == len(words)
