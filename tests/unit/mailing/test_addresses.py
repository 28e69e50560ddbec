"""A ban and a contact meet under one key, however their address was written."""

import pytest

from services.customers.domain.contact_data import PostalAddress, normal_email, normal_phone
from services.mailing.domain.addresses import MAX_KEY, address_key, require_key
from services.mailing.domain.channels import Channel
from shared.chassis.errors import InvalidField


@pytest.mark.requirement("LS-A6")
@pytest.mark.parametrize(
    "written",
    [
        " Aino@Example.FI ",
        "aino@xn--exmple-cua.fi",
        "aino@EXÄMPLE.fi",
        "jo\u0308rg@example.fi",
        "aino@ex\uff21mple.fi",
        "straße@example.fi",
    ],
)
def test_a_banned_e_mail_has_the_key_of_the_contact_who_has_it(written: str) -> None:
    contact = normal_email(written)
    assert contact is not None
    assert require_key(Channel.EMAIL, written) == address_key(Channel.EMAIL, contact)


@pytest.mark.requirement("LS-A6")
@pytest.mark.parametrize("written", ["+358401234567", "+358 40 123-4567", "+358 (0)40 1234567"])
def test_a_banned_number_has_the_key_of_the_contact_who_has_it(written: str) -> None:
    assert require_key(Channel.SMS, written) == normal_phone(written, region="FI")


@pytest.mark.requirement("LS-A6")
@pytest.mark.parametrize(
    "parts",
    [
        ("Katu  1", "00100", "Helsinki", "FI"),
        ("Katu 1|A 2", "00100", "Helsinki", "FI"),
        ("Ja\u0308merantie 1", "00100", "JÄRVENPÄÄ", "FI"),
    ],
)
def test_a_banned_postal_address_has_the_key_of_the_contact_who_has_it(
    parts: tuple[str, str, str, str],
) -> None:
    key = address_key(Channel.POST, *parts)
    assert key is not None
    assert require_key(Channel.POST, "|".join(parts)) == key
    assert address_key(Channel.POST, PostalAddress(*parts).key()) == key
    assert address_key(Channel.POST, key) == key


@pytest.mark.parametrize(
    ("channel", "address"),
    [
        (Channel.EMAIL, "Aino <aino@example.fi>"),
        (Channel.EMAIL, "aino@example.fi."),
        (Channel.EMAIL, "ﬃ" * 300 + "@example.fi"),
        (Channel.SMS, "040 123 4567"),
        (Channel.SMS, "+3581"),
        (Channel.POST, "Katu 1|00100|Helsinki"),
        (Channel.POST, "ﬃ" * 390 + "|1|Helsinki|FI"),
    ],
)
def test_what_no_contact_could_have_cannot_be_banned(channel: Channel, address: str) -> None:
    with pytest.raises(InvalidField):
        require_key(channel, address)


def test_what_is_too_long_to_compare_is_no_address() -> None:
    assert address_key(Channel.EMAIL, "a" * MAX_KEY) is not None
    assert address_key(Channel.EMAIL, "a" * (MAX_KEY + 1)) is None
    assert address_key(Channel.POST, "a" * MAX_KEY, "1", "Helsinki", "FI") is None
