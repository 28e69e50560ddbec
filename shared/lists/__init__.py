"""Lists whose values sort the records of a service: kept alike wherever there are any."""
