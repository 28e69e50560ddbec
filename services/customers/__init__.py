"""Customers, contacts, their bans, ERP documents, and since when the relationship lasts."""
