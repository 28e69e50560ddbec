"""The rules of the customers service; pure, with the clock as an argument."""
