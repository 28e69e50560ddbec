"""What the catalogue says a service hears is what it hears, over RabbitMQ and in-process alike."""

from zoneinfo import ZoneInfo

from services.activities.messaging import subscribers as activities
from services.customers.messaging import subscribers as customers
from services.mailing.messaging import subscribers as mailing
from services.pipeline.messaging import subscribers as pipeline
from shared.chassis.worker import Subscription
from shared.contracts.catalogue import CATALOGUE
from shared.contracts.wiring import bindings

# The in-process bus delivers by subscriptions, a broker by bindings.
HEARD: dict[str, dict[str, Subscription]] = {
    "customers": customers.subscriptions(zone=ZoneInfo("UTC"), region="FI", countries=()),
    "activities": activities.subscriptions(ZoneInfo("UTC"), clean=lambda: None),
    "pipeline": pipeline.subscriptions(),
    "mailing": mailing.subscriptions(ZoneInfo("UTC"), lambda channel, address: address),
}


def test_services_hear_what_the_catalogue_says() -> None:
    for event in CATALOGUE.values():
        for service, heard in HEARD.items():
            assert (service in event.heard_by) == (event.name in heard), event.name
            bound = (event.exchange, event.name) in bindings(service)
            assert bound == (event.name in heard), event.name
        for service in event.heard_by:
            assert HEARD[service][event.name].model is event.model
