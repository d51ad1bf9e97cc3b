"""Photos and files of customers: uploads, verified contents, where they lie, what is left over."""
