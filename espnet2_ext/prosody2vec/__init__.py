"""The Prosody2Vec model ([P2V] III): three encoders, an attention and a mel decoder."""
