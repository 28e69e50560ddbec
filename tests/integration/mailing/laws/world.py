"""What is told in a made-up world, and what was told last of each thing, as it was heard."""

import random
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from shared.contracts import activities, customers, pipeline
from shared.contracts.erp import PostalAddress
from shared.contracts.types import Contract
from tests.integration.mailing.rig import value_saved

ZONE = ZoneInfo("Europe/Helsinki")
SIZES = {
    "customer_status": 4, "status_group": 2, "customer_group": 6, "category": 3,
    "contact_attribute": 4, "contact_group": 2, "contact_attribute_choice": 3,
}  # fmt: skip
INSIDE = {"contact_attribute": "contact_group", "contact_attribute_choice": "contact_attribute"}
NAMES = ["Äiti Oy", "ÄLYTALO Ab", "Sauna", "sauna ja kylpy", ""]
CITIES = ["Åbo", "åbo", "Helsinki", None, ""]
WORDS: list[Any] = ["Kulta", "kulta-asiakas", 1, 2.5, 7, "2026-02-01", "2026-06-15", "2026-02-30x"]
SELLERS = ["anna.k", "bo.l"]
AMOUNTS = ["-50", "0", "99.99", "100", "250.5", "1000"]


@dataclass
class World:
    """Makes things happen, each told by one event of the next version."""

    chance: random.Random
    now: datetime = datetime(2026, 3, 1, 9, tzinfo=UTC)
    customers: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(8)])
    contacts: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(12)])
    deeds: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(24)])
    merged: dict[UUID, UUID] = field(default_factory=dict)
    buried: set[UUID] = field(default_factory=set)
    version: int = 0
    consent_seq: int = 0

    def values(self) -> list[Contract]:
        """Return all values of all lists, as they are in the beginning."""
        return [
            self._value(name, number, removable=False)
            for name, size in SIZES.items()
            for number in range(1, size + 1)
        ]

    def happens(self) -> Contract:
        """Let one thing be saved, deleted, merged, restored, moved or erased."""
        self.version += 1
        kinds = {
            self._customer: 5, self._contact: 6, self._moved: 2, self._document: 4,
            self._activity: 4, self._opportunity: 4, self._merge: 1, self._contacts_merge: 0.3,
            self._erasure: 0.15, self._ban: 0.5,
        }  # fmt: skip
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        return kind()

    def day(self) -> date:
        today = self.now.astimezone(ZONE).date()
        return today + timedelta(days=self.chance.randint(-45, 45))

    def numbers(self, name: str, most: int) -> list[int]:
        return self.chance.sample(range(1, SIZES[name] + 1), self.chance.randint(0, most))

    def some(self, *options: Any) -> Any:
        return self.chance.choice(options)

    def _attribute_values(self) -> dict[str, Any]:
        return {
            str(number): self.chance.choice(WORDS)
            for number in (1, 2)
            if self.chance.random() < 0.6
        }

    def _address(self) -> PostalAddress | None:
        if self.chance.random() < 0.3:
            return None
        city = self.chance.choice(CITIES)
        return PostalAddress(
            street=self.some("Katu 1", None), postal_code=self.some("00100", "20100"), city=city,
            country=self.some("FI", "SE", None),
        )  # fmt: skip

    def _customer(self) -> Contract:
        one = self.chance.choice(self.customers)
        if self.chance.random() < 0.1:
            return customers.CustomerDeleted(customer_id=one, version=self.version)
        began = self.some(None, self.day())
        return customers.CustomerSaved(
            customer_id=one, version=self.version, number=self.some("10", "11"),
            name=self.chance.choice(NAMES), headcount=self.some(None, 1, 10, 250),
            ended_on=self.some(None, self.day()), address=self._address(),
            email=self.some(None, "Info@Example.fi"), phone=self.some(None, "+358401234567"),
            relationship=began
            and customers.Relationship(started_on=began, source="manual"),
            attribute_values=self._attribute_values(),
            classifications={
                "customer_status": self.numbers("customer_status", 1),
                "customer_group": self.numbers("customer_group", 2),
                "category": self.numbers("category", 2),
            },
        )  # fmt: skip

    def _contact(self) -> Contract:
        one = self.chance.choice(self.contacts)
        if one in self.buried or self.chance.random() < 0.1:
            return customers.ContactDeleted(
                contact_id=one, version=self.version, merged_into=self.merged.get(one)
            )
        at = self.chance.sample(self.customers, self.chance.randint(0, 3))
        return customers.ContactSaved(
            contact_id=one, version=self.version, language=self.some(None, "fi", "sv"),
            person=customers.PersonalData(
                first_name=self.chance.choice(["Aino", "Åke", ""]), last_name="Virtanen",
                email=self.some(None, f"{one.hex[:6]}@example.fi"),
                mobile=self.some(None, f"+35840{one.int % 10**7:07}"), address=self._address(),
            ),
            customers=[
                customers.Role(customer_id=where, role=self.some(None, "CEO", "Buyer"))
                for where in at
            ],
            attributes=self.numbers("contact_attribute", 2),
            attribute_values=self._attribute_values(),
            classifications={
                "category": self.numbers("category", 2),
                "contact_attribute_choice": self.numbers("contact_attribute_choice", 1),
            },
        )  # fmt: skip

    def _value(self, name: str, number: int, *, removable: bool = True) -> Contract:
        self.version += 1
        told: dict[str, Any] = {"removed": removable and self.chance.random() < 0.15}
        above = INSIDE.get(name) or (name if name in ("customer_group", "category") else None)
        if above:
            told["parent"] = self.chance.choice([None, *range(1, SIZES[above] + 1)])
        if name == "status_group":
            told["members"] = self.numbers("customer_status", 3)
        if name == "customer_status":
            told["flags"] = {
                "ended": self.chance.random() < 0.5, "selectable": self.chance.random() < 0.5
            }  # fmt: skip
        return value_saved(name, number, self.version, **told)

    def _moved(self) -> Contract:
        name = self.chance.choice(list(SIZES))
        return self._value(name, self.chance.randint(1, SIZES[name]))

    def _document(self) -> Contract:
        return customers.DocumentRecorded(
            customer_id=self.chance.choice(self.customers), document_source="erp",
            kind=self.some("invoice", "credit_note", "sales_order"),
            document_id=str(self.chance.randint(1, 12)), document_version=self.version,
            voided=self.chance.random() < 0.15, document_date=self.day(), recorded_at=self.now,
            currency=self.some("EUR", "EUR", "SEK"), net_amount=self.chance.choice(AMOUNTS),
        )  # fmt: skip

    def _activity(self) -> Contract:
        one = self.chance.choice(self.deeds[:12])
        if self.chance.random() < 0.15:
            return activities.ActivityDeleted(activity_id=one, version=self.version)
        at = datetime.combine(self.day(), datetime.min.time(), UTC)
        return activities.ActivitySaved(
            activity_id=one, version=self.version, customer_id=self.chance.choice(self.customers),
            contacts=self.chance.sample(self.contacts, self.chance.randint(0, 2)),
            category=self.some(1, 2), kind=self.some(1, 2), type=self.some(1, 2),
            attributes=self.chance.sample([1, 2, 3], self.chance.randint(0, 2)),
            seller=self.some(None, *SELLERS), state=self.some("done", "open"),
            starts_at=at + timedelta(hours=self.some(1, 12, 23)), subject="Call",
        )  # fmt: skip

    def _opportunity(self) -> Contract:
        one = self.chance.choice(self.deeds[12:])
        if self.chance.random() < 0.15:
            return pipeline.OpportunityDeleted(opportunity_id=one, version=self.version)
        outcome = self.some("open", "won", "lost", "expired")
        return pipeline.OpportunitySaved(
            opportunity_id=one, version=self.version,
            customer_id=self.chance.choice(self.customers), name="Sauna",
            contacts=self.chance.sample(self.contacts, self.chance.randint(0, 2)),
            value=self.chance.choice(AMOUNTS[1:]), currency=self.some("EUR", "SEK"),
            expected_close=self.day(), closed_on=None if outcome == "open" else self.day(),
            pipeline=self.some(1, 2), stage=self.some(1, 2, 3), outcome=outcome,
            closed=outcome != "open", probability=50, probability_source="stage",
            type=self.some(None, 1, 2),
        )  # fmt: skip

    def _merge(self) -> Contract:
        # Into a later one only, so that no order of hearing makes a ring.
        place = self.chance.randrange(len(self.customers) - 1)
        one, heir = self.customers[place], self.chance.choice(self.customers[place + 1 :])
        return customers.CustomerDeleted(customer_id=one, version=self.version, merged_into=heir)

    def _contacts_merge(self) -> Contract:
        place = self.chance.randrange(len(self.contacts) - 1)
        one = self.contacts[place]
        self.merged.setdefault(one, self.chance.choice(self.contacts[place + 1 :]))
        return self._bury(one)

    def _bury(self, one: UUID) -> Contract:
        # Who is merged is not brought back, and somebody new comes in his place.
        self.buried.add(one)
        self.contacts.append(uuid4())
        return customers.ContactDeleted(
            contact_id=one, version=self.version, merged_into=self.merged[one]
        )

    def _erasure(self) -> Contract:
        one = self.chance.choice(self.contacts)
        return customers.PersonErased(contact_id=one, version=self.version)

    def _ban(self) -> Contract:
        self.consent_seq += 1
        return customers.BansChanged(
            consent_seq=self.consent_seq, customer_id=self.chance.choice(self.customers),
            bans=customers.Bans(email=self.some(True, False), sms=self.some(True, False)),
        )  # fmt: skip
