"""The protocol, pure: bytes in, values out. Imports nothing of ours and does no I/O."""
