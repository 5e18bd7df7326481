#pragma once

namespace anser::cli {

/// examples/demo/corpus.txt: eight skills of 18 lines each, then some lines of no skill.
extern const char* const corpus;

}  // namespace anser::cli
