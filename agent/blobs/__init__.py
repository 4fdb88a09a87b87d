"""Documents on the office's disk and on their way: captured, kept, opened, uploaded."""
