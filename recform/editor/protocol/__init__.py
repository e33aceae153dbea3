"""The language server: what the room says, in the words of the editors' protocol."""
