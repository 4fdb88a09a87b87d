"""A whole province on one machine, through real keys, a real ticket and the real endpoint."""
