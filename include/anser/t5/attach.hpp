#pragma once
#include <span>

#include "../routed.hpp"
#include "model.hpp"

namespace anser {

/// Give every site of a model the experts of a pool that has any there, heard as the router decides. Replaces what was
/// attached, and unpacks the model, since routers' rows are packed with the weights. Throws Error where an expert does
/// not fit, or lacks what the router reads.
template <Backend B, class Module, class R>
void attach(T5Model<B>& model, std::span<const Expert> experts, Module module = {}, R router = {}) {
  model.unpack();
  model.each_site([&](Site& site, std::unique_ptr<SiteExperts<B>>& place) {
    place.reset();
    site.experts = int(experts.size());
    for (const Expert& e : experts)
      if (e.has(site.name)) {
        place = std::make_unique<Routed<B, Module, R>>(model.device(), module, router, site, experts);
        return;
      }
  });
}

}  // namespace anser
