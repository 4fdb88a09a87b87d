"""The province: takes in what offices send, proves what it has, says what it publishes."""
