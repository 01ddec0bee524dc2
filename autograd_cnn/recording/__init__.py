"""What a node of the graph is told beside its arrays: where it was called, and who has overwritten an array since."""
