"""What a column of an import can mean, and which meaning its header proposes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.chassis.errors import InvalidField
from shared.chassis.headers import folded

REF, CUSTOMER = "ref", "customer"


@dataclass(frozen=True, slots=True)
class ImportFields:
    """
    What a service imports, and from which columns.

    Tables, routes and jobs are called after the `record`: `activity` has `/v1/activity-imports`.
    `needs` says in words which fields are `needed`, for remedies; `file` and `content` are an
    example of what is sent, `columns` of how it is mapped.
    """

    record: str
    many: str
    headers: Mapping[str, str]
    """Field by field, the headers that propose it, folded and with bars between them."""

    needed: Sequence[str]
    needs: str
    file: str
    content: str
    columns: Sequence[str]
    called: Mapping[str, str]
    """What a field is called that the API calls so."""

    def proposed(self, headers: Sequence[str]) -> dict[str, str]:
        """Return what headers propose, by header; each field once, unknown headers not at all.

        The first field that takes a header has it.
        """
        fields: dict[str, str] = {}
        for field, names in self.headers.items():
            for name in names.split("|"):
                fields.setdefault(name, field)
        found: dict[str, str] = {}
        for header in headers:
            proposal = fields.get(folded(header))
            if proposal is not None and proposal not in found.values():
                found[header] = proposal
        return found

    def checked(
        self, columns: Sequence[str], meanings: Sequence[tuple[str, str]]
    ) -> dict[str, str]:
        """Return what columns mean, by header; refuse what would leave a row without its key."""
        found: dict[str, str] = {}
        for header, field in meanings:
            if header not in columns:
                raise InvalidField(
                    f"columns.{header}"[:200],
                    "the file has no such column",
                    f"It has: {', '.join(columns)[:500]}.",
                )
            if field not in self.headers:
                raise InvalidField(
                    f"columns.{header}"[:200],
                    f"{field[:60]!r} is no field of an {self.record}",
                    f"Choose one of: {', '.join(self.headers)}.",
                )
            if field in found.values() or header in found:
                raise InvalidField(
                    "columns", f"{header!r} or {field} is named twice", "Name each once."
                )
            found[header] = field
        for field in self.needed:
            if field not in found.values():
                raise InvalidField(
                    "columns", f"no column is the {field}", f"Map one: each row needs {self.needs}."
                )
        return found
