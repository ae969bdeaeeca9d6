//! `sio connect` at a terminal: the prompt, the history, Tab, colours, and that the terminal is left as it was.
