"""The pages of service cases: the list, one to note down, one to work on."""
