"""Documents of offices as they arrive: who may send them, what came of each, where they lie."""
