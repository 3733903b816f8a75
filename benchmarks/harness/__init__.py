"""What the benchmark programs share: a sender, the receivers to compare, turns and tables."""
