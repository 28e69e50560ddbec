"""Posting to addresses that others named: nothing of the house is reached by it."""

import ssl
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chassis import outbound
from shared.chassis.outbound import (
    Posted,
    Poster,
    Reach,
    TargetRefused,
    check_target,
    is_public,
)
from tests.integration.receivers import receiving

PUBLIC = Reach(frozenset({443, 8443}))
INTERNAL = (
    *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:93.184.216.34", "fc00::1"),
    *("fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "ff0e::1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1"),
)
REFUSED = (
    *(
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "https:///path",
        "https://",
        "https://:443/",
    ),
    *("http://hooks.example.com/", "ftp://hooks.example.com/", "file:///etc/passwd"),
    *("gopher://hooks.example.com/", "https://user@hooks.example.com/", "https://@x.example/"),
    *("https://u:p@hooks.example.com/", "https://hooks.example.com/#part"),
    *("https://hooks.example.com:80/", "https://hooks.example.com:22/"),
    *("https://hooks.example.com:0/", "https://hooks.example.com:65536/"),
    *("https://hooks.example.com:4 43/", "https://hooks.example.com:x/"),
    *("https://hooks.exam\tple.com/", "https://hooks.example.com/\r\nX: 1", " https://x.example/"),
    *("https://hooks.example.com\\@10.0.0.1/", "https://h%6foks.example.com/"),
    *("https://sähkö.example/", "https://-.example/", "https://[::1/", "https://[v1.x]/"),
    *("https://x.example/" + "a" * 2_000,),
)


@pytest.mark.parametrize("address", INTERNAL)
def test_what_is_not_of_the_open_internet_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:21f::1", "2a00::1"])
def test_what_is_of_the_open_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("url", REFUSED)
def test_addresses_that_are_never_posted_to(url: str) -> None:
    with pytest.raises(TargetRefused):
        check_target(url, PUBLIC)


@pytest.mark.parametrize("address", INTERNAL)
def test_literals_of_the_house_are_refused_at_once(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetRefused):
        check_target(f"https://{host}/", PUBLIC)


@given(st.text(max_size=60))
def test_whatever_is_named_is_taken_or_refused(text: str) -> None:
    for url in (text, f"https://{text}/", f"https://hooks.example.com{text}"):
        with suppress(TargetRefused):
            check_target(url, PUBLIC)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "localhost."]
)
async def test_other_spellings_of_this_machine_are_not_reached(host: str) -> None:
    async with receiving() as receiver:
        poster = Poster(Reach(frozenset({receiver.port})))
        posted = await poster.post(f"https://{host}:{receiver.port}/", {}, b"")
        assert posted.error in ("address_refused", "name_not_found")
        assert receiver.connections == 0


@pytest.mark.parametrize("also", [[], ["93.184.216.34"]])
async def test_a_name_that_comes_to_mean_this_machine_is_not_reached(also: list[str]) -> None:
    """The name was public when it was set up; now its owner says something else."""
    async with receiving() as receiver:
        asked = 0

        async def rebound(host: str, port: int) -> Sequence[str]:
            nonlocal asked
            asked += 1
            return [*also, "127.0.0.1"]

        poster = Poster(Reach(frozenset({receiver.port})), resolve=rebound)
        url = f"https://rebound.test:{receiver.port}/"
        check_target(url, poster.reach)
        assert await poster.post(url, {}, b"") == Posted(error="address_refused")
        assert (asked, receiver.connections) == (1, 0)


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    async with receiving() as receiver:

        async def once(host: str, port: int) -> Sequence[str]:
            # Nobody else knows the name: a second look would not find it.
            assert host == "hook.test"
            return ["127.0.0.1"]

        poster = Poster(Reach(frozenset(), frozenset({"hook.test"})), resolve=once)
        posted = await poster.post(f"http://hook.test:{receiver.port}/a?b=c", {"A": "b"}, b"{}")
        assert posted == Posted(status=204)
        (one,) = receiver.received
        assert (one.target, one.body) == ("/a?b=c", b"{}")
        assert (one.headers["host"], one.headers["a"]) == (f"hook.test:{receiver.port}", "b")


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path]:
    """A key and a certificate of hook.test, which signs itself."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", certificate, "-subj", "/CN=hook.test"),
            *("-addext", "subjectAltName=DNS:hook.test"),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate


async def test_a_certificate_is_asked_for_by_name(certified: tuple[Path, Path]) -> None:
    key, certificate = certified
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=certificate)

    async def here(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    reach = Reach(frozenset(), frozenset({"hook.test", "other.test"}))
    async with receiving(serving) as receiver:
        trusted = Poster(reach, resolve=here, tls=trusting)
        url = f"https://hook.test:{receiver.port}/"
        assert await trusted.post(url, {}, b"") == Posted(status=204)
        other = f"https://other.test:{receiver.port}/"
        assert await trusted.post(other, {}, b"") == Posted(error="not_connected")
        assert await Poster(reach, resolve=here).post(url, {}, b"") == Posted(error="not_connected")
        assert len(receiver.received) == 1


async def test_redirects_are_not_followed() -> None:
    async with receiving() as first, receiving() as second:
        first.answers.append(
            f"HTTP/1.1 307 Go\r\nLocation: {second.url}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        poster = Poster(Reach(frozenset(), frozenset({"127.0.0.1"})))
        assert await poster.post(first.url, {}, b"{}") == Posted(status=307)
        assert second.connections == 0


async def test_an_answer_is_waited_for_so_long_and_its_body_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poster = Poster(Reach(frozenset(), frozenset({"127.0.0.1"})))
    async with receiving() as receiver:
        # A body that never comes.
        receiver.answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        assert await poster.post(receiver.url, {}, b"") == Posted(status=200)
        receiver.answers.append(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 300_000)
        assert await poster.post(receiver.url, {}, b"") == Posted(error="not_answered")
        monkeypatch.setattr(outbound, "POST_SECONDS", 0.3)
        receiver.answers.append(None)
        assert await poster.post(receiver.url, {}, b"") == Posted(error="timed_out")
    assert await poster.post(receiver.url, {}, b"") == Posted(error="not_connected")
