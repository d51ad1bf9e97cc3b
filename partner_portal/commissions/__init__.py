"""Commission of one's own company, as its owner sees it."""
