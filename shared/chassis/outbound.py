"""Post to addresses that others have named, and reach nothing by it that is not theirs to reach.

A name is resolved once, all that it stands for must be public, and the connection goes to that very
address: whatever the name means a moment later makes no difference. Hosts of the house's own are
reached if they are listed, by their names.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpx

from shared.chassis.errors import Refusal

POST_SECONDS = 15.0
CONNECT_SECONDS = 3.0
MOST_ADDRESSES = 4
LONGEST_URL = 2_000

# What is unicast and global; of it, what stands for an IPv4 address behind a gateway, or for none.
_GLOBAL = IPv6Network("2000::/3")
_NOT_GLOBAL = [IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?\.?")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class TargetRefused(Refusal):
    """Nothing is posted to this address."""

    slug = "target_refused"
    remedy = (
        "Send an https address of a public host, on a port that the operator allows, without user, "
        "password and fragment. Hosts of the house are listed in SUHDE_WEBHOOK_PRIVATE_HOSTS."
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be posted to: these ports of public hosts, and whatever the private hosts have."""

    ports: frozenset[int]
    private_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of it: the status of the answer, or why there was none."""

    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    netloc: str
    path: str
    is_private: bool


class _AddressRefused(Exception):
    pass


def check_target(url: str, reach: Reach) -> None:
    """Refuse an address that nothing is ever posted to, whatever its name stands for."""
    _read(url, reach)


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open internet, and of one host there."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        return found in _GLOBAL and not any(found in one for one in _NOT_GLOBAL)
    return found.is_global and not found.is_multicast


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses that a name stands for now."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Poster:
    """Posts to addresses within a reach; follows no redirect, reads no body of an answer."""

    def __init__(
        self, reach: Reach, *, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self.reach = reach
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context(trust_env=False)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Post once, within a deadline for all of it; whatever goes wrong is in what it returns."""
        try:
            async with asyncio.timeout(POST_SECONDS):
                target = _read(url, self.reach)
                addresses = await self._addresses(target)
                return Posted(status=await self._send(target, addresses, headers, body))
        except TargetRefused:
            return Posted(error="target_refused")
        except _AddressRefused:
            return Posted(error="address_refused")
        except (socket.gaierror, UnicodeError):
            return Posted(error="name_not_found")
        except (TimeoutError, httpx.TimeoutException):
            return Posted(error="timed_out")
        except (httpx.ConnectError, OSError):
            return Posted(error="not_connected")
        except httpx.HTTPError:
            return Posted(error="not_answered")

    async def _addresses(self, target: _Target) -> Sequence[str]:
        found = await self._resolve(target.host, target.port)
        # One that is not public is enough: a name that stands for both is no honest one.
        if not target.is_private and not all(is_public(one) for one in found):
            raise _AddressRefused
        return found[:MOST_ADDRESSES]

    async def _send(
        self, target: _Target, addresses: Sequence[str], headers: Mapping[str, str], body: bytes
    ) -> int:
        # A pool would take a connection that was verified for another name of the same address.
        async with httpx.AsyncClient(
            verify=self._tls,
            # No proxy of the environment: it would resolve the name by itself.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(POST_SECONDS, connect=CONNECT_SECONDS),
        ) as client:
            for place, address in enumerate(addresses, 1):
                request = client.build_request(
                    "POST",
                    httpx.URL(
                        scheme=target.scheme,
                        host=address,
                        port=target.port,
                        raw_path=target.path.encode(),
                    ),
                    headers={**headers, "Host": target.netloc},
                    content=body,
                    extensions={"sni_hostname": target.host},
                )
                try:
                    answer = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    if place == len(addresses):
                        raise
                    continue
                await answer.aclose()
                return answer.status_code
        raise _AddressRefused


def _read(url: str, reach: Reach) -> _Target:
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise TargetRefused(f"It is longer than {LONGEST_URL}, or not of printable ASCII.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise TargetRefused("It cannot be read.") from None
    if "@" in parts.netloc or parts.fragment or not host:
        raise TargetRefused("It names a user or a fragment, or no host.")
    literal = _is_literal(host)
    if not literal and ("[" in parts.netloc or not _NAME.fullmatch(host)):
        raise TargetRefused("Its host is neither a name nor an IP address.")
    is_private = host in reach.private_hosts
    if parts.scheme not in (_DEFAULT_PORTS if is_private else ("https",)):
        raise TargetRefused("It is not https.")
    # Not `or`: port 0 is one that was named.
    chosen = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if not is_private and chosen not in reach.ports:
        raise TargetRefused(f"Its port {chosen} is not allowed.")
    if literal and not is_private and not is_public(host):
        raise TargetRefused("Its host is not public.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme, host, chosen, parts.netloc.lower(), path, is_private)


def _is_literal(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False
