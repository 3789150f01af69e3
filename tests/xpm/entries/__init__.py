"""Entries from the offer to the time in XPM: a real database, a served practice, a clock turned by hand."""
