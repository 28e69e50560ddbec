"""What the groups of routes are about, for the API's description."""

from services.pipeline.domain.lists import LISTS

TAGS = {
    "history": "What changed of the values of lists.",
    "lists": "Which lists there are, and profiles to fill them.",
    "user-groups": "Who sells together, below whom, from when until when.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
