"""Tables worked out from the journal, and the queries of the pages. Never the truth."""
