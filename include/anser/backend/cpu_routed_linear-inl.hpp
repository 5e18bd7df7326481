#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <numeric>
#include <thread>
#include <vector>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "cpu_low_rank-inl.hpp"
#include "cpu_panels-inl.hpp"
#include "cpu_routed_linear.hpp"
#include "cpu_threads-inl.hpp"

namespace anser::cpu {
namespace detail {

/// y = x Wᵀ and the routed experts of the same x, in one pass. The product of a frozen weight computes and hardly reads
/// memory; experts over few rows each read and hardly compute. So a thread fetches its next experts while it computes a
/// part of the product, and multiplies them when they have come. It has columns of y of its own: between the first
/// parts of its product it makes some of h = A x, between the others it adds B h to the columns that are complete. Each
/// number is summed in the order in which the product and RoutedLowRank sum it.
template <class T>
class RoutedLinear {
 public:
  /// Every used expert must be packed, and one be used.
  RoutedLinear(const Panels<T>& w, const GroupedLowRank<T, T>& g) : w_(w), g_(g), experts_(g) {
    row_parts_ = Panels<T>::row_parts(g.rows);
    pieces_ = std::clamp(g.rows / row_parts_ / least_rows, 1, most_pieces);
    std::vector<double> a, b;  // sizes of what each share and expert reads
    int before = -1;
    for (const auto& s : experts_.shares()) {
      a.push_back(s.expert == before ? 0 : double(g.table[s.expert].rank) * g.in);
      before = s.expert;
    }
    for (int e = 0; e < g.experts; ++e) b.push_back(g.is_used(e) ? double(g.table[e].rank) * g.out : 0);
    // As many groups as there are parts to fetch them in.
    const double all_a = std::accumulate(a.begin(), a.end(), 0.0), all_b = std::accumulate(b.begin(), b.end(), 0.0);
    const int parts = w.panel_count() * rounds(), first = int(parts * all_a / (all_a + all_b));
    downs_ = cut_evenly(a, std::max(1, first));
    ups_ = cut_evenly(b, std::max(1, (parts - first) / bands(w.panel_count())));
    downs_left_ = int(downs_.size()) - 1;
  }

  void run() {
    experts_.with_hidden([&] {
      Rescue rescue;
#pragma omp parallel
      {
#if defined(_OPENMP)
        const int index = omp_get_thread_num(), of = omp_get_num_threads();
#else
        const int index = 0, of = 1;
#endif
        rescue.run([&] { Thread(*this, index, of).run(); });
      }
      rescue.rethrow();
    });
  }

 private:
  using Range = typename Panels<T>::Range;
  static constexpr int width = simd::panel_vectors * simd::lanes<T>;
  /// A part of the product has about 64 rows, so that what it fetches stays in the second-level cache beside what the
  /// product reads. Measured: 128 rows save half as much time, 256 nothing.
  static constexpr int most_pieces = 4, least_rows = 16;
  /// Panels that pass before the next rows come; their columns are complete together, and experts are added to all of
  /// them at once. Measured: 2 and 4 are alike, 1 takes 0.02 of the product more.
  static constexpr int band = 2;

  static int bands(int panels) { return (panels + band - 1) / band; }
  int rounds() const { return row_parts_ * w_.block_count() * pieces_; }  // parts of a panel

  /// Where each of at most `count` groups of neighbours of about the same sum begins, and the end.
  static std::vector<int> cut_evenly(const std::vector<double>& sizes, int count) {
    const double all = std::accumulate(sizes.begin(), sizes.end(), 0.0);
    std::vector<int> begin{0};
    double before = 0;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (int(begin.size()) < count && before * count >= all * double(begin.size())) begin.push_back(int(i));
      before += sizes[i];
    }
    begin.push_back(int(sizes.size()));
    return begin;
  }

  class Thread {
   public:
    Thread(RoutedLinear& all, int index, int of) : all_(all), g_(all.g_) {
      const int panels = all.w_.panel_count();
      panels_ = {Panels<T>::cut(panels, index, of), Panels<T>::cut(panels, index + 1, of)};
      parts_ = panels_.size() * all.rounds();
      most_places_ = all_.w_.places({{0, 2 * g_.rows / (all_.row_parts_ * all_.pieces_)}, 0, 0});
      places_.reserve(std::size_t(most_places_));  // later nothing throws: others wait for this thread's share
    }

