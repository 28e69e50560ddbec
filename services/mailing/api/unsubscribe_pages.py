"""The pages that an unsubscribe link shows, in four languages: no script, nothing from outside.

They tell nothing about a person, not even whether there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from services.mailing.domain.unsubscribe_tokens import ONE_CLICK


@dataclass(frozen=True, slots=True)
class Words:
    """What the pages say in one language."""

    code: str
    language: str
    title: str
    ask: str
    note: str
    button: str
    done_title: str
    done: str
    unknown_title: str
    unknown: str
    busy_title: str
    busy: str


WORDS = {
    words.code: words
    for words in (
        Words(
            code="fi",
            language="Suomi",
            title="Lopeta markkinointiviestit",
            ask="Kun painat painiketta, emme enää lähetä markkinointia osoitteeseen, johon viesti "
            "tuli.",
            note="Tilauksia ja laskuja koskevat viestit tulevat edelleen.",
            button="Lopeta markkinointi",
            done_title="Valmis",
            done="Emme enää lähetä markkinointia tähän osoitteeseen.",
            unknown_title="Linkki ei kelpaa",
            unknown="Linkki voi olla vajaa. Kopioi koko linkki viestistä, tai vastaa viestiin ja "
            "pyydä, ettei markkinointia enää lähetetä.",
            busy_title="Juuri nyt ei onnistu",
            busy="Mitään ei muutettu. Yritä hetken kuluttua uudelleen.",
        ),
        Words(
            code="sv",
            language="Svenska",
            title="Sluta få marknadsföring",
            ask="När du trycker på knappen skickar vi ingen mer marknadsföring till adressen som "
            "fick meddelandet.",
            note="Meddelanden om beställningar och fakturor kommer fortfarande.",
            button="Sluta få marknadsföring",
            done_title="Klart",
            done="Vi skickar ingen mer marknadsföring till den här adressen.",
            unknown_title="Länken gäller inte",
            unknown="Den kan vara ofullständig. Kopiera hela länken ur meddelandet, eller svara på "
            "meddelandet och be oss att sluta.",
            busy_title="Det går inte just nu",
            busy="Ingenting har ändrats. Försök igen om en stund.",
        ),
        Words(
            code="hu",
            language="Magyar",
            title="Leiratkozás a reklámokról",
            ask="Ha megnyomja a gombot, nem küldünk több reklámot arra a címre, amelyre az üzenet "
            "érkezett.",
            note="A rendelésekről és számlákról szóló üzenetek továbbra is megérkeznek.",
            button="Leiratkozom",
            done_title="Kész",
            done="Erre a címre nem küldünk több reklámot.",
            unknown_title="A hivatkozás nem érvényes",
            unknown="Lehet, hogy hiányos. Másolja ki a teljes hivatkozást az üzenetből, vagy "
            "válaszoljon az üzenetre, és kérje a leiratkozást.",
            busy_title="Most nem sikerül",
            busy="Semmi sem változott. Kérjük, próbálja újra később.",
        ),
        Words(
            code="en",
            language="English",
            title="Stop marketing messages",
            ask="When you press the button, we send no more marketing to the address that got the "
            "message.",
            note="Messages about orders and invoices still come.",
            button="Stop marketing",
            done_title="Done",
            done="We send no more marketing to this address.",
            unknown_title="This link is not valid",
            unknown="It may be incomplete. Copy the whole link from the message, or answer the "
            "message and ask us to stop.",
            busy_title="Not possible right now",
            busy="Nothing was changed. Please try again in a moment.",
        ),
    )
}
DEFAULT = "en"
LONGEST_ACCEPTED = 500


def language_of(asked: str | None, accepted: str) -> str:
    """Return the language to show: the one asked for, else the first accepted that we speak."""
    if asked in WORDS:
        return str(asked)
    ranked: list[tuple[float, str]] = []
    for part in accepted[:LONGEST_ACCEPTED].split(","):
        name, _, quality = part.partition(";")
        code = name.strip().lower().partition("-")[0]
        if code in WORDS and (weight := _weight(quality)) > 0:
            ranked.append((weight, code))
    # The first of the best: max() keeps the order among equals.
    return max(ranked, key=lambda one: one[0])[1] if ranked else DEFAULT


def _weight(quality: str) -> float:
    try:
        return float(quality.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0


def ask_page(code: str) -> str:
    """Return the page with the button; what it sends is what a mail program sends."""
    words = WORDS[code]
    name, value = ONE_CLICK
    return _page(
        code,
        words.title,
        [words.ask, words.note],
        f'<form method="post" action="?lang={code}">'
        f'<input type="hidden" name="{name}" value="{value}">'
        f"<button>{escape(words.button)}</button></form>{_other_languages(code)}",
    )


def done_page(code: str) -> str:
    """Return the page that says that it was done."""
    words = WORDS[code]
    return _page(code, words.done_title, [words.done, words.note], "")


def unknown_page(code: str) -> str:
    """Return the page of a link that leads nowhere."""
    words = WORDS[code]
    return _page(code, words.unknown_title, [words.unknown], _other_languages(code))


def busy_page(code: str) -> str:
    """Return the page that says that nothing was done and that one may try again."""
    words = WORDS[code]
    return _page(code, words.busy_title, [words.busy], "")


def _page(code: str, title: str, texts: Sequence[str], below: str) -> str:
    said = "".join(f"<p>{escape(text)}</p>" for text in texts)
    return (
        f'<!doctype html><html lang="{code}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex, nofollow">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head>"
        f"<body><main><h1>{escape(title)}</h1>{said}{below}</main></body></html>"
    )


def _other_languages(code: str) -> str:
    links = " ".join(
        f'<a href="?lang={words.code}" lang="{words.code}" hreflang="{words.code}">'
        f"{escape(words.language)}</a>"
        for words in WORDS.values()
        if words.code != code
    )
    return f"<nav>{links}</nav>"
