"""The pages of the studio, a module each: `routes(desk)` returns its addresses."""
