#include "command.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace anser::cli {

Named::Named() {
  find_fault = [](std::string& path) { return path.empty() ? std::string("its name is empty") : std::string(); };
}

Trimmed::Trimmed() {
  find_fault = [](std::string& name) {
    name.erase(0, std::min(name.find_first_not_of(" \t"), name.size()));
    name.erase(name.find_last_not_of(" \t") + 1);
    return name.empty() ? std::string("a name is empty; write them as a,b") : std::string();
  };
}

Among::Among(std::vector<std::string> words) {
  for (const auto& w : words) description += (description.empty() ? "{" : ",") + w;
  description += '}';
  find_fault = [words = std::move(words), all = description](std::string& word) {
    return std::find(words.begin(), words.end(), word) == words.end() ? word + " is not in " + all : std::string();
  };
}

Option* Option::required(bool is) {
  option_->required(is);
  return this;
}
Option* Option::needs(Option* other) {
  option_->needs(other->option_);
  return this;
}
Option* Option::excludes(Option* other) {
  option_->excludes(other->option_);
  return this;
}
Option* Option::check(const Check& c) {
  option_->transform(CLI::Validator(c.find_fault, c.description));  // check() would not keep what it rewrites
  return this;
}
Option* Option::check(std::function<std::string(const std::string&)> find_fault) {
  option_->check(std::move(find_fault));
  return this;
}
Option* Option::delimiter(char c) {
  option_->delimiter(c);
  return this;
}
Option* Option::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}
Option* Option::group(const std::string& name) {
  option_->group(name);
  return this;
}
Option* Option::capture_default_str() {
  option_->capture_default_str();
  return this;
}
std::size_t Option::count() const { return option_->count(); }

Option* Command::keep(CLI::Option* option) { return &options_.emplace_back(option); }

Command& Command::add_subcommand(const std::string& name, const std::string& description) {
  return commands_.emplace_back(*app_->add_subcommand(name, description));
}
void Command::require_subcommand() { app_->require_subcommand(1); }

Option* Command::add_option(const std::string& name, std::string& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, int& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, long long& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, std::uint64_t& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, double& value, const std::string& help) {
  return keep(app_->add_option(name, value, help));
}
Option* Command::add_option(const std::string& name, const std::string& help) {
  return keep(app_->add_option(name, help));
}
Option* Command::find_option(const std::string& name) { return keep(app_->get_option(name)); }
Option* Command::add_flag(const std::string& name, bool& value, const std::string& help) {
  return keep(app_->add_flag(name, value, help));
}
void Command::require_names() {
  for (CLI::Option* option : app_->get_options()) {
    const std::string what = option->get_positional() ? option->get_name(true) : option->get_type_name();
    const auto names = [&](const char* kind) { return what.find(kind) != what.npos; };
    if (names("FILE") || names("DIR") || names("SOURCE") || names(".safetensors")) keep(option)->check(Named{});
  }
  for (Command& command : commands_) command.require_names();
}
void Command::callback(std::function<void()> work) { app_->callback(std::move(work)); }
void Command::footer(const std::string& text) { app_->footer(text); }

void refuse_missing(const std::string& option) { throw CLI::RequiredError(option); }

}  // namespace anser::cli
