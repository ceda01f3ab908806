"""Renewals: needs opened fifteen days before expiry and ended by a policy on record (3.3)."""
