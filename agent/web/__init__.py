"""The local door: the API on the socket and on TCP, and the pages of the counter."""
