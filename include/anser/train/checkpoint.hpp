#pragma once
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../io/safetensors.hpp"
#include "optimizer.hpp"

namespace anser {
namespace detail {

/// Tensors on their way to a file.
template <Backend B>
class CheckpointWriter {
  using R = typename B::real;

 public:
  void add(const std::string& name, const Real<B>& t) {
    numbers_.push_back(t.host());
    tensors_.emplace_back(name, stored_view(numbers_.back().data(), t.shape()));
  }
  void write(const std::string& path, const std::map<std::string, std::string>& notes) {
    write_safetensors(path, std::move(tensors_), notes);
  }

 private:
  std::vector<std::vector<R>> numbers_;  // alive until written
  std::vector<NamedTensor> tensors_;
};

/// Tensors of a file, read and looked at before the first is taken.
template <Backend B>
class CheckpointReader {
  using R = typename B::real;

 public:
  explicit CheckpointReader(const std::string& path) : file_(Safetensors::open(path)) {}
  void read(const std::string& name, const Real<B>& t) {
    const Stored stored = file_->get(name, t.shape());
    check(stored.dtype == dtype_of<R>, stored.origin, " holds ", name_of(stored.dtype), " and not ",
          name_of(dtype_of<R>), "; this checkpoint was written by a training of another kind");
    std::vector<R> v(stored.shape.size());
    convert(stored, v.data());
    for (const R x : v)
      if (!std::isfinite(x)) fail(stored.origin, " holds a number that is not finite; the file is damaged");
    numbers_.emplace_back(t, std::move(v));
  }
  /// Gives the tensors their numbers; returns the file's notes.
  std::map<std::string, std::string> take() {
    check(file_->entries().size() == numbers_.size(), file_->origin(), " holds ", file_->entries().size(),
          " tensors and this training ", numbers_.size(), "; give the settings that it was started with");
    for (const auto& [tensor, v] : numbers_) tensor.assign(v);
    return file_->metadata();
  }
  /// A note. Throws Error where the file has none of that name.
  std::string note(const std::string& name) const {
    const auto at = file_->metadata().find(name);
    check(at != file_->metadata().end(), file_->origin(), " does not say ", name,
          "; it is no checkpoint of a training");
    return at->second;
  }

 private:
  std::shared_ptr<const Safetensors> file_;
  std::vector<std::pair<Real<B>, std::vector<R>>> numbers_;
};

}  // namespace detail

/// Parameters alone in one file that appears whole or not at all, bit by bit, with notes. Throws Error where the disk
/// is full.
template <Backend B>
void save_parameters(const std::string& path, const std::vector<Parameter<B>>& parameters,
                     const std::map<std::string, std::string>& notes) {
  detail::CheckpointWriter<B> w;
  for (const Parameter<B>& p : parameters) w.add("parameter." + p.name, p.value);
  w.write(path, notes);
}

/// Takes what save_parameters wrote, and returns its notes. Nothing is changed where it does not fit: throws Error
/// naming the file and the tensor that is missing, misshapen, unknown here or not finite.
template <Backend B>
std::map<std::string, std::string> load_parameters(const std::string& path,
                                                   const std::vector<Parameter<B>>& parameters) {
  detail::CheckpointReader<B> r(path);
  for (const Parameter<B>& p : parameters) r.read("parameter." + p.name, p.value);
  return r.take();
}

/// What a stopped training goes on from: parameters and all that the optimizer remembers, as save_parameters does.
template <Backend B, class On>
void save_checkpoint(const std::string& path, const std::vector<Parameter<B>>& parameters, On& optimizer,
                     std::map<std::string, std::string> notes) {
  detail::CheckpointWriter<B> w;
  for (const Parameter<B>& p : parameters) w.add("parameter." + p.name, p.value);
  On::visit(optimizer, [&](const std::string& name, const Real<B>& t) { w.add("optimizer." + name, t); });
  notes["optimizer.steps"] = std::to_string(optimizer.steps);
  w.write(path, notes);
}

/// Takes a checkpoint's numbers, all of them, and returns its notes; Error as load_parameters.
template <Backend B, class On>
std::map<std::string, std::string> load_checkpoint(const std::string& path, const std::vector<Parameter<B>>& parameters,
                                                   On& optimizer) {
  detail::CheckpointReader<B> r(path);
  for (const Parameter<B>& p : parameters) r.read("parameter." + p.name, p.value);
  On::visit(optimizer, [&](const std::string& name, const Real<B>& t) { r.read("optimizer." + name, t); });
  const std::string steps = r.note("optimizer.steps");
  auto notes = r.take();
  optimizer.steps = std::stoll(steps);
  return notes;
}

}  // namespace anser
