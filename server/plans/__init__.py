"""Plans of the product: what each agent may use and pays for, kept by the platform."""
