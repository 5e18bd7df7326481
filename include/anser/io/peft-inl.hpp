#pragma once
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "../core/error.hpp"
#include "json.hpp"
#include "output_file.hpp"
#include "peft.hpp"
#include "peft_config.hpp"

namespace anser {

namespace detail {

/// A file's tensors under other names.
class RenamedSource : public Source {
 public:
  RenamedSource(std::shared_ptr<const Safetensors> file, std::map<std::string, std::string, std::less<>> to_file)
      : file_(std::move(file)), to_file_(std::move(to_file)) {}
  std::optional<Stored> find(std::string_view name) const override {
    const auto it = to_file_.find(name);
    return it == to_file_.end() ? std::nullopt : file_->find(it->second);
  }
  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, in_file] : to_file_) all.push_back(name);
    return all;
  }
  std::string origin() const override { return file_->origin(); }

 private:
  std::shared_ptr<const Safetensors> file_;
  std::map<std::string, std::string, std::less<>> to_file_;
};

/// A tensor that holds real numbers in as many axes; Error else.
inline Stored get_real(const Source& source, const std::string& name, int rank) {
  auto t = source.find(name);
  check(t.has_value(), source.origin(), ": the tensor ", name, " is missing");
  check(is_real(t->dtype), t->origin, " holds ", name_of(t->dtype), "; F32, BF16, F16 or F64 was expected");
  check(t->shape.rank() == rank, t->origin, " has the shape ", t->shape, " and must have ", rank,
        rank == 1 ? " axis" : " axes");
  return *std::move(t);
}

/// "a.b.lora_A.default.weight" -> "a.b" and "lora_A.weight"; nothing where the name is no such one.
inline std::optional<std::pair<std::string, std::string>> split_lora(std::string_view name) {
  if (!name.ends_with(".weight")) return {};
  name.remove_suffix(7);
  for (std::string_view part : {"lora_A", "lora_B"}) {
    const std::size_t at = name.rfind(part);
    if (at == name.npos || at < 2 || name[at - 1] != '.') continue;
    const std::string_view adapter = name.substr(at + part.size());  // "" or ".default"
    if (adapter.empty() || (adapter.size() > 1 && adapter[0] == '.' && adapter.find('.', 1) == adapter.npos))
      return std::pair(std::string(name.substr(0, at - 1)), std::string(part) + ".weight");
  }
  return {};
}

inline std::optional<std::pair<std::string, std::string>> split_ia3(std::string_view name) {
  const std::size_t at = name.rfind(".ia3_l");
  if (at == name.npos || at == 0) return {};
  const std::string_view adapter = name.substr(at + 6);
  if (!adapter.empty() && (adapter[0] != '.' || adapter.size() == 1 || adapter.find('.', 1) != adapter.npos)) return {};
  return std::pair(std::string(name.substr(0, at)), std::string("ia3_l"));
}

/// What follows the site is up to the module.
inline std::optional<std::pair<std::string, std::string>> split_adapter(std::string_view name) {
  for (std::string_view part : {".down.", ".up."})
    if (const std::size_t at = name.rfind(part); at != name.npos && at > 0)
      return std::pair(std::string(name.substr(0, at)), std::string(name.substr(at + 1)));
  return {};
}

inline void check_lora(const Expert& e, const PeftConfig& config) {
  for (const std::string& site : e.sites) {
    for (const char* part : {".lora_A.weight", ".lora_B.weight"})
      check(e.tensors->find(site + part).has_value(), e.tensors->origin(), ": the tensor ", site, part,
            " is missing, and its partner is there; save the adapter again");
    const Stored a = get_real(*e.tensors, site + ".lora_A.weight", 2);
    const Stored b = get_real(*e.tensors, site + ".lora_B.weight", 2);
    check(a.shape[0] == b.shape[1], a.origin, " has the shape ", a.shape, " [r, in] and lora_B ", b.shape,
          " [out, r]; the ranks must be equal");
    const int rank = config.rank_at(site);
    check(a.shape[0] == rank, a.origin, " has the shape ", a.shape, ", and by adapter_config.json it must have [", rank,
          ", ", a.shape[1], "] (lora_B: ", b.shape, "); r or rank_pattern belongs to another adapter");
  }
}

