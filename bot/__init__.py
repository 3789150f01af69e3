"""The app as a process: its settings, the one place that joins things, the clock, the command line."""
