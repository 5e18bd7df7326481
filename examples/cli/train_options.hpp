#pragma once
#include "options.hpp"
#include "trainer.hpp"

namespace anser::cli {

/// What all kinds of training are told; the defaults are the caller's.
void add_training_options(Command& c, TrainerOptions& o);
/// --module, and what each of them takes
void add_module_options(Command& c, TrainerOptions& o);

}  // namespace anser::cli
