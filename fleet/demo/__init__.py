"""The demo group: generated, and marked so."""
