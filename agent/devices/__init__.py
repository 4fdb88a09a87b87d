"""Serial devices: port, framing, session and drivers. Know nothing of the journal."""
