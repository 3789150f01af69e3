"""A pretend Slack: two teams in memory, the Web API, signed deliveries, and a door for a page.

Owns everything the app believes about Slack; must not know the app, only the app's manifest.
"""

from sandbox.workspace.app import create_workspace
from sandbox.workspace.settings import WorkspaceSettings
from sandbox.workspace.state import Workspace

__all__ = ["Workspace", "WorkspaceSettings", "create_workspace"]
