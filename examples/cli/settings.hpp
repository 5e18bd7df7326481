#pragma once
#include <string>
#include <vector>

#include "command.hpp"

namespace anser::cli {

/// The words of a command line with what its settings files say: a train command's --settings FILE.json, and where it
/// resumes (--resume) those that its output keeps. A file's entry {"steps": 100} is the option --steps 100; options on
/// the command line go before the file's. Throws Error naming the file where it is none, or where an option differs
/// from what the training to be resumed was started with.
std::vector<std::string> with_settings(std::vector<std::string> words);

/// All options of a command that has been parsed, as such a file.
std::string settings_of(const Command& command);

}  // namespace anser::cli
