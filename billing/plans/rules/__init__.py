"""What plans decide: pure, with days as arguments."""