inline void check_ia3(const Expert& e, const PeftConfig& config) {
  for (const std::string& site : e.sites) {
    const Stored l = get_real(*e.tensors, site + ".ia3_l", 2);
    const bool input = config.feedforward.match(site);
    check(l.shape[input ? 0 : 1] == 1, l.origin, " has the shape ", l.shape, " and must have ",
          input ? "[1, in], as a feedforward module" : "[out, 1]");
  }
}

/// One vector per site, in a file of ours.
inline std::shared_ptr<const Source> load_vectors(const Expert& e, const std::string& path,
                                                  std::vector<std::string>* warnings) {
  if (!has_file(path)) return nullptr;
  const auto file = Safetensors::open(path);
  for (const auto& entry : file->entries()) {
    const Stored v = get_real(*file, entry.name, 1);
    if (!std::binary_search(e.sites.begin(), e.sites.end(), entry.name)) {
      if (warnings) warnings->push_back(concat(v.origin, " has no effect: the expert does not act there"));
    } else if (e.kind == "LORA") {
      const Stored a = *e.tensors->find(entry.name + ".lora_A.weight");
      check(v.shape[0] == a.shape[1], v.origin, " has the shape ", v.shape, ", and lora_A there has ", a.shape,
            "; they must have the same input");
    }
  }
  return file;
}

/// The last part of a path, also where it ends in a slash or is ".".
inline std::string folder_name(const std::string& directory) {
  std::error_code ignored;
  auto path = std::filesystem::canonical(directory, ignored);
  // A link's own name is the expert's, not that of what it points to.
  const auto plain = std::filesystem::path(directory).lexically_normal();
  const auto last = plain.has_filename() ? plain.filename() : plain.parent_path().filename();
  return last.empty() || last == "." || last == ".." ? path.filename().string() : last.string();
}

}  // namespace detail

ANSER_INLINE Expert load_expert(const std::string& directory, std::vector<std::string>* warnings) {
  check_directory(directory, "an expert");
  const auto path = [&](const char* file) { return directory + '/' + file; };
  const std::string config_path = path("adapter_config.json"), tensors_path = path("adapter_model.safetensors");
  check(has_file(config_path), config_path, " is missing; an expert directory has it and adapter_model.safetensors");
  std::vector<std::string> odd;
  const auto config = std::make_shared<const PeftConfig>(read_peft_config(config_path, odd));
  if (!has_file(tensors_path)) {
    const std::string pickle = path("adapter_model.bin");
    check(!has_file(pickle), pickle,
          " is a pickle, which is not read; convert it: python3 -c \"import torch, safetensors.torch as s; "
          "s.save_file({k: v.contiguous() for k, v in torch.load('",
          pickle, "', map_location='cpu', weights_only=True).items()}, '", tensors_path, "')\"");
    fail(tensors_path, " is missing; an expert directory has it and adapter_config.json");
  }
  const auto file = Safetensors::open(tensors_path);

  Expert e;
  e.name = detail::folder_name(directory);
  e.kind = config->kind;
  e.origin = directory;
  std::map<std::string, std::string, std::less<>> to_file;
  std::set<std::string> sites;
  for (const auto& entry : file->entries()) {
    std::string_view name = entry.name;
    constexpr std::string_view prefix = "base_model.model.";
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    const auto split = e.kind == "LORA"  ? detail::split_lora(name)
                       : e.kind == "IA3" ? detail::split_ia3(name)
                                         : detail::split_adapter(name);
    check(split || e.kind == "ANSER_ADAPTER", tensors_path, ": ", entry.name,
          e.kind == "LORA" ? " is no lora_A.weight or lora_B.weight of a linear" : " is no ia3_l of a linear",
          ", and nothing else is supported");
    std::string canonical(name);
    if (split) {
      const auto& [site, part] = *split;
      if (sites.insert(site).second && e.kind != "ANSER_ADAPTER")
        check(config->targets.match(site), tensors_path, ": ", entry.name,
              " belongs to no module that adapter_config.json targets (", config->targets.written(), ")");
      canonical = site + '.' + part;
    }
    const auto [it, fresh] = to_file.emplace(canonical, entry.name);
    check(fresh, tensors_path, ": ", it->second, " and ", entry.name, " are the same tensor; keep one adapter");
  }
  check(!sites.empty(), tensors_path, " holds no tensors of an adapter");
  e.sites.assign(sites.begin(), sites.end());
  e.tensors = std::make_shared<const detail::RenamedSource>(file, std::move(to_file));
  if (e.kind == "LORA") {
    detail::check_lora(e, *config);
    e.scale = [config](std::string_view site, int rank) { return config->scale_at(site, rank); };
  } else if (e.kind == "IA3") {
    detail::check_ia3(e, *config);
  } else {
    for (const std::string& name : e.tensors->names())
      check(is_real(e.tensors->find(name)->dtype), tensors_path, ": ", name, " must hold real numbers");
  }
  e.gates = detail::load_vectors(e, path("gate.safetensors"), &odd);
  e.activations = detail::load_vectors(e, path("activations.safetensors"), &odd);
  if (const std::string embeddings = path("embeddings.safetensors"); has_file(embeddings))
    e.embeddings = detail::get_real(*Safetensors::open(embeddings), "embeddings", 2);
  if (warnings) warnings->insert(warnings->end(), odd.begin(), odd.end());
  return e;
}

