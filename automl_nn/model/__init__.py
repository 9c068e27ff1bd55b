"""Networks: encoders, embeddings, backbones and heads, every network a stack of k."""
