"""Labels as words: their parts, their modifiers, and which of them share a concept."""
