#pragma once

namespace anser::cli {

/// Signals that end the program leave no .partial files behind.
void catch_signals();

/// From now on the first such signal is only noted, so that what is being done can be finished; a second one ends the
/// program as before.
void note_signals();
bool signalled();

}  // namespace anser::cli
