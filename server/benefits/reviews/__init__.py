"""Reviews: benefits that look like fraud wait, held and unusable, until somebody has looked."""
