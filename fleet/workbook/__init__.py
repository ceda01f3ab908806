"""The fleet workbook: read, check, report, write all or nothing."""
