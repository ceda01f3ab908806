"""Keep a group's vehicles insured as its own rule asks, and say by which clause."""
