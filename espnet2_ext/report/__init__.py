"""Tables and figures of results, made from what the stages wrote."""
