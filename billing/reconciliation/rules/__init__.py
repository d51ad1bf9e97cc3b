"""How a file is read as lines, how lines of two books find each other, why they do not. Pure."""
