"""The settings of links: what is wrong is named in one line, and no key is told."""

import pytest

from services.mailing.settings import Settings
from shared.chassis.settings import BadSettings

KEY = "a-key-for-links-of-tests-that-is-long-enough"
OTHERS = {
    "SUHDE_DATABASE_URL": "postgresql+asyncpg://nowhere/nothing",
    "SUHDE_BROKER_URL": "amqp://nowhere",
    "SUHDE_API_KEY": "a-key-for-tests-of-enough-length",
}


def read(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    for name in ("SUHDE_LINK_KEY", "SUHDE_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**OTHERS, **given}.items():
        monkeypatch.setenv(name, value)
    return Settings.read()


def test_a_link_key_must_be_there_and_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadSettings, match=r"^SUHDE_LINK_KEY: Field required$"):
        read(monkeypatch)
    for wrong in ("", "too-short", f"{KEY},too-short"):
        with pytest.raises(BadSettings, match=r"^SUHDE_LINK_KEY: .*32 characters") as refused:
            read(monkeypatch, SUHDE_LINK_KEY=wrong)
        assert "too-short" not in str(refused.value) and KEY not in str(refused.value)
    settings = read(monkeypatch, SUHDE_LINK_KEY=f"{KEY},{KEY[::-1]}")
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    "url", ["https://mail.example.fi", "https://example.fi:8443/crm/", "http://127.0.0.1:8080"]
)
def test_recipients_are_led_to_a_safe_address(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert read(monkeypatch, SUHDE_LINK_KEY=KEY, SUHDE_PUBLIC_URL=url).public_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://mail.example.fi", "mail.example.fi", "javascript:alert(1)"),
        *("https://a.example>\r\nBcc: x", "https://a.example/?x=1", "https://a b.example"),
    ],
)
def test_other_addresses_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(BadSettings, match=r"^SUHDE_PUBLIC_URL: "):
        read(monkeypatch, SUHDE_LINK_KEY=KEY, SUHDE_PUBLIC_URL=url)


def test_an_address_that_is_not_set_gives_no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, SUHDE_LINK_KEY=KEY, SUHDE_PUBLIC_URL="").public_url is None
