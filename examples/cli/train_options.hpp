#pragma once
#include "options.hpp"
#include "trainer.hpp"

namespace anser::cli {

/// What all kinds of training are told; the defaults are the caller's.
void add_training_options(CLI::App& c, TrainerOptions& o);
/// --rank, --alpha, --targets
void add_lora_options(CLI::App& c, TrainerOptions& o);

}  // namespace anser::cli
