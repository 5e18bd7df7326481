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
#include "torch_file.hpp"

namespace anser {

namespace detail {

/// A file's tensors under other names.
class RenamedSource : public Source {
 public:
  RenamedSource(std::shared_ptr<const Source> file, std::map<std::string, std::string, std::less<>> to_file)
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
  std::shared_ptr<const Source> file_;
  std::map<std::string, std::string, std::less<>> to_file_;
};

/// A tensor that holds real numbers in as many axes; Error else.
inline Stored get_real(const Source& source, const std::string& name, int rank) {
  auto t = source.find(name);
  check(t.has_value(), source.origin(), ": the tensor ", name, " is missing");
  check(is_real(t->dtype), t->origin, " holds ", name_of(t->dtype), "; F32, BF16, F16 or F64 was expected");
  check(t->shape.rank() == rank, t->origin, " has the shape ", t->shape, " and must have ", rank,
        rank == 1 ? " axis: save it as a vector" : " axes: save it so");
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

inline std::optional<std::pair<std::string, std::string>> split_adapter(std::string_view name) {
  for (std::string_view part : {".down.weight", ".down.bias", ".up.weight", ".norm.weight", ".norm.bias"})
    if (name.size() > part.size() && name.ends_with(part))
      return std::pair(std::string(name.substr(0, name.size() - part.size())), std::string(part.substr(1)));
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
          " [out, r]; the ranks must be equal: save the adapter again");
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

inline void check_adapter(const Expert& e) {
  for (const std::string& site : e.sites) {
    for (const char* part : {".down.weight", ".up.weight"})
      check(e.tensors->find(site + part).has_value(), e.tensors->origin(), ": the tensor ", site, part,
            " is missing; an adapter has down.weight and up.weight");
    const Stored down = get_real(*e.tensors, site + ".down.weight", 2);
    const Stored up = get_real(*e.tensors, site + ".up.weight", 2);
    check(up.shape == Shape{down.shape[1], down.shape[0]}, down.origin, " has the shape ", down.shape,
          " [bottleneck, width] and up.weight ", up.shape, "; it must be [width, bottleneck]");
    const auto vector = [&](const char* part, int n) {
      if (!e.tensors->find(site + part)) return false;
      const Stored v = get_real(*e.tensors, site + part, 1);
      check(v.shape[0] == n, v.origin, " has the shape ", v.shape, ", and it must be [", n, "]");
      return true;
    };
    vector(".down.bias", down.shape[0]);
    check(vector(".norm.weight", down.shape[1]) == vector(".norm.bias", down.shape[1]), e.tensors->origin(), ": ", site,
          " has only one of norm.weight and norm.bias");
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
    } else if (e.kind != "IA3") {
      const std::string part = e.kind == "LORA" ? "lora_A.weight" : "down.weight";
      const Stored a = *e.tensors->find(entry.name + '.' + part);
      check(v.shape[0] == a.shape[1], v.origin, " has the shape ", v.shape, ", and ", part, " there has ", a.shape,
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
  const std::string config_path = path("adapter_config.json");
  check(has_file(config_path), config_path, " is missing; an expert directory has it and adapter_model.safetensors");
  std::vector<std::string> odd;
  const auto config = std::make_shared<const PeftConfig>(read_peft_config(config_path, odd));
  std::string tensors_path = path("adapter_model.safetensors");
  std::shared_ptr<const Source> file;
  if (has_file(tensors_path)) {
    file = Safetensors::open(tensors_path);
  } else if (const std::string pickle = path("adapter_model.bin"); has_file(pickle)) {  // as older PEFT wrote
    file = TorchFile::open(tensors_path = pickle);
  } else {
    fail(tensors_path, " is missing, and so is adapter_model.bin; an expert directory has it and adapter_config.json");
  }

  Expert e;
  e.name = detail::folder_name(directory);
  e.kind = config->kind;
  e.origin = directory;
  std::map<std::string, std::string, std::less<>> to_file;
  std::set<std::string> sites;
  for (const std::string& in_file : file->names()) {
    std::string_view name = in_file;
    constexpr std::string_view prefix = "base_model.model.";
    if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
    const auto split = e.kind == "LORA"  ? detail::split_lora(name)
                       : e.kind == "IA3" ? detail::split_ia3(name)
                                         : detail::split_adapter(name);
    check(split.has_value(), tensors_path, ": ", in_file,
          e.kind == "LORA"  ? " is no lora_A.weight or lora_B.weight of a linear"
          : e.kind == "IA3" ? " is no ia3_l of a linear"
                            : " is no down.weight, down.bias, up.weight, norm.weight or norm.bias of a sub-layer",
          ", and nothing else is supported");
    const auto& [site, part] = *split;
    if (sites.insert(site).second && e.kind != "ANSER_ADAPTER")
      check(config->targets.match(site), tensors_path, ": ", in_file,
            " belongs to no module that adapter_config.json targets (", config->targets.written(), ")");
    const std::string canonical = site + '.' + part;
    const auto [it, fresh] = to_file.emplace(canonical, in_file);
    check(fresh, tensors_path, ": ", it->second, " and ", in_file, " are the same tensor; keep one adapter");
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
    detail::check_adapter(e);
    e.activation = config->activation;
  }
  e.gates = detail::load_vectors(e, path("gate.safetensors"), &odd);
  e.activations = detail::load_vectors(e, path("activations.safetensors"), &odd);
  if (const std::string embeddings = path("embeddings.safetensors"); has_file(embeddings))
    e.embeddings = detail::get_real(*Safetensors::open(embeddings), "embeddings", 2);
  if (warnings) warnings->insert(warnings->end(), odd.begin(), odd.end());
  return e;
}

ANSER_INLINE void check_against(const Expert& e, const std::map<std::string, LinearSizes, std::less<>>& linears) {
  for (const std::string& site : e.sites) {
    const auto it = linears.find(site);
    check(it != linears.end(), e.tensors->origin(), ": the base model has no ",
          e.kind == "ANSER_ADAPTER" ? "sub-layer " : "linear ", site, "; was this expert trained for another model?");
    const LinearSizes& host = it->second;
    const auto fits = [&](const Stored& t, int axis, int size) {
      check(t.shape[axis] == size, t.origin, " has the shape ", t.shape, ", and the base model's weight there has [",
            host.out, ", ", host.in, "]; was this expert trained for another model?");
    };
    if (e.kind == "LORA") {
      fits(*e.tensors->find(site + ".lora_A.weight"), 1, host.in);
      fits(*e.tensors->find(site + ".lora_B.weight"), 0, host.out);
    } else if (e.kind == "ANSER_ADAPTER") {
      fits(*e.tensors->find(site + ".down.weight"), 1, host.in);
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

namespace detail {
inline void write_adapter(const std::string& directory, const nlohmann::ordered_json& config,
                          std::vector<NamedTensor> tensors) {
  const std::string config_path = directory + "/adapter_config.json";
  std::error_code ignored;
  std::filesystem::remove(config_path, ignored);  // an older one would make a half-written directory look whole
  write_safetensors(directory + "/adapter_model.safetensors", std::move(tensors), {{"format", "pt"}});
  write_json(config_path, config);
}
}  // namespace detail

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
  detail::write_adapter(directory, config, std::move(tensors));
}

ANSER_INLINE void write_expert(const std::string& directory, const Ia3Description& d,
                               std::vector<NamedTensor> tensors) {
  for (auto& [name, t] : tensors) {
    const auto split = detail::split_ia3(name);
    check(split.has_value(), directory, ": ", name, " is no <site>.ia3_l");
    check(d.targets.match(split->first), directory, ": ", name, " belongs to no target (", d.targets.written(), ")");
    name = "base_model.model." + name;
  }
  nlohmann::ordered_json config = {{"peft_type", "IA3"},
                                   {"task_type", "SEQ_2_SEQ_LM"},
                                   {"base_model_name_or_path", d.base_model},
                                   {"target_modules", detail::written_targets(d.targets.endings, d.targets.pattern)},
                                   {"feedforward_modules", d.feedforward},
                                   {"fan_in_fan_out", false},
                                   {"inference_mode", true},
                                   {"init_ia3_weights", true},
                                   {"modules_to_save", nullptr}};
  detail::write_adapter(directory, config, std::move(tensors));
}

ANSER_INLINE void write_expert(const std::string& directory, const AdapterDescription& d,
                               std::vector<NamedTensor> tensors) {
  for (const auto& [name, t] : tensors)
    check(detail::split_adapter(name).has_value(), directory, ": ", name, " is no part of an adapter");
  const nlohmann::ordered_json config = {{"peft_type", "ANSER_ADAPTER"},
                                         {"base_model_name_or_path", d.base_model},
                                         {"activation", std::string(activation_names[std::size_t(d.activation)])}};
  detail::write_adapter(directory, config, std::move(tensors));
}

ANSER_INLINE void write_gates(const std::string& directory, std::vector<NamedTensor> gates,
                              const std::map<std::string, std::string>& metadata) {
  write_safetensors(directory + "/gate.safetensors", std::move(gates), metadata);
}

ANSER_INLINE void write_embeddings(const std::string& directory, const std::vector<float>& rows, int width,
                                   const std::string& encoder, const std::string& encoder_hash) {
  const std::string path = directory + "/embeddings.safetensors";
  check(width > 0 && !rows.empty() && rows.size() % std::size_t(width) == 0, path, ": ", rows.size(),
        " numbers are no embeddings of width ", width);
  Stored all = stored_view(rows.data(), {int(rows.size() / std::size_t(width)), width});
  all.origin = concat("the embeddings for ", path);
  check_finite(all);
  write_safetensors(path, {{"embeddings", all}}, {{"encoder", encoder}, {"encoder_hash", encoder_hash}});
}

}  // namespace anser
