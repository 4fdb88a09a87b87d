"""What agent and province share about sticks: names, careful reading, honest writing.

Only content decides, never names (docs/protocol.md section 8); what lies on a stick was put there
by anybody, and what was written to one may be gone with the next pull.
"""
