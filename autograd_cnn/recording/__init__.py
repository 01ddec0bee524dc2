"""What a node of the graph knows besides its arrays: where its op was called, and which were overwritten since."""
