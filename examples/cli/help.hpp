#pragma once
#include <CLI/CLI.hpp>
#include <string>

namespace anser::cli {

/// Help in few words and short lines: an option with its value and default; of a command, in lists, the first sentence.
class Formatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* command) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* command) const override;
};

/// What is wrong with the words of a command line, in one sentence with a suggestion where one is near.
std::string explain_usage(const CLI::App& program, const CLI::ParseError& error, const std::vector<std::string>& words);

}  // namespace anser::cli
