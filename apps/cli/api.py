"""Calls the API for the commands; what goes wrong ends a command with what to do about it."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from rich.console import Console

DEFAULT_URL = "http://127.0.0.1:8080"
SECRET = Path("/run/secrets/suhde_api_key")
SECONDS = 60.0
NO_KEY = (
    "no key. Set SUHDE_KEY or --key: `make up` prints the key, `docker compose` keeps it in "
    ".secrets/<service>_api_key."
)

_errors = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)


def _own_key() -> str:
    # Inside a container of a service, its key lies where the service reads it.
    return SECRET.read_text().strip() if SECRET.is_file() else ""


Url = Annotated[
    str,
    typer.Option(
        envvar="SUHDE_URL", help="address of the API", callback=lambda url: url.rstrip("/")
    ),
]
Key = Annotated[
    str, typer.Option(envvar="SUHDE_KEY", help="key of the API", default_factory=_own_key)
]


def fail(text: str, code: int = 1) -> NoReturn:
    """End the command with this text."""
    _errors.print(f"suhde: {text}")
    raise typer.Exit(code)


def call(method: str, url: str, key: str, *, doing: str = "", **options: Any) -> Any:
    """
    Return the API's answer; end the command with the problem's text and remedy if it refuses.

    `doing` is put before the text of a failure.
    """
    before = f"{doing}: " if doing else ""
    if not key:
        fail(NO_KEY, 2)
    headers = {"Authorization": f"Bearer {key}"} | options.pop("headers", {})
    try:
        answer = httpx.request(method, url, headers=headers, timeout=SECONDS, **options)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        fail(
            f"{before}{url} does not answer ({str(error) or repr(error)}). Is Suhde running, and "
            "SUHDE_URL or --url its address?"
        )
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.is_success and body is not None:
        return body
    if answer.status_code == 401:
        fail(f"{before}{url} does not know this key. Is SUHDE_KEY or --key right?")
    if isinstance(body, dict) and "detail" in body:
        fail(f"{before}{body['detail']} {body.get('remedy') or ''}".rstrip())
    fail(
        f"{before}{url} answered {answer.status_code}, not as Suhde does. Is SUHDE_URL or --url "
        "right?"
    )