    void run() {
      for (int d; (d = all_.downs_taken_++) + 1 < int(all_.downs_.size());) {
        const int first = all_.downs_[std::size_t(d)], last = all_.downs_[std::size_t(d) + 1];
        fetch_a(first, last);
        multiply_part();
        for (int s = first; s < last; ++s) all_.experts_.down(s, s + 1 < last ? s + 1 : s);
        --all_.downs_left_;
      }
      const int groups = int(all_.ups_.size()) - 1, ups = bands(panels_.size()) * groups, from = part_;
      int fetched = 0, done = 0;
      while (part_ < parts_) {
        const int due = int(std::ptrdiff_t(ups) * (part_ + 1 - from) / (parts_ - from));
        for (; fetched < due; ++fetched) fetch_b(fetched / groups, fetched % groups);
        multiply_part();
        if (all_.downs_left_ == 0)
          for (; done < std::min(fetched, complete_ * groups); ++done) up(done / groups, done % groups);
      }
      while (all_.downs_left_ > 0) std::this_thread::yield();
      for (; done < ups; ++done) up(done / groups, done % groups);
    }

   private:
    /// Bands, in each the parts of the rows, blocks of k, panels, pieces of a part of the rows.
    struct Step {
      int panel, rows, block, piece;
    };
    Step step(int i) const {
      const int blocks = all_.w_.block_count(), first = i / (band * all_.rounds()) * band;
      const int size = std::min(band, panels_.size() - first);
      i -= first * all_.rounds();
      const int piece = i % all_.pieces_, of = i / all_.pieces_;
      return {panels_.begin + first + of % size, of / size / blocks, of / size % blocks, piece};
    }

    /// The next part, if one is left, while the places come.
    void multiply_part() {
      if (part_ < parts_) {
        const Step now = step(part_), then = step(std::min(part_ + all_.pieces_ - now.piece, parts_ - 1));
        const Range rows =
            Panels<T>::rows(g_.rows, now.rows * all_.pieces_ + now.piece, all_.row_parts_ * all_.pieces_);
        const typename Panels<T>::Part part{rows, now.panel, now.block};
        all_.w_.multiply(g_.x, g_.y, part, {then.panel, then.block, now.piece, all_.pieces_},
                         spread(all_.w_.places(part)));
        ++part_;
        complete_ = part_ == parts_ ? bands(panels_.size()) : part_ / (band * all_.rounds());
      }
      places_.clear();
    }

    /// The places, as far apart as they go in `room`; between them, what is in the cache anyway.
    const std::byte* const* spread(int room) {
      const int count = std::min(int(places_.size()), room);
      if (count == 0) return nullptr;
      places_.resize(std::size_t(room), reinterpret_cast<const std::byte*>(&all_));
      for (int i = count; i-- > 0;)
        std::swap(places_[std::size_t(i)], places_[std::size_t(Panels<T>::cut(room, i, count))]);
      return places_.data();
    }

    void fetch(const T* from, std::ptrdiff_t size) {
      for (std::ptrdiff_t at = 0; at < size && int(places_.size()) < most_places_; at += Panels<T>::stretch)
        places_.push_back(reinterpret_cast<const std::byte*>(from + at));
    }
    void fetch_a(int first, int last) {
      for (int s = first, before = -1; s < last; ++s) {
        const int e = all_.experts_.shares()[std::size_t(s)].expert;
        if (e != before) fetch(g_.table[e].a, std::ptrdiff_t(g_.table[e].rank) * g_.in);
        before = e;
      }
    }
    void fetch_b(int which, int group) {
      const Range columns = columns_of(which);
      for (int e = all_.ups_[std::size_t(group)]; e < all_.ups_[std::size_t(group) + 1]; ++e)
        if (g_.is_used(e))
          fetch(g_.table[e].panels + std::ptrdiff_t(columns.begin) * g_.table[e].rank,
                std::ptrdiff_t(columns.size()) * g_.table[e].rank);
    }
    void up(int which, int group) {
      const Range columns = columns_of(which);
      all_.experts_.up(columns.begin, columns.end, all_.ups_[std::size_t(group)], all_.ups_[std::size_t(group) + 1]);
    }
    Range columns_of(int which) const {
      const int first = panels_.begin + which * band;
      return {first * width, std::min(g_.out, std::min(first + band, panels_.end) * width)};
    }

