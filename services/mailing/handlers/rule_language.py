"""Read and write rules as text, with the titles that values and segments have now."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Row

from services.mailing.domain.conditions import Holder
from services.mailing.domain.refusals import RuleTextTooLong
from services.mailing.domain.rule_names import Names
from services.mailing.domain.rule_text import MAX_TEXT, SHOWN, called_in, read, write
from services.mailing.domain.rules import Rule
from services.mailing.persistence import rule_language
from services.mailing.persistence.rule_language import SUGGESTED, Suggestions
from shared.chassis.errors import InvalidField
from shared.chassis.unit_of_work import UnitOfWork


async def parse_rule(text: str, uow: UnitOfWork) -> Rule:
    """Return a text as a rule; refuse what is none, and titles that do not mean one thing only."""
    draft = read(text)
    names = Names(meanings=await rule_language.meanings(uow.connection, draft.titles))
    unclear = draft.unclear(names)
    if unclear:
        shown = sorted(unclear)[:SHOWN]
        names = replace(names, similar=await rule_language.similar(uow.connection, shown))
    return draft.rule(names)


async def write_rule(rule: Rule, uow: UnitOfWork) -> str:
    """Return a rule as text in its normal form; by numbers alone where titles make it too long."""
    titles = await rule_language.titles_of(uow.connection, called_in(rule))
    for names in (Names(titles=titles), Names()):
        text = write(rule, names)
        if len(text) <= MAX_TEXT:
            return text
    raise RuleTextTooLong(f"The rule takes {len(text):,} characters; {MAX_TEXT:,} are read back.")


async def list_values(
    list_name: str, fragment: str, uow: UnitOfWork, *, after: int, limit: int
) -> Sequence[Row[Any]]:
    """Return values of a list by number, whose number or one of whose titles fits the fragment."""
    return await rule_language.page_of_values(
        uow.connection, list_name, fragment, after=after, limit=limit
    )


async def known_lists(uow: UnitOfWork) -> Sequence[Row[Any]]:
    """Return the lists that rules may name now, and the flags of their values."""
    return await rule_language.lists(uow.connection)


async def suggest(holder: Holder, field: str, beginning: str, uow: UnitOfWork) -> Suggestions:
    """Return what a field holds that begins so."""
    if (holder, field) not in SUGGESTED:
        fields = sorted(name for one, name in SUGGESTED if one is holder)
        raise InvalidField(
            "field", f"no values of {field} of a {holder} are suggested", f"Send {_or(fields)}."
        )
    return await rule_language.suggestions(uow.connection, holder, field, beginning)


def _or(names: Sequence[str]) -> str:
    return " or ".join((", ".join(names[:-1]), names[-1]))
