"""The published language: what ERPs and services say to each other, and nothing else of ours."""