ANSER_INLINE void check_against(const Expert& e, const std::map<std::string, LinearSizes, std::less<>>& linears) {
  if (e.kind != "LORA" && e.kind != "IA3") return;
  for (const std::string& site : e.sites) {
    const auto it = linears.find(site);
    check(it != linears.end(), e.tensors->origin(), ": the base model has no linear ", site,
          "; was this expert trained for another model?");
    const LinearSizes& host = it->second;
    const auto fits = [&](const Stored& t, int axis, int size) {
      check(t.shape[axis] == size, t.origin, " has the shape ", t.shape, ", and the base model's weight there has [",
            host.out, ", ", host.in, "]; was this expert trained for another model?");
    };
    if (e.kind == "LORA") {
      fits(*e.tensors->find(site + ".lora_A.weight"), 1, host.in);
      fits(*e.tensors->find(site + ".lora_B.weight"), 0, host.out);
    } else {
      // [1, in] scales the input, [out, 1] the output; [1, 1] can only be a linear of one row or column.
      const Stored l = *e.tensors->find(site + ".ia3_l");
      const bool input = l.shape[0] == 1 && (l.shape[1] != 1 || host.in == 1);
      fits(l, input ? 1 : 0, input ? host.in : host.out);
    }
    for (const auto& vectors : {e.gates, e.activations})
      if (auto v = vectors ? vectors->find(site) : std::nullopt) fits(*v, 0, host.in);
  }
}

ANSER_INLINE void check_against(const Expert& e, const std::vector<LinearSizes>& linears) {
  std::map<std::string, LinearSizes, std::less<>> by_path;
  for (const LinearSizes& l : linears) by_path.emplace(l.path, l);
  check_against(e, by_path);
}

ANSER_INLINE std::optional<ExpertRecord> read_record(const std::string& directory) {
  const std::string path = directory + "/expert.json";
  if (!has_file(path)) return {};
  const Json json = read_json(path);
  check(json.kind() == Json::Kind::object, path, " must hold an object");
  ExpertRecord r;
  r.name = json.text("name", "");
  r.base_model = json.text("base_model", "");
  r.base_hash = json.text("base_hash", "");
  r.training_data = json.text("training_data", "");
  r.steps = json.integer("steps", 0, std::numeric_limits<std::int64_t>::max(), 0);
  return r;
}

