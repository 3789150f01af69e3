"""`/client/*`: what the page, the play and the tests do and see; no part of Slack."""
