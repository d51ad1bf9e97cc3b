"""The entrance: signing in, signing out, and the language that the pages speak."""
