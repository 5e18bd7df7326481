#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/error.hpp"
#include "../core/pattern.hpp"

namespace anser {

/// Which modules of a model get an expert, by their paths ("encoder.block.0.layer.0.SelfAttention.q"), with the rules
/// and the words of PEFT's configuration.
struct Targets {
  std::vector<std::string> endings;   // a path ends in ".q", or is "q"
  std::optional<Pattern> pattern;     // instead of endings: the whole path matches
  bool all = false;                   // instead of both: "all-linear", every linear but the head
  std::vector<std::string> excluded;  // endings
  std::optional<Pattern> excluded_pattern;
  std::vector<std::int64_t> layers;     // only these layers, where any is named; endings only
  std::vector<Pattern> layers_pattern;  // what stands before a layer's number, "block"; empty: anything

  /// A comma list of endings ("q,v,wo"), "all-linear", or, with any character of regular expressions, a pattern.
  static Targets parse(std::string_view text) {
    Targets t;
    if (text == "all-linear") {
      t.all = true;
    } else if (Pattern::looks_like_one(text)) {
      t.pattern.emplace(std::string(text));
    } else {
      while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view name = text.substr(0, comma);
        while (name.starts_with(' ')) name.remove_prefix(1);
        while (name.ends_with(' ')) name.remove_suffix(1);
        check(!name.empty(), "targets: an empty name in a comma list; write them as q,v,wo");
        t.endings.emplace_back(name);
        text.remove_prefix(std::min(comma + 1, text.size()));
      }
      check(!t.endings.empty(), "targets: no names; write them as q,v,wo");
    }
    return t;
  }

  bool match(std::string_view path) const {
    if (excluded_pattern && excluded_pattern->match(path)) return false;
    if (ends_in(path, excluded)) return false;
    if (all) return path != "lm_head";
    if (pattern) return pattern->match(path);
    if (std::find(endings.begin(), endings.end(), path) != endings.end()) return true;  // whatever its layer, as PEFT
    return ends_in(path, endings) && (layers.empty() || in_layers(path));
  }

  /// As a configuration file would say it, for messages.
  std::string written() const {
    if (all) return "all-linear";
    if (pattern) return pattern->text();
    std::string text;
    for (const auto& e : endings) text += (text.empty() ? "" : ",") + e;
    return text;
  }

 private:
  static bool ends_in(std::string_view path, const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      if (!path.ends_with(name)) return false;
      return path.size() == name.size() || path[path.size() - name.size() - 1] == '.';
    });
  }
  /// Whether the end of the path, from after one of its dots, matches.
  static bool stands_before(const Pattern& name, std::string_view path) {
    for (std::size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1))
      if (name.match(path.substr(dot + 1))) return true;
    return false;
  }
  /// The layer is the last number in "a.name.number.b" whose name fits.
  bool in_layers(std::string_view path) const {
    std::vector<std::string_view> parts;
    for (std::size_t from = 0; from <= path.size();) {
      const std::size_t dot = std::min(path.find('.', from), path.size());
      parts.push_back(path.substr(from, dot - from));
      from = dot + 1;
    }
    const auto numbered = [&](const Pattern* name) {
      for (std::size_t i = parts.size(); i-- > 2;) {
        const std::string_view n = parts[i];
        if (i + 1 == parts.size() || n.empty() || n.size() > 9 || n.find_first_not_of("0123456789") != n.npos) continue;
        if (name && !stands_before(*name, path.substr(0, std::size_t(n.data() - path.data()) - 1))) continue;
        return std::optional<std::int64_t>(std::stoll(std::string(n)));
      }
      return std::optional<std::int64_t>();
    };
    std::optional<std::int64_t> layer;
    if (layers_pattern.empty()) layer = numbered(nullptr);
    for (const auto& name : layers_pattern)
      if (!layer) layer = numbered(&name);
    return layer && std::find(layers.begin(), layers.end(), *layer) != layers.end();
  }
};

}  // namespace anser
