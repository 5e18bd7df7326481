#pragma once
#if defined(ANSER_HAS_ONEDNN)
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "../core/error.hpp"
#include "concept.hpp"
#include "cpu_threads-inl.hpp"

/// Products through oneDNN: weights in its blocked layout, primitives made once per shape.
namespace anser::cpu::onednn {

using Layout = dnnl::memory::desc;
using Sizes = dnnl::memory::dims;

template <class T>
inline constexpr auto data_type = dnnl::memory::data_type::f32;
template <>
inline constexpr auto data_type<bf16> = dnnl::memory::data_type::bf16;

inline dnnl::engine& engine() {
  static dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}

/// A product of given shapes and layouts, ready to run on any pointers.
struct Product {
  dnnl::matmul primitive;
  Layout a, b, c, scratch;
};

/// Everything that a primitive depends on.
using Key = std::array<std::int64_t, 24>;

/// Making a primitive costs up to a millisecond and running it microseconds, so the ones used last are kept.
class Products {
 public:
  static Products& instance() {
    static Products all;
    return all;
  }
  template <class F>
  std::shared_ptr<const Product> find(const Key& key, F make) {
    {
      const std::lock_guard lock(mutex_);
      if (auto it = index_.find(key); it != index_.end()) {
        recent_.splice(recent_.begin(), recent_, it->second);
        return it->second->second;
      }
    }
    auto made = std::make_shared<const Product>(make());
    const std::lock_guard lock(mutex_);
    if (auto it = index_.find(key); it != index_.end()) return it->second->second;
    recent_.emplace_front(key, made);
    index_[key] = recent_.begin();
    if (recent_.size() > limit) {
      index_.erase(recent_.back().first);
      recent_.pop_back();
    }
    return made;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return recent_.size();
  }
  static constexpr std::size_t limit = 512;

 private:
  using Entry = std::pair<Key, std::shared_ptr<const Product>>;
  std::mutex mutex_;
  std::list<Entry> recent_;
  std::map<Key, std::list<Entry>::iterator> index_;
};

inline dnnl::primitive_attr attributes(float alpha, float beta) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);  // the library's own scratchpad is not safe between threads
  if (alpha != 1) attr.set_output_scales(0, {alpha});
  if (beta != 0) {
    dnnl::post_ops post;
    post.append_sum(beta);
    attr.set_post_ops(post);
  }
  return attr;
}

inline Product make(const Layout& a, const Layout& b, const Layout& c, float alpha, float beta) try {
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(a, b, c), attributes(alpha, beta), engine());
  return {dnnl::matmul(desc), a, b, c, desc.scratchpad_desc()};
} catch (const dnnl::error& error) {
  fail("oneDNN has no product of this shape here: ", error.what(),
       "; configure with -DANSER_ONEDNN=OFF, and report it");
}

inline void run(const Product& p, const void* a, const void* b, void* c) {
  static thread_local dnnl::stream stream(engine());
  static thread_local std::vector<std::byte> scratch;
  if (scratch.size() < p.scratch.get_size() + 64) scratch.resize(p.scratch.get_size() + 64);
  void* aligned = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64);
  dnnl::memory ma(p.a, engine(), const_cast<void*>(a)), mb(p.b, engine(), const_cast<void*>(b)), mc(p.c, engine(), c);
  dnnl::memory ms(p.scratch, engine(), aligned);
  p.primitive.execute(stream,
                      {{DNNL_ARG_SRC, ma}, {DNNL_ARG_WEIGHTS, mb}, {DNNL_ARG_DST, mc}, {DNNL_ARG_SCRATCHPAD, ms}});
  stream.wait();
}

/// The layout in which this machine's product of many rows wants W [n, k], or nothing where plain rows serve as well.
/// The products of few rows are then made for the same layout: measured, they read it at the memory's full speed.
template <class T>
std::optional<Layout> blocked_layout(int n, int k) {
  static std::mutex mutex;
  static std::map<std::pair<int, int>, std::optional<Layout>> known;
  const std::lock_guard lock(mutex);
  const auto [it, fresh] = known.try_emplace({n, k});
  if (!fresh) return it->second;
  constexpr int typical_rows = 512;
  const Layout x({typical_rows, k}, data_type<T>, Sizes{k, 1});
  const Layout w({k, n}, data_type<T>, dnnl::memory::format_tag::any);
  const Layout y({typical_rows, n}, data_type<float>, Sizes{n, 1});
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(x, w, y), attributes(1, 0), engine(), true);
  if (desc.get(true)) {
    const Layout chosen = desc.weights_desc();
    if (chosen.data.format_kind == dnnl_blocked && chosen.data.format_desc.blocking.inner_nblks > 0)
      it->second = chosen;
  }
  return it->second;
}

/// Whether products of bf16 have instructions of their own here; elsewhere oneDNN refuses them or runs its reference.
inline bool has_bf16() {
  static const bool found = [] {
    const Layout x({64, 64}, data_type<bf16>, Sizes{64, 1}), w({64, 64}, data_type<bf16>, Sizes{1, 64});
    const Layout y({64, 64}, data_type<float>, Sizes{64, 1});
    const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(x, w, y), attributes(1, 0), engine(), true);
    return desc.get(true) && std::string_view(desc.impl_info_str()).find("ref") == std::string_view::npos;
  }();
  return found;
}

