"""Plans of the product: what each agent may use, and what it costs. The product itself is free."""
