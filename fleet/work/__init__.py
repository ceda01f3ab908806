"""Work that outlives a request: once-only runs and the clock."""
