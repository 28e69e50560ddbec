"""
Write deploy/rabbitmq/definitions.template.json from the catalogue and the topology code.

Run it after a change of either: `python -m deploy.render_definitions`; `--check` only compares.
The template holds no password: `deploy/make-secrets` fills in the hashes.
"""

import json
import sys
from pathlib import Path
from typing import Any

from shared.chassis.bus.topology import definitions
from shared.contracts.catalogue import ERP_EXCHANGE, EVENTS_EXCHANGE
from shared.contracts.wiring import bindings

VHOST = "suhde"
SERVICES = ("customers", "activities", "pipeline", "mailing")
TEMPLATE = Path(__file__).parent / "rabbitmq" / "definitions.template.json"


def _user(name: str, *tags: str) -> dict[str, Any]:
    return {
        "name": name,
        "password_hash": f"@{name}_hash@",
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": list(tags),
    }


def _permission(user: str, configure: str, write: str, read: str) -> dict[str, str]:
    return {"user": user, "vhost": VHOST, "configure": configure, "write": write, "read": read}


def _topic(user: str, exchange: str) -> dict[str, str]:
    # Nobody can publish in another's name.
    return {
        "user": user,
        "vhost": VHOST,
        "exchange": exchange,
        "write": rf"^{user}\.",
        "read": "^$",
    }


def template() -> dict[str, Any]:
    """Return the whole definitions, with a placeholder for each password hash."""
    return {
        "vhosts": [{"name": VHOST}],
        "users": [*(_user(name) for name in (*SERVICES, "erp")), _user("deploy", "monitoring")],
        "permissions": [
            *(
                _permission(service, "^$", r"^suhde\.events$", rf"^suhde\.{service}\.(inbox|dead)$")
                for service in SERVICES
            ),
            _permission("erp", "^$", r"^suhde\.erp$", "^$"),
            _permission("deploy", r"^suhde\.", r"^suhde\.", r"^suhde\."),
        ],
        "topic_permissions": [
            *(_topic(service, EVENTS_EXCHANGE) for service in SERVICES),
            _topic("erp", ERP_EXCHANGE),
        ],
        **definitions({service: bindings(service) for service in SERVICES}, vhost=VHOST),
    }


def main() -> int:
    """Write or compare; return the exit code."""
    text = json.dumps(template(), indent=2) + "\n"
    if "--check" in sys.argv[1:]:
        return 0 if TEMPLATE.exists() and TEMPLATE.read_text() == text else 1
    TEMPLATE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
