"""What is sold and on which terms: products, price books with floors, quotes and approvals."""
