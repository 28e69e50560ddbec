"""Conditions as SQL: what is asked of a row, and when passing time may change the answer.

A condition about a customer speaks of the alias `customer`, one about the contact of `contact`. No
answer is null. `changes_on` is the next day on which time alone may change it, or null; `None`
where time never does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from services.mailing.domain.conditions import (
    Activities,
    Condition,
    ContactField,
    ContactHas,
    ContactValue,
    CustomerEnded,
    CustomerField,
    CustomerFlagged,
    CustomerHas,
    CustomerValue,
    Documents,
    HasAttribute,
    Holder,
    InSegment,
    Opportunities,
    RelationshipStart,
    Turnover,
)
from services.mailing.domain.lists import CUSTOMER_STATUS, ENDED
from services.mailing.domain.periods import Period
from services.mailing.persistence.classifications import flagged


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows that a condition counts, as what follows FROM, and the day that they are by."""

    table: str
    rows: str
    day: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A condition in SQL."""

    holds: str
    changes_on: str | None = None
    counted: Counted | None = None


@dataclass(slots=True)
class Conditions:
    """Makes SQL of conditions; `covers` says what each named value covers, as the lists stand."""

    covers: Mapping[str, Sequence[str]]
    today: date
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Return the name of a parameter with this value."""
        name = f"rule_{len(self.parameters)}"
        self.parameters[name] = value
        return f":{name}"

    def asked(self, node: Condition) -> Asked:
        """Return one condition as SQL."""
        match node:
            case ContactHas():
                return Asked(f"contact.held && {self._covered(node.tokens)}")
            case HasAttribute():
                return Asked(f"contact.attributes @> CAST({self.bind([node.number])} AS integer[])")
            case ContactField(field="role"):
                compared = self._text("link.role", node)
                return Asked(
                    "EXISTS (SELECT FROM contact_customer AS link "
                    f"WHERE link.contact_id = contact.contact_id AND {compared})"
                )
            case ContactField():
                return Asked(self._text(f"contact.{node.field}", node))
            case ContactValue():
                return Asked(self._value("contact", node))
            case InSegment():
                return Asked(_IN_SEGMENT.format(id=self.bind(node.segment_id)))
            case CustomerHas():
                return Asked(f"customer.held && {self._covered(node.tokens)}")
            case CustomerFlagged():
                asked = (flagged(node.list, node.flag),)
                return Asked(f"customer.held && {self._covered(asked)}")
            case CustomerEnded():
                ended = f"customer.held && {self._covered((flagged(CUSTOMER_STATUS, ENDED),))}"
                if node.is_ever:
                    return Asked(ended)
                return Asked(
                    f"({ended} AND {self._within('customer.ended_on', node)})",
                    self._changes("customer.ended_on", node),
                )
            case RelationshipStart():
                return Asked(
                    self._within("customer.started_on", node),
                    self._changes("customer.started_on", node),
                )
            case CustomerField(field="headcount"):
                return Asked(self._number("customer.headcount", node))
            case CustomerField():
                return Asked(self._text(f"customer.{node.field}", node))
            case CustomerValue():
                return Asked(self._value("customer", node))
            case Turnover():
                return self._turnover(node)
            case Documents():
                kinds = f"kind = ANY(CAST({self.bind(list(node.kinds))} AS text[]))"
                where = f"{_DOCUMENTS} AND {kinds}"
                return self._rows("document", where, "document_date", node, node.at_least)
            case Activities():
                return self._activities(node)
            case Opportunities():
                return self._opportunities(node)

    def _covered(self, asked: tuple[str, ...]) -> str:
        tokens = {token for one in asked for token in self.covers.get(one, ())}
        return f"CAST({self.bind(sorted(tokens))} AS text[])"

    # --- Time.

    def _within(self, column: str, period: Period) -> str:
        today = self._today()
        if period.last_days is not None:
            days = self._days(period.last_days)
            inside = f"{column} > {today} - {days} AND {column} <= {today}"
        elif period.next_days is not None:
            inside = f"{column} >= {today} AND {column} < {today} + {self._days(period.next_days)}"
        elif period.older_than_days is not None:
            inside = f"{column} <= {today} - {self._days(period.older_than_days)}"
        else:
            bounds = [
                f"{column} {operator} CAST({self.bind(day)} AS date)"
                for operator, day in ((">=", period.from_day), ("<", period.before_day))
                if day is not None
            ]
            inside = " AND ".join(bounds) or f"{column} IS NOT NULL"
        return f"({column} IS NOT NULL AND {inside})"

    def _changes(self, column: str, period: Period) -> str | None:
        """Return the next day after today on which this day comes into the period or leaves it."""
        today = self._today()
        if period.last_days is not None:
            edges = [column, f"{column} + {self._days(period.last_days)}"]
        elif period.next_days is not None:
            edges = [f"{column} - {self._days(period.next_days)} + 1", f"{column} + 1"]
        elif period.older_than_days is not None:
            edges = [f"{column} + {self._days(period.older_than_days)}"]
        else:
            return None
        whens = " ".join(f"WHEN {edge} > {today} THEN {edge}" for edge in edges)
        return f"CASE {whens} END"

    def _today(self) -> str:
        self.parameters["today"] = self.today
        return "CAST(:today AS date)"

    def _days(self, days: int) -> str:
        return f"CAST({self.bind(days)} AS integer)"

    # --- Rows beside a customer or contact.

    def _rows(self, table: str, where: str, day: str, period: Period, at_least: int) -> Asked:
        rows = f"{table} WHERE {where}"
        within = "" if period.is_ever else f" AND {self._within(day, period)}"
        if at_least == 1:
            holds = f"EXISTS (SELECT FROM {rows}{within})"
        else:
            least = f"CAST({self.bind(at_least)} AS bigint)"
            holds = f"(SELECT count(*) FROM {rows}{within}) >= {least}"
        return self._counting(holds, table, rows, within, day, period)

    def _counting(
        self, holds: str, table: str, rows: str, within: str, day: str, period: Period
    ) -> Asked:
        changes = self._changes(day, period)
        return Asked(
            holds,
            None if changes is None else f"(SELECT min({changes}) FROM {rows})",
            Counted(table, f"{rows}{within}", day),
        )

    def _turnover(self, node: Turnover) -> Asked:
        currency = f"currency = {self.bind(node.currency)}"
        rows = f"document WHERE {_DOCUMENTS} AND kind IN ('invoice', 'credit_note') AND {currency}"
        within = "" if node.is_ever else f" AND {self._within('document_date', node)}"
        total = f"(SELECT coalesce(sum({NET}), 0) FROM {rows}{within})"
        bounds = [
            f"{total} {operator} CAST({self.bind(bound)} AS numeric)"
            for operator, bound in ((">=", node.at_least), ("<", node.below))
            if bound is not None
        ]
        holds = f"({' AND '.join(bounds)})"
        return self._counting(holds, "document", rows, within, "document_date", node)

    def _activities(self, node: Activities) -> Asked:
        filters = [_OF[node.of].format(table="activity"), "NOT activity.deleted"]
        if node.state != "any":
            filters.append(f"activity.state = {self.bind(node.state)}")
        for column, numbers in (
            ("category", node.categories),
            ("kind", node.kinds),
            ("type", node.types),
        ):
            if numbers:
                filters.append(f"activity.{column} = ANY({self._numbers(numbers)})")
        if node.attributes:
            filters.append(f"activity.attributes && {self._numbers(node.attributes)}")
        if node.sellers:
            sellers = self.bind(list(node.sellers))
            filters.append(f"activity.seller = ANY(CAST({sellers} AS text[]))")
        return self._rows("activity", " AND ".join(filters), "activity.day", node, node.at_least)

    def _opportunities(self, node: Opportunities) -> Asked:
        filters = [_OF[node.of].format(table="opportunity"), "NOT opportunity.deleted"]
        for column, numbers in (
            ("pipeline", node.pipelines),
            ("stage", node.stages),
            ("type", node.types),
        ):
            if numbers:
                filters.append(f"opportunity.{column} = ANY({self._numbers(numbers)})")
        if node.outcomes:
            outcomes = self.bind(list(node.outcomes))
            filters.append(f"opportunity.outcome = ANY(CAST({outcomes} AS text[]))")
        if node.currency is not None:
            filters.append(f"opportunity.currency = {self.bind(node.currency)}")
        for operator, bound in ((">=", node.value_at_least), ("<", node.value_below)):
            if bound is not None:
                filters.append(f"opportunity.value {operator} CAST({self.bind(bound)} AS numeric)")
        day = "coalesce(opportunity.closed_on, opportunity.expected_close)"
        return self._rows("opportunity", " AND ".join(filters), day, node, node.at_least)

    def _numbers(self, numbers: Sequence[int]) -> str:
        return f"CAST({self.bind(list(numbers))} AS integer[])"

    # --- Comparisons.

    def _text(self, column: str, node: CustomerField | ContactField) -> str:
        """Compare a text; an empty one counts as not there."""
        there = f"coalesce({column}, '') <> ''"
        if node.is_set:
            return f"({there})"
        if node.is_one_of is not None:
            wanted = self.bind([str(one).lower() for one in node.is_one_of])
            compared = f"lower({column}) = ANY(CAST({wanted} AS text[]))"
        elif node.starts_with is not None:
            compared = f"starts_with(lower({column}), {self.bind(node.starts_with.lower())})"
        else:
            assert node.contains is not None
            compared = f"position({self.bind(node.contains.lower())} IN lower({column})) > 0"
        return f"({there} AND {compared})"

    def _number(self, column: str, node: CustomerField | CustomerValue | ContactValue) -> str:
        tests = [f"{column} IS NOT NULL"]
        if node.is_one_of is not None:
            numbers = [one for one in node.is_one_of if isinstance(one, float)]
            wanted = self.bind(numbers)
            tests.append(f"{column} = ANY(CAST({wanted} AS double precision[]))")
        for operator, bound in ((">=", node.at_least), ("<", node.below)):
            if bound is not None:
                tests.append(f"{column} {operator} CAST({self.bind(bound)} AS double precision)")
        return f"({' AND '.join(tests)})"

    def _value(self, alias: str, node: CustomerValue | ContactValue) -> str:
        """Compare the value of an attribute with what is of its type; others compare false."""
        key = self.bind(str(node.attribute))
        value = f"({alias}.attribute_values -> {key})"
        words = f"({alias}.attribute_values ->> {key})"
        if node.is_set:
            return f"({value} IS NOT NULL)"
        if node.is_one_of is not None:
            wanted = self.bind([str(one).lower() for one in node.is_one_of if isinstance(one, str)])
            numbers = self.bind([one for one in node.is_one_of if isinstance(one, float)])
            return (
                f"(CASE jsonb_typeof({value}) "
                f"WHEN 'string' THEN lower({words}) = ANY(CAST({wanted} AS text[])) "
                f"WHEN 'number' THEN CAST({words} AS double precision) "
                f"= ANY(CAST({numbers} AS double precision[])) ELSE FALSE END)"
            )
        if node.starts_with is not None or node.contains is not None:
            text = f"CASE jsonb_typeof({value}) WHEN 'string' THEN lower({words}) ELSE '' END"
            if node.starts_with is not None:
                return f"starts_with({text}, {self.bind(node.starts_with.lower())})"
            assert node.contains is not None
            return f"(position({self.bind(node.contains.lower())} IN {text}) > 0)"
        bounds = ((">=", node.at_least), ("<", node.below))
        if any(isinstance(bound, date) for _, bound in bounds):
            # Days of ISO 8601 sort as texts; a text that is no day compares with none.
            tests = " AND ".join(
                f'{words} {operator} {self.bind(bound.isoformat())} COLLATE "C"'
                for operator, bound in bounds
                if isinstance(bound, date)
            )
            a_day = f"jsonb_typeof({value}) = 'string' AND {words} ~ '^\\d{{4}}-\\d\\d-\\d\\d$'"
            return f"(coalesce({a_day}, FALSE) AND coalesce({tests}, FALSE))"
        number = (
            f"CASE jsonb_typeof({value}) WHEN 'number' THEN CAST({words} AS double precision) END"
        )
        return self._number(number, node)


_DOCUMENTS = "document.customer_id = customer.customer_id AND NOT document.voided"
NET = "CASE kind WHEN 'credit_note' THEN -abs(net_amount) ELSE net_amount END"
_OF = {
    Holder.CUSTOMER: "{table}.customer_id = customer.customer_id",
    Holder.CONTACT: "{table}.contacts @> ARRAY[contact.contact_id]",
}
_IN_SEGMENT = """EXISTS (
    SELECT FROM segment JOIN member ON member.rule_id = segment.live_rule_id
    WHERE segment.segment_id = CAST({id} AS uuid) AND member.contact_id = contact.contact_id)"""
