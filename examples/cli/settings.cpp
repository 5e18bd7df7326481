#include "settings.hpp"

#include <CLI/CLI.hpp>
#include <anser/core/error.hpp>
#include <anser/io/json.hpp>

#include <algorithm>
#include <filesystem>
#include <optional>

namespace anser::cli {
namespace {

/// What may be given anew when a training goes on: where it runs, how long, and what it tells.
constexpr const char* free_to_change[] = {"steps",    "save-every", "validate-every", "threads", "resume",
                                          "settings", "keep-last",  "output",         "expert",  "name"};

bool is_free(const std::string& key) {
  return std::find(std::begin(free_to_change), std::end(free_to_change), key) != std::end(free_to_change);
}

/// The values of --name, given behind it or with '='; of a flag alone "true". Nothing where it is not given.
std::optional<std::vector<std::string>> values_of(const std::vector<std::string>& words, const std::string& name) {
  const std::string option = "--" + name;
  std::optional<std::vector<std::string>> values;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] != option && !words[i].starts_with(option + '=')) continue;
    if (!values) values.emplace();
    const std::size_t before = values->size();
    if (words[i] != option) values->push_back(words[i].substr(option.size() + 1));
    while (words[i] == option && i + values->size() - before + 1 < words.size() &&
           !words[i + values->size() - before + 1].starts_with("--"))
      values->push_back(words[i + values->size() - before + 1]);
    if (values->size() == before) values->push_back("true");
  }
  return values;
}
std::optional<std::string> value_of(const std::vector<std::string>& words, const std::string& name) {
  const auto values = values_of(words, name);
  return values ? std::optional(values->front()) : std::nullopt;
}

std::string as_word(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::text: return value.text();
    case Json::Kind::integer:
    case Json::Kind::real:
    case Json::Kind::boolean: return value.written();
    default: fail(value.place(), ": an option is a text, a number, true or false, or a list of texts");
  }
}

/// Whether two words say the same: numbers may be written in several ways, though whole ones keep all their digits.
bool same(const std::string& a, const std::string& b) {
  const auto whole = [](const std::string& s) { return s.find_first_not_of("0123456789") == s.npos; };
  if (a == b || (whole(a) && whole(b))) return a == b;
  char *end_a = nullptr, *end_b = nullptr;
  const double x = std::strtod(a.c_str(), &end_a), y = std::strtod(b.c_str(), &end_b);
  return !a.empty() && !b.empty() && *end_a == 0 && *end_b == 0 && x == y;
}

std::string words_text(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& w : words) text += (text.empty() ? "" : " ") + w;
  return text;
}

/// Adds the file's options to the words. `kept`: those of a training that is resumed, which must not be contradicted.
void add_file(std::vector<std::string>& words, const std::string& path, bool kept) {
  const Json file = read_json(path);
  check(file.kind() == Json::Kind::object, path, ": settings are an object such as {\"steps\": 1000}");
  for (const std::string& key : file.keys()) {
    const auto value = file.find(key);
    if (value && key == "command") {
      check(as_word(*value) == words[0] + ' ' + words[1], path, " is of a training by `anser ", as_word(*value),
            "` and not by `anser ", words[0], ' ', words[1], "`; go on with that one");
      continue;
    }
    if (!value || key == "settings" || key == "resume") continue;
    std::vector<std::string> said;
    if (value->kind() == Json::Kind::list)
      for (const auto& item : value->items()) said.push_back(as_word(item));
    else
      said.push_back(as_word(*value));
    if (const auto given = values_of(words, key)) {
      const bool differs = !std::equal(given->begin(), given->end(), said.begin(), said.end(), same);
      check(!kept || is_free(key) || !differs, "--", key, " is ", words_text(*given),
            ", and the training that is to be resumed was started with ", words_text(said), " (", path,
            "); leave the option out, or train into another folder");
      continue;
    }
    for (const auto& word : said) words.push_back("--" + key + '=' + word);
  }
}

}  // namespace

std::vector<std::string> with_settings(std::vector<std::string> words) {
  if (words.size() < 2 || words[0] != "train") return words;
  const auto path = value_of(words, "settings");  // an empty name is left to what parses the words
  if (path && !path->empty()) add_file(words, *path, false);
  if (value_of(words, "resume")) {
    const bool gate = words[1] == "gate";
    auto output = value_of(words, "output");
    if (!output && gate) output = value_of(words, "expert");
    if (output && output->empty()) return words;
    std::error_code ignored;
    const std::string settings = output.value_or("") + (gate ? "/training-gate" : "/training") + "/settings.json";
    check(
        !output || std::filesystem::exists(settings, ignored) || value_of(words, "model") || value_of(words, "config"),
        output.value_or(""), " holds no training to resume; give the options of the one that is to begin");
    if (output && std::filesystem::exists(settings, ignored)) add_file(words, settings, true);
  }
  return words;
}

std::string settings_of(const Command& command) {
  std::string text = "{\n  \"command\": " + quote("train " + command.app().get_name());
  for (const CLI::Option* option : command.app().get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string name = option->get_lnames()[0];
    if (name == "help" || name == "settings" || name == "resume") continue;
    const auto excluded = option->get_excludes();  // a default must not stand beside what excludes it
    if (!option->count() && std::any_of(excluded.begin(), excluded.end(), [](const auto* e) { return e->count() > 0; }))
      continue;
    auto values = option->count() ? option->results() : std::vector<std::string>{option->get_default_str()};
    const bool flag = option->get_items_expected_max() == 0;
    if (flag) values = {option->count() ? values[0] : "false"};
    if (values.size() == 1 && values[0].empty()) continue;
    const auto written = [&](const std::string& v) {
      if (flag) return v;
      try {  // numbers stay numbers
        const auto kind = parse_json(v, name).kind();
        if (kind == Json::Kind::integer || kind == Json::Kind::real) return v;
      } catch (const Error&) {
      }
      return quote(v);
    };
    std::string value;
    for (const auto& v : values) value += (value.empty() ? "" : ", ") + written(v);
    if (values.size() > 1) value = '[' + value + ']';
    text += ",\n  " + quote(name) + ": " + value;
  }
  return text + "\n}\n";
}

}  // namespace anser::cli
