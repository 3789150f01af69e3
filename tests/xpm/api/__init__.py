"""The Practice Manager client, tested against values and against real sockets on loopback."""
