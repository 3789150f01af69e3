"""What people read: Block Kit and text out of domain values. Pure: no client, no database, no clock of its own.

Every action id, callback id and sentence lives here. Each message is a `Message` with its plain `text` for
notifications and screen readers. It must not know how it is sent.
"""