    RoutedLinear& all_;
    const GroupedLowRank<T, T>& g_;
    Range panels_;
    int part_ = 0, parts_ = 0;
    int complete_ = 0;  // bands
    int most_places_ = 0;
    std::vector<const std::byte*> places_;
  };

  const Panels<T>& w_;
  const GroupedLowRank<T, T>& g_;
  RoutedLowRank<T, T> experts_;
  int row_parts_ = 1, pieces_ = 1;
  std::vector<int> downs_;  // where groups of shares begin, for h
  std::vector<int> ups_;    // where groups of experts begin, for y
  std::atomic<int> downs_taken_{0}, downs_left_{0};
};

template <class T>
const Panels<T>& panels_of(const CpuWeights& w) {
  return *static_cast<const Panels<T>*>(w.state.get());
}

/// Of the used experts; 0 where there is none, or one that is not packed.
template <class T>
double packed_bytes(const GroupedLowRank<T, T>& g) {
  double bytes = 0;
  for (int e = 0; e < g.experts; ++e) {
    if (!g.is_used(e)) continue;
    if (!g.table[e].panels) return 0;
    bytes += double(sizeof(T)) * g.table[e].rank * (g.in + g.out);
  }
  return bytes;
}

template <class T>
bool in_one_pass(const CpuWeights& w, const GroupedLowRank<T, T>& g, int threads) {
  // Measured on AVX-512: at 86 both are alike, at 43 one pass is a tenth quicker. On AVX2, with half a megabyte of
  // second-level cache, one pass took 1.36 to 1.40 of the product alone where two took 1.29 to 1.30 (at 37), so never.
  constexpr double operations_of_a_byte = simd::many_registers ? 80 : 0;
  if (operations_of_a_byte == 0 || g.rows < one_pass_rows) return false;
  const int panels = panels_of<T>(w).panel_count(), most = (panels + threads - 1) / threads;
  return panels > 0 && 2.0 * g.rows * g.in * g.out < operations_of_a_byte * packed_bytes(g) &&
         double(most) * threads <= 1.1 * panels;
}

template <class T>
bool multiply_in_one_pass(const CpuWeights& w, const GroupedLowRank<T, T>& g) {
  if (packed_bytes(g) == 0 || panels_of<T>(w).panel_count() == 0) return false;
  RoutedLinear<T>(panels_of<T>(w), g).run();
  return true;
}

template <class T>
void multiply_routed(const CpuWeights& w, const GroupedLowRank<T, T>& g) {
  if (in_one_pass(w, g, thread_count()) && multiply_in_one_pass(w, g)) return;
  multiply<T>(w, g.x, g.rows, g.y);
  RoutedLowRank<T, T>(g).run();
}

}  // namespace detail

ANSER_INLINE bool in_one_pass(const CpuWeights& w, const GroupedLowRank<float, float>& g, int threads) {
  return detail::in_one_pass(w, g, threads);
}
ANSER_INLINE bool in_one_pass(const CpuWeights& w, const GroupedLowRank<double, double>& g, int threads) {
  return detail::in_one_pass(w, g, threads);
}
ANSER_INLINE bool multiply_in_one_pass(const CpuWeights& w, const GroupedLowRank<float, float>& g) {
  return detail::multiply_in_one_pass(w, g);
}
ANSER_INLINE bool multiply_in_one_pass(const CpuWeights& w, const GroupedLowRank<double, double>& g) {
  return detail::multiply_in_one_pass(w, g);
}
ANSER_INLINE void multiply_routed(const CpuWeights& w, const GroupedLowRank<float, float>& g) {
  detail::multiply_routed(w, g);
}
ANSER_INLINE void multiply_routed(const CpuWeights& w, const GroupedLowRank<double, double>& g) {
  detail::multiply_routed(w, g);
}

}  // namespace anser::cpu
