"""The edge: Slack, the browser, phone systems."""
