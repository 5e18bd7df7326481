#pragma once
#include <algorithm>
#include <array>
#include <cmath>

#include "../core/error.hpp"
#include "json.hpp"
#include "peft_config.hpp"

namespace anser {

ANSER_INLINE void PatternedValues::add(const std::string& key, double value) {
  Entry e{key, {}, value};
  if (Pattern::looks_like_one(key)) e.pattern.emplace("(.*\\.)?(" + key + ')');
  entries_.push_back(std::move(e));
}

ANSER_INLINE std::optional<double> PatternedValues::find(std::string_view path) const {
  for (const Entry& e : entries_) {
    if (e.pattern) {
      if (e.pattern->match(path)) return e.value;
      continue;
    }
    const std::size_t n = e.ending.size();
    if (n > path.size() || (n < path.size() && path[path.size() - n - 1] != '.')) continue;
    const auto fits = [](char pattern, char c) { return pattern == c || (pattern == '.' && c != '\n'); };
    if (std::equal(e.ending.begin(), e.ending.end(), path.end() - std::ptrdiff_t(n), fits)) return e.value;
  }
  return {};
}

ANSER_INLINE int PeftConfig::rank_at(std::string_view site) const { return int(ranks.find(site).value_or(rank)); }

ANSER_INLINE double PeftConfig::scale_at(std::string_view site, int r) const {
  return alphas.find(site).value_or(alpha) / (rslora ? std::sqrt(double(r)) : double(r));
}

namespace detail {

inline constexpr std::int64_t rank_limit = 1 << 20;

/// Whether a field says nothing: null, false, "", [], {}.
inline bool says_nothing(const Json& v) {
  switch (v.kind()) {
    case Json::Kind::null: return true;
    case Json::Kind::boolean: return !v.boolean();
    case Json::Kind::text: return v.text().empty();
    case Json::Kind::list: return v.items().empty();
    case Json::Kind::object: return v.keys().empty();
    default: return false;
  }
}

inline Pattern read_pattern(const Json& place, const std::string& text) {
  try {
    return Pattern(text);
  } catch (const Error& e) {
    fail(place.place(), ": ", e.what());
  }
}

/// A field that is a list of endings, or one pattern for whole paths.
inline void read_targets(const Json& json, std::vector<std::string>& endings, std::optional<Pattern>& pattern) {
  if (json.kind() != Json::Kind::text) {
    endings = json.texts();
    return;
  }
  pattern = read_pattern(json, json.text());
}

inline Targets read_targets(const Json& config, std::string_view key, std::vector<std::string> otherwise) {
  Targets t;
  const auto json = config.find(key);
  if (!json)
    t.endings = std::move(otherwise);
  else if (json->kind() == Json::Kind::text && json->text() == "all-linear")
    t.all = true;
  else
    read_targets(*json, t.endings, t.pattern);
  return t;
}

inline void read_exceptions(const Json& config, std::string_view key, PatternedValues& values, bool ranks) {
  const auto json = config.find(key);
  if (!json) return;
  for (const std::string& name : json->keys()) {
    const Json value = json->at(name);
    try {
      values.add(name, ranks ? double(value.integer(1, rank_limit)) : value.real());
    } catch (const Error& e) {
      const std::string what = e.what(), place = json->place();
      fail(what.starts_with(place) ? "" : place + ": ", what);
    }
  }
}

struct Refusal {
  const char* field;
  const char* why;
};

/// Fields that change what an expert computes; anything but nothing in them is refused.
inline constexpr std::array refused_fields = {
    Refusal{"use_dora", "DoRA rescales the base weights"},
    Refusal{"lora_bias", "a bias beside B is not supported"},
    Refusal{"fan_in_fan_out", "T5 keeps its weights as [out, in]"},
    Refusal{"modules_to_save", "whole modules beside the adapter are not supported"},
    Refusal{"layer_replication", "repeated layers are not supported"},
    Refusal{"trainable_token_indices", "trained embeddings are not supported"},
    Refusal{"target_parameters", "adapters of bare parameters are not supported"},
    Refusal{"alora_invocation_tokens", "activated LoRA is not supported"},
    Refusal{"arrow_config", "use the router of that name instead"},
    Refusal{"use_qalora", "quantised LoRA pools its input"},
    Refusal{"use_bdlora", "block-diagonal LoRA is not supported"},
    Refusal{"megatron_config", "parallel linears are not supported"},
};

/// Fields that are read, or that say nothing about the result.
inline constexpr std::array known_fields = {"peft_type",
                                            "base_model_name_or_path",
                                            "target_modules",
                                            "exclude_modules",
                                            "feedforward_modules",
                                            "r",
                                            "lora_alpha",
                                            "use_rslora",
                                            "rank_pattern",
                                            "alpha_pattern",
                                            "layers_to_transform",
                                            "layers_pattern",
                                            "bias",
                                            "init_lora_weights",
                                            "task_type",
                                            "auto_mapping",
                                            "peft_version",
                                            "revision",
                                            "inference_mode",
                                            "lora_dropout",
                                            "megatron_core",
                                            "loftq_config",
                                            "eva_config",
                                            "corda_config",
                                            "lora_ga_config",
                                            "qalora_group_size",
                                            "runtime_config",
                                            "ensure_weight_tying",
                                            "init_ia3_weights"};

inline void check_fields(const std::string& path, const Json& json, std::vector<std::string>& warnings) {
  for (const auto& [field, why] : refused_fields)
    if (const auto v = json.find(field); v && !says_nothing(*v))
      fail(path, ": ", field, " = ", v->written(60), " is not supported (", why, ")");
  if (const auto bias = json.find("bias"); bias && bias->text() != "none")
    fail(path, ": bias = ", bias->written(60), " is not supported (trained biases); only \"none\" is");
  if (const auto init = json.find("init_lora_weights"); init && init->kind() == Json::Kind::text) {
    const std::string& how = init->text();
    check(how == "gaussian" || how == "eva" || how == "orthogonal", path, ": init_lora_weights = ", init->written(60),
          " is not supported (it changes the base weights); convert the adapter to plain LoRA with PEFT's "
          "save_pretrained(..., path_initial_model_for_weight_conversion=...)");
  }
  for (const std::string& key : json.keys()) {
    const auto is_key = [&](const auto& field) { return key == field; };
    const bool known =
        std::any_of(known_fields.begin(), known_fields.end(), is_key) ||
        std::any_of(refused_fields.begin(), refused_fields.end(), [&](const Refusal& r) { return key == r.field; });
    const auto v = json.find(key);
    if (!known && v && !says_nothing(*v))
      warnings.push_back(
          concat(path, ": the field ", key, " = ", v->written(60), " is unknown and has no effect here"));
  }
}

}  // namespace detail

ANSER_INLINE PeftConfig read_peft_config(const std::string& path, std::vector<std::string>& warnings) {
  const Json json = read_json(path);
  check(json.kind() == Json::Kind::object, path, " must hold an object");
  PeftConfig c;
  c.kind = json.text("peft_type");
  c.base_model = json.text("base_model_name_or_path", "");
  if (c.kind == "ANSER_ADAPTER") {
    const std::string name = json.text("activation", "silu");
    const auto known = std::find(std::begin(activation_names), std::end(activation_names), name);
    check(known != std::end(activation_names), path, ": activation ", quote(name),
          " is not supported; none, relu, silu and gelu_new are");
    c.activation = Activation(known - std::begin(activation_names));
    return c;
  }
  check(c.kind == "LORA" || c.kind == "IA3", path, ": peft_type ", quote(c.kind),
        " is not supported; LORA, IA3 and ANSER_ADAPTER are");
  detail::check_fields(path, json, warnings);
  const bool lora = c.kind == "LORA";
  // Where the file names none, PEFT takes these for T5.
  c.targets = detail::read_targets(
      json, "target_modules", lora ? std::vector<std::string>{"q", "v"} : std::vector<std::string>{"k", "v", "wo"});
  if (const auto excluded = json.find("exclude_modules"))
    detail::read_targets(*excluded, c.targets.excluded, c.targets.excluded_pattern);
  if (!lora) {
    c.feedforward = detail::read_targets(json, "feedforward_modules", {"wo"});
    return c;
  }
  if (const auto layers = json.find("layers_to_transform")) {
    constexpr std::int64_t most = 1'000'000'000;
    if (layers->kind() == Json::Kind::list)
      for (const Json& n : layers->items()) c.targets.layers.push_back(n.integer(-1, most));
    else
      c.targets.layers.push_back(layers->integer(-1, most));
    if (const auto names = json.find("layers_pattern")) {
      const bool one = names->kind() == Json::Kind::text;
      for (const std::string& name : one ? std::vector{names->text()} : names->texts())
        if (!name.empty()) c.targets.layers_pattern.push_back(detail::read_pattern(*names, name));
    }
  }
  c.rank = int(json.integer("r", 1, detail::rank_limit, 8));
  c.alpha = json.real("lora_alpha", 8);
  c.rslora = json.boolean("use_rslora", false);
  detail::read_exceptions(json, "rank_pattern", c.ranks, true);
  detail::read_exceptions(json, "alpha_pattern", c.alphas, false);
  return c;
}

}  // namespace anser
