"""What is kept of the accepted records, and why the rest is not."""
