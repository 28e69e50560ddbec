"""What the services have in common: the published language and how a service runs."""
