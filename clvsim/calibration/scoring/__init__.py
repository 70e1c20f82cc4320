"""From a fit and what is known of each customer to what it is still worth."""
