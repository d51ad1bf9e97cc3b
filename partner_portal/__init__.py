"""The pages: what agents and the platform see in a browser."""
