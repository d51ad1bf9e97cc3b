"""What vouchers keep to: the chart, where a leg is posted, how vouchers are put up. Pure."""
