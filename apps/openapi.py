"""Writes the description of each service's HTTP API, and of all of them in one process."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

import services.activities.bootstrap as activities
import services.activities.settings as activities_settings
import services.customers.bootstrap as customers
import services.customers.settings as customers_settings
import services.mailing.bootstrap as mailing
import services.mailing.settings as mailing_settings
import services.pipeline.bootstrap as pipeline
import services.pipeline.settings as pipeline_settings
from shared.chassis.bus.in_process import InProcessBus
from shared.chassis.http.app import create_app
from shared.chassis.service import Service

OPENAPI = Path("docs/openapi")
# Nothing is connected to: only the routes are asked.
NOWHERE = SecretStr("postgresql+asyncpg://nowhere/nothing")
NOBODY = SecretStr("described-and-never-served")
NOTHING = SecretStr("signs-nothing-and-is-long-enough-for-it")


def generate(root: Path) -> dict[Path, str]:
    """Return the OpenAPI documents under `root` with their texts."""
    bus = InProcessBus()
    one = customers.build(
        customers_settings.Settings(database_url=NOWHERE, broker_url=NOWHERE, api_key=NOBODY), bus
    )
    other = mailing.build(
        mailing_settings.Settings(
            database_url=NOWHERE, broker_url=NOWHERE, api_key=NOBODY, link_key=NOTHING
        ),
        bus,
    )
    third = activities.build(
        activities_settings.Settings(database_url=NOWHERE, broker_url=NOWHERE, api_key=NOBODY), bus
    )
    fourth = pipeline.build(
        pipeline_settings.Settings(database_url=NOWHERE, broker_url=NOWHERE, api_key=NOBODY), bus
    )
    described = {
        "customers": [one],
        "activities": [third],
        "pipeline": [fourth],
        "mailing": [other],
        "suhde": [one, third, fourth, other],
    }
    return {
        root / OPENAPI / f"{name}.json": _document(name, services)
        for name, services in described.items()
    }


def write(root: Path) -> None:
    """Write the OpenAPI documents."""
    for path, text in generate(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def _document(name: str, services: Sequence[Service]) -> str:
    title = "Suhde" if name == "suhde" else f"Suhde {name}"
    app = create_app(services, api_key=NOBODY, title=title, version="0.1.0")
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
