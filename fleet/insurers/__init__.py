"""Insurers, and which of them each region designates when (3.1)."""
