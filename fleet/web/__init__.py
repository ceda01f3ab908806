"""Page furniture: access, errors, filters, forms, language, paper, sheets."""
