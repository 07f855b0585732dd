"""The sections of RESULTS.md, each made of what a bench left in results/."""
