"""Plain e-mail addresses are read in one look, with the same answer as all others."""

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from services.customers.domain.contact_data import normal_email

PARTS = st.text("abcZ019._+-@", max_size=12)
TOPS = st.sampled_from(
    ["fi", "com", "test", "invalid", "local", "arpa", "onion", "c", "1a", "example"]
)


def slow(value: str) -> str | None:
    try:
        return validate_email(value.strip(), check_deliverability=False).normalized.casefold()
    except EmailNotValidError:
        return None


@given(local=PARTS, domain=PARTS, top=TOPS)
@example(local="a", domain="b.c", top="fi")
@example(local="a", domain="x" * 70, top="fi")
@example(local="a" * 70, domain="b", top="fi")
def test_a_plain_address_is_what_the_full_check_says(local: str, domain: str, top: str) -> None:
    value = f"{local}@{domain}.{top}"
    assert normal_email(value) == slow(value)


@given(
    local=st.text("abcZ019", min_size=1, max_size=9),
    domain=st.text("abc0", min_size=1, max_size=9),
    top=TOPS,
)
def test_plain_addresses(local: str, domain: str, top: str) -> None:
    value = f"{local}@{domain}.{top}"
    assert normal_email(value) == slow(value)
