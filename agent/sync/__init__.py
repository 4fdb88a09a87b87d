"""Keeps the office's journal and the province's copy the same, over whatever line there is.

`engine` decides (pure), `shell` does; between them `builder` and `answer` make and open messages,
`receipts` applies an answer in one transaction, `http` carries, `probe` and `netlink` notice the
line's return. What can go wrong stands in one table, `faults`.
"""
