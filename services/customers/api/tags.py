"""What the groups of routes are about, for the API's description."""

from services.customers.domain.lists import LISTS

TAGS = {
    "customers": "Customers, their bans, where their documents go, since when they are customers.",
    "contacts": "Persons at customers, with their attributes and bans.",
    "search": "Search and list customers, export them, save searches.",
    "jobs": "What changes many records: how far it is, what came of it, cancelling.",
    "operations": "Change many customers at once; rehearse, list and undo it.",
    "imports": "Files of customers and contacts: map their columns, rehearse, run, undo.",
    "duplicates": "Customers and contacts that may be the same, and pairs that are not.",
    "merges": "Merge customers or contacts, by a map of whose fields win; undone like operations.",
    "reports": "Counts, endings and turnover by the values of the lists.",
    "history": "What changed, times in statuses, and what a status allows.",
    "deleted": "Deleted records and the way back, where the deployment has activated it.",
    "register": "Settings of the register and what follows from them.",
    "lists": "Which lists there are, profiles to fill them, and the drop-down of statuses.",
    "erp": "The entrance of ERP events.",
    **{one.path: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in LISTS.values()},
}