namespace detail {
inline void write_json(const std::string& path, const nlohmann::ordered_json& json) {
  try {
    write_file(path, json.dump(2) + '\n');
  } catch (const nlohmann::json::exception&) {
    fail(path, ": a text in it is not valid UTF-8");
  }
}

inline nlohmann::ordered_json written_targets(const std::vector<std::string>& endings,
                                              const std::optional<Pattern>& pattern) {
  if (pattern) return pattern->text();
  return endings;
}
}  // namespace detail

ANSER_INLINE void write_record(const std::string& directory, const ExpertRecord& r) {
  detail::write_json(directory + "/expert.json", {{"name", r.name},
                                                  {"base_model", r.base_model},
                                                  {"base_hash", r.base_hash},
                                                  {"training_data", r.training_data},
                                                  {"steps", r.steps}});
}

ANSER_INLINE void write_expert(const std::string& directory, const LoraDescription& d,
                               std::vector<NamedTensor> tensors) {
  using Object = nlohmann::ordered_json;
  for (auto& [name, t] : tensors) {
    const auto split = detail::split_lora(name);
    check(split.has_value(), directory, ": ", name, " is no <site>.lora_A.weight or <site>.lora_B.weight");
    check(d.targets.match(split->first), directory, ": ", name, " belongs to no target (", d.targets.written(), ")");
    name = "base_model.model." + name;
  }
  const auto number = [](double v) { return v == std::int64_t(v) ? Object(std::int64_t(v)) : Object(v); };
  Object ranks = Object::object(), alphas = Object::object();
  for (const auto& [key, rank] : d.ranks) ranks[key] = rank;
  for (const auto& [key, alpha] : d.alphas) alphas[key] = number(alpha);
  Object config = {{"peft_type", "LORA"},
                   {"task_type", "SEQ_2_SEQ_LM"},
                   {"base_model_name_or_path", d.base_model},
                   {"r", d.rank},
                   {"lora_alpha", number(d.alpha)},
                   {"lora_dropout", d.dropout},
                   {"use_rslora", d.rslora},
                   {"use_dora", false},
                   {"bias", "none"},
                   {"fan_in_fan_out", false},
                   {"inference_mode", true},
                   {"init_lora_weights", true},
                   {"modules_to_save", nullptr},
                   {"rank_pattern", ranks},
                   {"alpha_pattern", alphas},
                   {"target_modules", nullptr},
                   {"exclude_modules", nullptr},
                   {"layers_to_transform", nullptr},
                   {"layers_pattern", nullptr}};
  if (d.targets.all)
    config["target_modules"] = "all-linear";
  else
    config["target_modules"] = detail::written_targets(d.targets.endings, d.targets.pattern);
  if (d.targets.excluded_pattern || !d.targets.excluded.empty())
    config["exclude_modules"] = detail::written_targets(d.targets.excluded, d.targets.excluded_pattern);
  if (!d.targets.layers.empty()) config["layers_to_transform"] = d.targets.layers;
  if (!d.targets.layers_pattern.empty()) {
    config["layers_pattern"] = Object::array();
    for (const Pattern& name : d.targets.layers_pattern) config["layers_pattern"].push_back(name.text());
  }
  const std::string config_path = directory + "/adapter_config.json";
  std::error_code ignored;
  std::filesystem::remove(config_path, ignored);  // an older one would make a half-written directory look whole
  write_safetensors(directory + "/adapter_model.safetensors", std::move(tensors), {{"format", "pt"}});
  detail::write_json(config_path, config);
}

ANSER_INLINE void write_gates(const std::string& directory, std::vector<NamedTensor> gates,
                              const std::map<std::string, std::string>& metadata) {
  write_safetensors(directory + "/gate.safetensors", std::move(gates), metadata);
}

}  // namespace anser
