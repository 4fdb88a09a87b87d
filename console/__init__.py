"""How the three command lines speak: language, helps, tables, exit codes. Imports `wire` alone."""
