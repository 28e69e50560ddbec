"""The customers service is that of its own tests; mailing services are opened as needed."""

from tests.integration.customers.conftest import api, customers

__all__ = ["api", "customers"]
