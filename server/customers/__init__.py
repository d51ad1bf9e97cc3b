"""Companies that agents develop: stores, contacts, notes, tags; search, import and export."""
