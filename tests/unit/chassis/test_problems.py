import re

import pytest

from shared.chassis.errors import (
    FieldProblem,
    InvalidField,
    Kind,
    Refusal,
    StaleVersion,
    check_version,
)
from shared.chassis.http.problems import MEDIA_TYPE, STATUS, problem_body, problem_response


def all_refusals(base: type[Refusal] = Refusal) -> list[type[Refusal]]:
    return [base, *(found for sub in base.__subclasses__() for found in all_refusals(sub))]


def test_every_kind_has_a_status() -> None:
    assert set(STATUS) == set(Kind)


def test_every_refusal_has_a_slug_and_a_remedy() -> None:
    for refusal in all_refusals():
        assert re.fullmatch("[a-z][a-z_]+", refusal.slug), refusal
        assert refusal.remedy.endswith("."), refusal


def test_a_problem_names_the_field_the_reason_and_the_remedy() -> None:
    body = problem_body(InvalidField("email", "has no @", "Send name@domain."))
    assert body["type"] == "urn:suhde:problem:invalid_field"
    assert body["status"] == 422
    assert body["errors"] == [
        {"field": "email", "reason": "has no @", "remedy": "Send name@domain."}
    ]


def test_facts_go_along() -> None:
    body = problem_body(StaleVersion("It is at 3.", facts={"version": 3}))
    assert (body["status"], body["version"]) == (412, 3)


def test_a_record_is_changed_only_at_the_version_that_was_seen() -> None:
    check_version("group", 3, 3)
    check_version("group", 3, None)
    for other in (2, 4):
        with pytest.raises(StaleVersion, match=f"The group is at version 3, not {other}"):
            check_version("group", 3, other)


@pytest.mark.parametrize(
    ("kind", "header"),
    [(Kind.UNAVAILABLE, "Retry-After"), (Kind.UNAUTHENTICATED, "WWW-Authenticate")],
)
def test_headers_that_belong_to_a_status(kind: Kind, header: str) -> None:
    class Of(Refusal):
        pass

    Of.kind = kind
    response = problem_response(Of("no", fields=[FieldProblem("a", "b", "c")]))
    assert response.media_type == MEDIA_TYPE
    assert header in response.headers
