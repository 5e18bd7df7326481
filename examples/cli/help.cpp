#include "help.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "options.hpp"
#include "text.hpp"

namespace anser::cli {
namespace {

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + ' ' + app.get_name() : app.get_name();
}

constexpr std::size_t columns = 100;

/// The words in lines of at most `most` characters; lines that are there stay.
std::string wrapped(const std::string& text, std::size_t most) {
  std::string out;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    if (column && column + 1 + end - at > most) {
      out += '\n';
      column = 0;
    } else if (column) {
      out += ' ';
      ++column;
    }
    out.append(text, at, end - at);
    column += end - at;
    if (end < text.size() && text[end] == '\n') {
      out += '\n';
      column = 0;
    }
    at = end + 1;
  }
  return out;
}

/// What the validators append to the type: a range, or a set in braces.
std::string validated(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.find(':') == type.npos ? "" : type.substr(type.find(':') + 1);
}

std::string suggestion(const std::string& near) { return near.empty() ? "" : "; did you mean " + near + '?'; }

}  // namespace

std::string Formatter::make_description(const CLI::App* command) const {
  return wrapped(command->get_description(), columns) + '\n';
}

std::string Formatter::make_option_desc(const CLI::Option* option) const {
  std::string text = option->get_description();
  const std::string range = validated(*option);
  if (!range.empty() && range[0] != '{') text += " (" + range + ')';
  return wrapped(text, columns - get_column_width());
}

std::string Formatter::make_option_opts(const CLI::Option* option) const {
  std::string type = option->get_type_name();
  type.resize(std::min(type.find(':'), type.size()));  // validators append themselves
  std::string text = type.empty() || type == "BOOLEAN" ? "" : ' ' + type;
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + ']';
  if (option->get_required()) text += " (required)";
  return text;
}

std::string Formatter::make_subcommand(const CLI::App* command) const {
  std::string text = command->get_description() + ' ';
  std::replace(text.begin(), text.end(), '\n', ' ');
  text.resize(std::min({text.find(". "), text.find(": "), text.size() - 1}));  // not at the dot of report.html
  return fmt::format("  {:<12}{}\n", command->get_name(), text);
}

std::string explain_usage(const CLI::App& program, const CLI::ParseError& error,
                          const std::vector<std::string>& words) {
  const CLI::App* app = &program;
  std::size_t at = 0;
  for (; at < words.size() && contains(command_names(*app), words[at]); ++at) app = app->get_subcommand(words[at]);
  const auto see = fmt::format(" (see {} --help)", full_name(*app));
  const auto commands = command_names(*app);
  if (!commands.empty() && at < words.size() && !words[at].starts_with('-')) {
    const auto parent = app->get_parent() ? app->get_name() + ' ' : "";
    return fmt::format("there is no command '{}{}'{}{}", parent, words[at], suggestion(nearest(words[at], commands)),
                       see);
  }
  const auto options = option_names(*app);
  for (std::size_t i = at; i < words.size(); ++i) {
    const std::string word = words[i].substr(0, words[i].find('='));
    if (word.starts_with("--") && word.size() > 2 && !contains(options, word))
      return fmt::format("there is no option {}{}{}", word, suggestion(nearest(word, options)), see);
  }
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  if (!commands.empty() && at == words.size()) {
    what = "a command is missing: ";
    for (const auto& name : commands) what += (name == commands[0] ? "" : ", ") + name;
  }
  return what + see;
}

}  // namespace anser::cli
