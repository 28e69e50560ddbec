"""How a service runs. Knows no CRM word: it would serve a hospital as well."""
