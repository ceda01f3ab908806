"""The company's rule as dated data, and the pure functions that answer by it."""
