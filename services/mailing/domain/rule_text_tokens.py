"""Words, numbers, days and quoted texts: the pieces of a rule as text, each with its place."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.mailing.domain.refusals import MalformedRuleText

MAX_TEXT = 20_000
LONGEST_NUMBER = 30


class Kind(StrEnum):
    """What a piece is."""

    TEXT = "a text in quotes"
    ID = "an id"
    DAY = "a day as 2026-01-31"
    NUMBER = "a number"
    WORD = "a word"
    MARK = "a mark"
    END = "the end"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece: what it says (a text without its quotes, a word in small letters), and where."""

    kind: Kind
    says: str
    at: int


_TOKEN = re.compile(
    r"""
      [\s\xa0]+
    | (?P<TEXT>"(?:[^"\\\x00-\x1f]|\\.)*")
    | (?P<ID>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?!\w))
    | (?P<DAY>\d{4}-\d\d-\d\d(?![\w.-]))
    | (?P<NUMBER>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]))
    | (?P<WORD>[a-z]\w*)
    | (?P<MARK>[(),])
    """,
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)


_OTHER_QUOTES = "'`\u2018\u2019\u201c\u201d\u201e\xab\xbb"


def tokens_of(text: str) -> list[Token]:
    """Return the pieces of a text, the last of which is its end; refuse what is none."""
    if len(text) > MAX_TEXT:
        raise MalformedRuleText(text, MAX_TEXT, f"it is longer than {MAX_TEXT:,} characters", ())
    return [*_tokens(text), Token(Kind.END, "", len(text))]


def quoted(text: str) -> str:
    """Return a text in quotes, as JSON writes it."""
    return json.dumps(text, ensure_ascii=False)


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise _no_token(text, at)
        if found.lastgroup is not None:
            yield Token(Kind[found.lastgroup], _said(found, text), at)
        at = found.end()


def _said(found: re.Match[str], text: str) -> str:
    said = found.group()
    match found.lastgroup:
        case "TEXT":
            return _unquoted(said, text, found.start())
        case "NUMBER" if len(said) > LONGEST_NUMBER:
            reason = f"the number is longer than {LONGEST_NUMBER} characters"
            raise MalformedRuleText(text, found.start(), reason, ())
        case _:
            return said.lower()


def _unquoted(said: str, text: str, at: int) -> str:
    try:
        read = str(json.loads(said))
    except ValueError:
        reason = "a backslash stands before what needs none"
        raise MalformedRuleText(text, at, reason, ['\\" or \\\\', "\\n", "\\u00e4"]) from None
    if any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in read):
        raise MalformedRuleText(text, at, "the text has characters that cannot be stored", ())
    return read


def _no_token(text: str, at: int) -> MalformedRuleText:
    if text[at] == '"':
        return MalformedRuleText(text, at, "the text that begins here does not end", ['"'])
    expected = ['"'] if text[at] in _OTHER_QUOTES else ()
    return MalformedRuleText(text, at, f"found {text[at]!a}", expected)
