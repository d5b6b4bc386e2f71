"""Map a function over many items: in order, streaming, in bounded memory, the same result on one
process or on many (fiqa.execute.local.map_batches)."""
