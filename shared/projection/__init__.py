"""What a service knows of customers, contacts and the lists that sort customers: as told."""
