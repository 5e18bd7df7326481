#pragma once
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../io/safetensors.hpp"
#include "optimizer.hpp"

namespace anser {

/// What a stopped training goes on from, in one file that appears whole or not at all: parameters and all that the
/// optimizer remembers, bit by bit, and what else the caller keeps, as texts. Throws Error where the disk is full.
template <Backend B, class On>
void save_checkpoint(const std::string& path, const std::vector<Parameter<B>>& parameters, On& optimizer,
                     std::map<std::string, std::string> notes) {
  using R = typename B::real;
  std::vector<std::vector<R>> numbers;  // alive until written
  std::vector<NamedTensor> tensors;
  auto add = [&](const std::string& name, const Real<B>& t) {
    numbers.push_back(t.host());
    tensors.emplace_back(name, stored_view(numbers.back().data(), t.shape()));
  };
  for (const Parameter<B>& p : parameters) add("parameter." + p.name, p.value);
  On::visit(optimizer, [&](const std::string& name, const Real<B>& t) { add("optimizer." + name, t); });
  notes["optimizer.steps"] = std::to_string(optimizer.steps);
  write_safetensors(path, std::move(tensors), notes);
}

/// Takes a checkpoint's numbers, all of them, and returns its notes. Nothing is changed where it does not fit: throws
/// Error naming the file and the tensor that is missing, misshapen or unknown here.
template <Backend B, class On>
std::map<std::string, std::string> load_checkpoint(const std::string& path, const std::vector<Parameter<B>>& parameters,
                                                   On& optimizer) {
  using R = typename B::real;
  const auto file = Safetensors::open(path);
  std::vector<std::pair<Real<B>, std::vector<R>>> numbers;
  auto read = [&](const std::string& name, const Real<B>& t) {
    const Stored stored = file->get(name, t.shape());
    check(stored.dtype == dtype_of<R>, stored.origin, " holds ", name_of(stored.dtype), " and not ",
          name_of(dtype_of<R>), "; this checkpoint was written by a training of another kind");
    std::vector<R> v(stored.shape.size());
    convert(stored, v.data());
    for (const R x : v)
      if (!std::isfinite(x)) fail(stored.origin, " holds a number that is not finite; the file is damaged");
    numbers.emplace_back(t, std::move(v));
  };
  for (const Parameter<B>& p : parameters) read("parameter." + p.name, p.value);
  On::visit(optimizer, [&](const std::string& name, const Real<B>& t) { read("optimizer." + name, t); });
  check(file->entries().size() == numbers.size(), path, " holds ", file->entries().size(),
        " tensors and this training ", numbers.size(), "; give the settings that it was started with");
  const auto steps = file->metadata().find("optimizer.steps");
  check(steps != file->metadata().end(), path,
        " does not say after how many steps it was written; it is no checkpoint");
  for (const auto& [tensor, v] : numbers) tensor.assign(v);
  optimizer.steps = std::stoll(steps->second);
  return file->metadata();
}

}  // namespace anser
