"""An agent's customers: list, search, detail, editing in place, notes, history, conflicts."""
