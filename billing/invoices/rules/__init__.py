"""What invoices decide: pure, with days as arguments."""
