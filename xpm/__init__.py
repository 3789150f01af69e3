"""The practice: clients, jobs, calls, entries and the link to Xero Practice Manager. Works with no Slack at all."""
