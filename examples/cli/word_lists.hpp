#pragma once

namespace anser::cli {

/// examples/reproduce/read_it_aloud.json, for reproduce::ReadAloud.
extern const char* const read_it_aloud;

}  // namespace anser::cli
