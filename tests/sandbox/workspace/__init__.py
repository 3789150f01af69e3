"""The pretend Slack, tried over HTTP by a pretend app and by the real Bolt."""
