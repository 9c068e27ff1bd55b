"""The language of choices: ranges, tables of alternatives, and the recursion that draws from them."""
