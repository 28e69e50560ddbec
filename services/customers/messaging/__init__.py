"""What we hear and what we tell."""
