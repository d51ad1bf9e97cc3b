"""What plans cost: invoices, payments, credit notes, and what happens while nobody pays."""
