"""The pages of contracts: the list, one to write, its payments, its paper."""
