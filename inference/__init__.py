"""An article in, a stream out: reading, prompt, decoding and llama.cpp behind one door."""
