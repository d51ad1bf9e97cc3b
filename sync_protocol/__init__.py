"""What device and server must agree on: messages, fields, merge, conflicts, cursor, codec."""
