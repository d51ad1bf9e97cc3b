"""What a contract says, when it is paid, and what may become of it.

Device and server count alike in whole minor units: a payment plan that was made without a network
comes to the contract's amount on both, or is none on both.
"""
