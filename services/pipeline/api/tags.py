"""What the groups of routes are about, for the API's description."""

from services.pipeline.domain.lists import LISTS

TAGS = {
    "forecast-recounts": "What forecasts read, counted anew.",
    "forecasts": "What will be sold, by what it goes by, and what it covers of a target.",
    "lists": "Which lists there are.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
