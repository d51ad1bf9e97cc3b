"""One's own account: password, other sign-ins, language."""
