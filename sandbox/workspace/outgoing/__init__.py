"""What the workspace sends to the app: signed exactly as Slack signs, in Slack's shapes."""
