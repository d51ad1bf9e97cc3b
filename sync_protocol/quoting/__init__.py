"""What a quote says, what it comes to, and what may become of it.

Device and server count alike in whole minor units, so that a quote that was made without a network
comes to the same on both; whether a price needs an approval is the server's word alone.
"""
