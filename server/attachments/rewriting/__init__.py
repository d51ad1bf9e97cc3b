"""Writing a stranger's file anew, in a process of its own, so that nothing rides along in it."""
