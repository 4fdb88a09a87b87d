"""The province's database: SQLite or PostgreSQL, one set of statements."""
