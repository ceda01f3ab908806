"""Claims for premiums, their decisions and payment (4.1)."""
