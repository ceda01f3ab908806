"""Who is told what, when, by which channel, once."""
