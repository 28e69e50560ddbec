"""Attachments: memos and documents of an activity; their names, and as what they leave (LE-03)."""

import re
import unicodedata
from enum import StrEnum

from shared.chassis.errors import InvalidField

MAX_NAME = 200
# What file systems take.
MAX_NAME_BYTES = 255
NAMELESS = "attachment"
UNKNOWN = "application/octet-stream"

_PATH_OR_PATTERN = frozenset('/\\<>:"|?*')
# Without these, emoji and words of some scripts fall apart.
_JOINERS = frozenset("\u200c\u200d")
# Controls, invisible formats such as those that turn the direction, halves, separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\s*\..*)?", re.I | re.S)
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")

_SERVED = frozenset(
    {
        "application/gzip",
        "application/msword",
        "application/pdf",
        "application/rtf",
        "application/vnd.ms-excel",
        "application/vnd.ms-outlook",
        "application/vnd.ms-powerpoint",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/zip",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "image/gif",
        "image/heic",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "text/calendar",
        "text/csv",
        "text/markdown",
        "text/plain",
        "video/mp4",
        "video/webm",
    }
)


class AttachmentKind(StrEnum):
    """What it is: a memo written about the activity, or any other document."""

    MEMO = "memo"
    DOCUMENT = "document"


def checked_name(name: str) -> str:
    """
    Return a file name that is safe wherever it is saved, as it was given but normalised (NFC).

    Raises `InvalidField` with what is wrong, and the safe name nearest to it as the remedy.
    """
    given = unicodedata.normalize("NFC", name).strip()
    if problem := _problem(given):
        raise InvalidField("name", problem, f"Send {safe_name(name)!r}.")
    return given


def safe_name(name: str) -> str:
    """Return the safe name nearest to any text: the last step of a path, without what is unsafe."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(one for one in last if not _is_unsafe(one))
    # What was taken away may have stood between characters that now compose.
    kept = _shortened(unicodedata.normalize("NFC", kept).strip()).rstrip(". ").strip()
    if _DEVICE.fullmatch(kept):
        kept = f"_{kept}"
    return kept or NAMELESS


def _problem(name: str) -> str | None:
    if found := next((one for one in name if _is_unsafe(one)), None):
        return f"holds {_shown(found)}"
    if not name.strip(". "):
        return "is no name of a file"
    if name.endswith("."):
        return "ends with a dot"
    if _DEVICE.fullmatch(name):
        return "is what some systems call a device"
    if len(name) > MAX_NAME or len(name.encode()) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME} characters or {MAX_NAME_BYTES} bytes"
    return None


def _is_unsafe(char: str) -> bool:
    if char in _JOINERS:
        return False
    return char in _PATH_OR_PATTERN or unicodedata.category(char) in _UNSEEN


def _shown(char: str) -> str:
    return repr(char) if char in _PATH_OR_PATTERN else f"the unseen character U+{ord(char):04X}"


def _shortened(name: str) -> str:
    """Return as much of a name as fits, its extension kept; a byte is left for a mark before it."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    ending = f"{dot}{extension}"
    stem = stem[: MAX_NAME - 1 - len(ending)]
    room = MAX_NAME_BYTES - 1 - len(ending.encode())
    return stem.encode()[:room].decode(errors="ignore") + ending


def media_type_of(content_type: str | None) -> str:
    """Return the media type that a Content-Type names, without parameters; unknown if none."""
    if content_type is None:
        return UNKNOWN
    media_type = content_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidField(
            "Content-Type", "is no media type", "Send one such as application/pdf, or none."
        )
    return media_type


def served_as(media_type: str) -> str:
    """Return as what it is sent out: itself if no browser runs it, else as unknown bytes."""
    return media_type if media_type in _SERVED else UNKNOWN