/// Rows of W from several matrices into `to`, which has the layout; no second copy is made on the way.
template <class T>
void fill(const Layout& layout, T* to, std::span<const Matrix<const T>> blocks, std::span<const int> rows, int k) {
  const auto& blocking = layout.data.format_desc.blocking;
  int step = 1;  // rows of W that are stored together
  for (int i = 0; i < blocking.inner_nblks; ++i)
    if (blocking.inner_idxs[i] == 1) step *= int(blocking.inner_blks[i]);
  const int n = int(layout.data.dims[1]);
  dnnl::stream stream(engine());
  dnnl::memory whole(layout, engine(), to);
  std::vector<T> gathered;
  auto reorder = [&](Matrix<const T> from, int begin, int count) {
    const Layout source({k, count}, data_type<T>, Sizes{1, from.stride});
    const Layout target = layout.submemory_desc({k, count}, {0, begin});
    dnnl::memory s(source, engine(), const_cast<T*>(from.data)), t(target, engine(), to);
    dnnl::reorder(s, t).execute(stream, s, t);
    stream.wait();
  };
  std::size_t block = 0;
  int used = 0;  // rows of the block that are done
  for (int begin = 0; begin < n;) {
    while (used == rows[block]) ++block, used = 0;
    const int left = rows[block] - used;
    const int whole_steps = begin + left == n ? left : left / step * step;
    if (whole_steps > 0) {
      reorder({blocks[block][used], blocks[block].stride}, begin, whole_steps);
      begin += whole_steps;
      used += whole_steps;
      continue;
    }
    const int count = std::min(step, n - begin);  // these rows come from more than one block
    gathered.resize(std::size_t(count) * std::size_t(k));
    for (int r = 0; r < count; ++r, ++used) {
      while (used == rows[block]) ++block, used = 0;
      std::memcpy(gathered.data() + std::size_t(r) * std::size_t(k), blocks[block][used], std::size_t(k) * sizeof(T));
    }
    reorder({gathered.data(), k}, begin, count);
    begin += count;
  }
}

/// W [n, k] plainly again.
template <class T>
void unfill(const Layout& layout, const T* from, int n, int k, T* to) {
  dnnl::stream stream(engine());
  const Layout plain({k, n}, data_type<T>, Sizes{1, k});
  dnnl::memory s(layout, engine(), const_cast<T*>(from)), t(plain, engine(), to);
  dnnl::reorder(s, t).execute(stream, s, t);
  stream.wait();
}

/// y [m, n] = x [m, k] Wᵀ with W in its blocked layout.
template <class T>
void multiply(const Layout& layout, const T* w, int n, int k, Matrix<const T> x, int m, Matrix<float> y) {
  const std::int64_t xs = m == 1 ? k : x.stride, ys = m == 1 ? n : y.stride;
  const Key key{1, sizeof(T), m, n, k, xs, ys, thread_count()};
  const auto product = Products::instance().find(key, [&] {
    return make({{m, k}, data_type<T>, Sizes{xs, 1}}, layout, {{m, n}, data_type<float>, Sizes{ys, 1}}, 1, 0);
  });
  run(*product, x.data, w, y.data);
}

/// One product of float matrices as they lie; false where the library refuses. Measured, this is up to three times as
/// fast as a matmul primitive over plain rows. Inside a parallel region it runs in the calling thread.
inline bool multiply_one(const Gemm<float, float>& g, const float* a, const float* b, float* c) {
  return dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k, g.alpha, a, g.a.stride, b,
                    g.b.stride, g.beta, c, g.c.stride) == dnnl_success;
}

/// The general product of bf16. Matrices that are the same for a whole loop are told to oneDNN as a size of 1.
template <class T>
void multiply(const Gemm<T, float>& g) {
  const Key key{2,
                sizeof(T),
                g.m,
                g.n,
                g.k,
                g.a.stride,
                g.b.stride,
                g.c.stride,
                g.transpose_a,
                g.transpose_b,
                std::bit_cast<std::int32_t>(g.alpha),
                std::bit_cast<std::int32_t>(g.beta),
                g.outer.count,
                g.outer.a,
                g.outer.b,
                g.outer.c,
                g.inner.count,
                g.inner.a,
                g.inner.b,
                g.inner.c,
                thread_count()};
  const auto product = Products::instance().find(key, [&] {
    auto layout = [&](int rows, int cols, std::int64_t stride, bool transposed, std::int64_t outer, std::int64_t inner,
                      auto type) {
      const std::int64_t rs = transposed ? 1 : stride, cs = transposed ? stride : 1;
      if (g.outer.count * g.inner.count == 1) return Layout(Sizes{rows, cols}, type, Sizes{rs, cs});
      const std::int64_t no = outer == 0 ? 1 : g.outer.count, ni = inner == 0 ? 1 : g.inner.count;
      return Layout(Sizes{no, ni, rows, cols}, type,
                    Sizes{no == 1 ? rows * stride : outer, ni == 1 ? rows * stride : inner, rs, cs});
    };
    return make(layout(g.m, g.k, g.a.stride, g.transpose_a, g.outer.a, g.inner.a, data_type<T>),
                layout(g.k, g.n, g.b.stride, g.transpose_b, g.outer.b, g.inner.b, data_type<T>),
                layout(g.m, g.n, g.c.stride, false, g.outer.c, g.inner.c, data_type<float>), g.alpha, g.beta);
  });
  run(*product, g.a.data, g.b.data, g.c.data);
}

}  // namespace anser::cpu::onednn
#endif
