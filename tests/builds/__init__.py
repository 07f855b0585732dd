"""What is built and shipped: which instructions the modules hold, and what they do on CPUs that lack some."""
