"""Ask about custom objects and their records. Nothing here changes anything."""
