"""Answers across rooms: each role's home page and the money and standing summaries."""
