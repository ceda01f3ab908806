"""Policies, cover lines, endorsements, and the cover timeline as stored."""
