"""Random rules over all that the language knows."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from tests.integration.mailing.laws.world import SELLERS, SIZES

_TEXTS = ["is_one_of", "starts_with", "contains", "is_set"]


class Rules:
    """Makes rules; periods lie around a day, and segments that are asked about are given."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def rule(self, around: date, segments: Sequence[UUID], depth: int = 1) -> dict[str, Any]:
        draw = self._chance.random()
        if depth < 4 and draw < 0.45:
            op = self._chance.choice(["all", "any", "not", "same_customer"])
            if op == "not":
                return {"op": op, "rule": self.rule(around, segments, depth + 1)}
            if op == "same_customer":
                return {"op": op, "rule": self._at_customer(around, depth + 1)}
            count = self._chance.randint(1, 3)
            return {
                "op": op,
                "rules": [self.rule(around, segments, depth + 1) for _ in range(count)],
            }
        if segments and draw < 0.6:
            return {"op": "in_segment", "segment_id": str(self._chance.choice(segments))}
        return self._condition(around, self._chance.choice(["customer", "contact"]))

    def _at_customer(self, around: date, depth: int) -> dict[str, Any]:
        if depth < 4 and self._chance.random() < 0.6:
            op = self._chance.choice(["all", "any", "not"])
            if op == "not":
                return {"op": op, "rule": self._at_customer(around, depth + 1)}
            return {"op": op, "rules": [self._at_customer(around, depth + 1) for _ in range(2)]}
        return self._condition(around, "customer")

    def _condition(self, around: date, of: str) -> dict[str, Any]:
        shared = [self._activities, self._opportunities]
        if of == "contact":
            makes = [self._contact_has, self._attribute, self._contact_field, self._value, *shared]
        else:
            makes = [
                self._customer_has, self._flagged, self._ended, self._started,
                self._customer_field, self._value, self._turnover, self._documents, *shared,
            ]  # fmt: skip
        return self._chance.choice(makes)(around, of)

    def _one(self, *options: Any) -> Any:
        return self._chance.choice(options)

    def _some(self, *options: Any) -> list[Any]:
        return self._chance.sample(options, self._chance.randint(1, len(options)))

    def _maybe(self, **conditions: Any) -> dict[str, Any]:
        return {name: one for name, one in conditions.items() if self._chance.random() < 0.3}

    def _period(self, around: date) -> dict[str, Any]:
        days = self._chance.choice([1, 2, 7, 30, 60])
        first = around + timedelta(days=self._chance.randint(-40, 20))
        bounds = {"from_day": first.isoformat(),
                  "before_day": (first + timedelta(days=30)).isoformat()}  # fmt: skip
        return dict(
            self._one(
                {}, {"last_days": days}, {"last_days": days}, {"next_days": days},
                {"older_than_days": days}, {"older_than_days": days}, bounds,
                {"from_day": bounds["from_day"]}, {"before_day": bounds["before_day"]},
            )
        )  # fmt: skip

    def _has(self, op: str, name: str) -> dict[str, Any]:
        return {"op": op, "list": name, "numbers": self._some(*range(1, SIZES[name] + 1))[:2]}

    def _customer_has(self, around: date, of: str) -> dict[str, Any]:
        names = ("customer_status", "status_group", "customer_group", "customer_group", "category")
        return self._has("customer_has", self._one(*names))

    def _contact_has(self, around: date, of: str) -> dict[str, Any]:
        names = ("category", "contact_attribute", "contact_group", "contact_attribute_choice")
        return self._has("contact_has", self._one(*names))

    def _attribute(self, around: date, of: str) -> dict[str, Any]:
        return {"op": "has_attribute", "number": self._one(1, 2, 3)}

    def _flagged(self, around: date, of: str) -> dict[str, Any]:
        flag = self._one("ended", "selectable")
        return {"op": "customer_flagged", "list": "customer_status", "flag": flag}

    def _ended(self, around: date, of: str) -> dict[str, Any]:
        return {"op": "customer_ended", **self._period(around)}

    def _started(self, around: date, of: str) -> dict[str, Any]:
        return {"op": "relationship_start", **self._period(around)}

    def _customer_field(self, around: date, of: str) -> dict[str, Any]:
        name = self._one("name", "city", "headcount", "email", "country", "postal_code", "number")
        if name == "headcount":
            ways: list[dict[str, Any]] = [
                {"is_one_of": [10]}, {"at_least": 10}, {"below": 10},
                {"at_least": 1, "below": 11}, {"is_set": True},
            ]  # fmt: skip
            return {"op": "customer_field", "field": name, **self._one(*ways)}
        words = {"name": ("äiti oy", "sauna"), "city": ("åbo", "hel"), "email": ("info@", "INFO"),
                 "country": ("FI", "f"), "postal_code": ("00100", "2"),
                 "number": ("10", "1")}[name]  # fmt: skip
        return {"op": "customer_field", "field": name, **self._text(words)}

    def _contact_field(self, around: date, of: str) -> dict[str, Any]:
        words = {
            "first_name": ("aino", "å"),
            "language": ("fi", "s"),
            "role": ("ceo", "buy"),
            "city": ("ÅBO", "hel"),
            "email": ("@example", "a"),
            "mobile": ("+358", "7"),
        }
        name = self._one(*words)
        return {"op": "contact_field", "field": name, **self._text(words[name])}

    def _text(self, words: tuple[str, str]) -> dict[str, Any]:
        way = self._chance.choice(_TEXTS)
        if way == "is_one_of":
            return {way: list(words)}
        return {way: True if way == "is_set" else self._one(*words)}

    def _value(self, around: date, of: str) -> dict[str, Any]:
        ways: list[dict[str, Any]] = [
            {"is_set": True}, {"is_one_of": ["KULTA", 2.5, 7]}, {"starts_with": "kul"},
            {"contains": "asiakas"}, {"at_least": 2}, {"below": 2.5}, {"at_least": 1, "below": 5},
            {"at_least": "2026-02-01"}, {"below": "2026-03-01"},
        ]  # fmt: skip
        return {"op": f"{of}_value", "attribute": self._one(1, 2), **self._one(*ways)}

    def _turnover(self, around: date, of: str) -> dict[str, Any]:
        bounds = self._one({"at_least": "100"}, {"below": "100"}, {"at_least": "0", "below": "300"})
        return {"op": "turnover", "currency": "EUR", **bounds, **self._period(around)}

    def _documents(self, around: date, of: str) -> dict[str, Any]:
        kinds = self._some("invoice", "credit_note", "sales_order")
        return {"op": "documents", "at_least": self._one(1, 2), **self._period(around),
                **self._maybe(kinds=kinds)}  # fmt: skip

    def _activities(self, around: date, of: str) -> dict[str, Any]:
        return {
            "op": "activities", "of": of, "at_least": self._one(1, 1, 2), **self._period(around),
            **self._maybe(
                categories=[self._one(1, 2)], kinds=[self._one(1, 2)], types=[self._one(1, 2)],
                attributes=self._some(1, 2, 3)[:2], sellers=[self._one(*SELLERS)],
                state=self._one("done", "open", "any"),
            ),
        }  # fmt: skip

    def _opportunities(self, around: date, of: str) -> dict[str, Any]:
        value = self._one({}, {"currency": "EUR", "value_at_least": "100"}, {"currency": "SEK"},
                          {"currency": "EUR", "value_below": "250"})  # fmt: skip
        return {
            "op": "opportunities", "of": of, "at_least": self._one(1, 1, 2),
            **self._period(around), **value,
            **self._maybe(
                outcomes=self._some("open", "won", "lost"), pipelines=[self._one(1, 2)],
                stages=[self._one(1, 2, 3)], types=[self._one(1, 2)],
            ),
        }  # fmt: skip
