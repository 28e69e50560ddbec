"""The page for receivers holds: what it shows for Python and Node takes what is signed here."""

import json
import re
import shutil
import subprocess
from time import time
from typing import Any
from uuid import uuid4

import pytest

from services.mailing.domain.link_keys import LinkKeys
from services.mailing.domain.webhooks import secret_of, sign
from tests.contract.messages import ROOT
from tests.integration.mailing.rig import LINK_KEY

PAGE = (ROOT / "docs/how-to/feeds-for-campaign-tools.md").read_text(encoding="utf-8")
BODY = '{"type":"members.moved","data":"sähkö"}'.encode()


def shown(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def secret() -> str:
    keys = LinkKeys.read(LINK_KEY)
    made = secret_of(uuid4(), keys.first, keys)
    assert made is not None
    return made


def in_python(one: str, headers: dict[str, str], body: bytes) -> bool:
    names: dict[str, Any] = {}
    exec(shown("python"), names)
    return bool(names["is_ours"](one, headers, body))


def in_node(one: str, headers: dict[str, str], body: bytes) -> bool:
    asked = f"{json.dumps(one)}, {json.dumps(headers)}, Buffer.from('{body.hex()}', 'hex')"
    script = f"{shown('javascript')}\nconsole.log(isOurs({asked}))"
    done = subprocess.run(["node", "-e", script], check=True, capture_output=True, text=True)
    return done.stdout.strip() == "true"


@pytest.mark.parametrize(
    "is_ours",
    [
        in_python,
        pytest.param(
            in_node,
            marks=pytest.mark.skipif(shutil.which("node") is None, reason="Node is not here"),
        ),
    ],
)
def test_what_the_page_shows_takes_what_is_signed_and_nothing_else(is_ours: Any) -> None:
    ours, other = secret(), secret()

    def signed(*secrets: str, at: int = 0) -> dict[str, str]:
        message_id, timestamp = str(uuid4()), str(int(time()) + at)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(
                sign(one, message_id, timestamp, BODY) for one in secrets
            ),
        }

    assert is_ours(ours, signed(ours), BODY)
    assert is_ours(ours, signed(other, ours), BODY)
    assert not is_ours(ours, signed(other), BODY)
    assert not is_ours(ours, signed(ours), BODY + b" ")
    assert not is_ours(ours, signed(ours, at=-301), BODY)
    assert not is_ours(ours, signed(ours) | {"webhook-id": str(uuid4())}, BODY)
