"""What somebody does today: what is late, what is due, whom to visit, whom one may lose."""
