"""Each benchmark prints a ratio against a floor measured in the same run; nothing here is a timed test."""
