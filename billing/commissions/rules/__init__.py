"""What a plan pays, who shares it, what a refund takes back, what is paid out. Pure."""
