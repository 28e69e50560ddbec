"""Routes and shapes of the HTTP edge."""
