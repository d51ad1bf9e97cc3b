"""The tests. They mirror the packages; `factories` makes data by calling the services."""
