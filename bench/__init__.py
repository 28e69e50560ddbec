"""Measurements. Each prints what it did, on what, and how fast, and fails on wrong results only."""
