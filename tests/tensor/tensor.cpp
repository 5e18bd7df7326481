#include <anser/backend/cpu.hpp>
#include <anser/backend/squad.hpp>
#include <anser/tensor/tensor.hpp>
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

using namespace anser;

namespace {

auto says(std::string words) {
  return [words](const Error& e) { return std::string(e.what()).find(words) != std::string::npos; };
}

/// A host that counts what is taken from it and given back.
struct Counting : Cpu<float> {
  int allocated = 0, released = 0;
  void* allocate(std::size_t n) { return ++allocated, Cpu<float>::allocate(n); }
  void* allocate_lasting(std::size_t n) { return ++allocated, Cpu<float>::allocate_lasting(n); }
  void release(void* p, std::size_t n) noexcept { ++released, Cpu<float>::release(p, n); }
};
static_assert(Backend<Counting>);

template <class T>
struct File {
  std::vector<std::byte> bytes;
  Stored stored;
  int evicted = 0;
  File(Shape shape, const std::vector<T>& values, std::size_t shift = 0) : bytes(values.size() * sizeof(T) + 16) {
    std::memcpy(bytes.data() + shift, values.data(), values.size() * sizeof(T));
    stored = {dtype_of<T>, shape, bytes.data() + shift, nullptr, "file: tensor", [this] { ++evicted; }};
  }
  File(const File&) = delete;
};

std::vector<float> count_to(int n) {
  std::vector<float> v(static_cast<std::size_t>(n));
  std::iota(v.begin(), v.end(), 0.f);
  return v;
}
template <class T>
void check_equal(const std::vector<T>& a, const std::vector<T>& b) {
  BOOST_TEST((a == b));
}

using Backends = std::tuple<Cpu<float>, Cpu<double>, Cpu<bf16>, Squad<double>>;

}  // namespace

BOOST_AUTO_TEST_SUITE(tensor)

BOOST_AUTO_TEST_CASE(numbers_make_room_for_their_gradient) {
  Counting device;
  {
    const Tensor<Counting> t(device, {2, 3}, count_to(6), true);
    BOOST_TEST(!t.columns(0, 2).turn_into_grad());
    const float* where = t.data();
    BOOST_TEST(t.turn_into_grad());
    BOOST_TEST(t.grad() == where);
    check_equal(t.host_grad(), count_to(6));
    BOOST_TEST(device.allocated == 1);
    BOOST_TEST(t.data() != where);
    BOOST_TEST(!t.turn_into_grad());
  }
  BOOST_TEST(device.allocated == device.released);
  File<float> file({2}, {1, 2});
  const Tensor<Counting> bound(device, file.stored);
  BOOST_TEST(!bound.turn_into_grad());
  check_equal(bound.host(), {1, 2});
  BOOST_TEST(!bound.turn_into_grad());
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_before_it_is_asked_for) {
  Counting device;
  {
    const Tensor<Counting> t(device, {100, 100}, true);
    const auto view = t.columns(3, 4);
    BOOST_TEST(device.allocated == 0);
    BOOST_TEST((t.data() + 3 == view.data()));
    BOOST_TEST(device.allocated == 1);
    BOOST_TEST(!t.has_grad());
    BOOST_TEST((t.grad() + 3 == view.grad()));
    BOOST_TEST(view.has_grad());
    BOOST_TEST(device.allocated == 2);
    t.release_grad();
    BOOST_TEST(device.released == 1);
    BOOST_TEST(!view.has_grad());
  }
  BOOST_TEST(device.released == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(undefined_tensors, B, Backends) {
  const Tensor<B> t;
  BOOST_TEST(!t);
  BOOST_TEST(!t.needs_grad());
  BOOST_TEST(!t.has_grad());
  BOOST_TEST((t.stored() == nullptr));
  t.evict();
}

BOOST_AUTO_TEST_CASE(numbers_must_fill_the_shape) {
  Cpu<float> device;
  const auto five = count_to(5);
  BOOST_CHECK_EXCEPTION(Tensor<Cpu<float>>(device, {2, 3}, five), Error, says("Tensor: 5 numbers do not fill [2, 3]"));
  const Tensor<Cpu<float>> t(device, {2, 3}, count_to(6));
  BOOST_CHECK_EXCEPTION(t.assign(five), Error, says("5 numbers do not fill [2, 3]"));
  BOOST_CHECK_EXCEPTION(t.columns(0, 2).assign(count_to(4)), Error, says("do not fill [2, 2]"));
  check_equal(t.host(), count_to(6));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(views_share_numbers_and_gradients, B, Backends) {
  using T = typename B::element;
  B device;
  std::vector<T> v;
  for (int i = 0; i < 20; ++i) v.push_back(T(float(i)));
  const Tensor<B> t(device, {4, 5}, v);
  const auto view = t.slice(1, 2).columns(2, 3);
  BOOST_TEST(view.shape() == (Shape{2, 3}));
  BOOST_TEST(view.stride() == 5);
  BOOST_TEST(!view.contiguous());
  BOOST_TEST(view.slice(1, 1).contiguous());
  BOOST_TEST(t.slice(2, 2).contiguous());
  BOOST_TEST(view.same_storage(t));
  std::vector<float> seen;
  for (const T x : view.host()) seen.push_back(float(x));
  check_equal(seen, {7, 8, 9, 12, 13, 14});
  view.matrix()[1][2] = T(-1.f);
  BOOST_TEST(float(t.host()[14]) == -1);
  view.grad_matrix()[0][1] = 3;
  BOOST_TEST(t.host_grad()[8] == 3);
  BOOST_TEST(view.host_grad()[1] == 3);
  view.require_grad();
  BOOST_TEST(t.needs_grad());
  t.slice(3, 1).assign(std::vector<T>(5, T(2.f)));
  BOOST_TEST(float(t.host()[15]) == 2);
}

BOOST_AUTO_TEST_CASE(the_same_numbers_under_another_shape) {
  Cpu<float> device;
  const Tensor<Cpu<float>> t(device, {2, 3, 4}, count_to(24));
  BOOST_TEST(t.rows() == 6);
  BOOST_TEST(t.as({3, 8}).stride() == 8);
  check_equal(t.as({24}).slice(0, 1).columns(5, 2).host(), {5, 6});
  BOOST_CHECK_EXCEPTION(t.as({5, 5}), Error, says("Tensor: [2, 3, 4] cannot be seen as [5, 5]"));
  // a view of columns may regroup its rows, but not its columns
  const auto view = t.columns(1, 2);
  check_equal(view.as({2, 3, 2}).slice(4, 1).host(), {17, 18});
  BOOST_CHECK_EXCEPTION(view.as({12}), Error, says("[6, 2] cannot be seen as [12]"));
}

BOOST_AUTO_TEST_CASE(a_file_of_the_same_type_is_looked_at_not_copied) {
  Counting device;
  File<float> file({2, 3}, count_to(6));
  const Tensor<Counting> t(device, file.stored);
  BOOST_TEST(t.shape() == (Shape{2, 3}));
  BOOST_TEST(t.stored()->origin == "file: tensor");
  check_equal(t.host(), count_to(6));
  BOOST_TEST((static_cast<const void*>(t.data()) == file.stored.data));
  BOOST_TEST(device.allocated == 0);
  t.evict();
  BOOST_TEST(file.evicted == 1);
  check_equal(t.slice(1, 1).host(), {3, 4, 5});  // and read again
}

BOOST_AUTO_TEST_CASE_TEMPLATE(files_of_every_type_at_any_alignment, B, Backends) {
  B device;
  auto check_file = [&]<class F>(const std::vector<F>& values) {
    for (const std::size_t shift : {0, 1, 2, 5}) {
      File<F> file({2, 2}, values, shift);
      const Tensor<B> t(device, file.stored);
      for (int again = 0; again < 2; ++again) {
        const auto host = t.host();
        for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(float(host[i]) == float(values[i]));
        BOOST_TEST(reinterpret_cast<std::uintptr_t>(t.data()) % alignof(typename B::element) == 0u);
        t.evict();
      }
      BOOST_TEST(file.evicted >= 2);
    }
  };
  check_file(std::vector<double>{1, -2.5, 0, 96});
  check_file(std::vector<float>{1, -2.5, 0, 96});
  check_file(std::vector<bf16>{1.f, -2.5f, 0.f, 96.f});
  check_file(std::vector<f16>{f16(1.f), f16(-2.5f), f16(0.f), f16(96.f)});
  check_file(std::vector<std::int32_t>{1, -2, 0, 96});
  check_file(std::vector<std::int64_t>{1, -2, 0, 96});
}

BOOST_AUTO_TEST_CASE(a_converted_file_is_let_go_and_the_copy_given_back_when_evicted) {
  Counting device;
  File<f16> file({3}, {f16(1.f), f16(2.f), f16(3.f)});
  const Tensor<Counting> t(device, file.stored);
  check_equal(t.host(), {1, 2, 3});
  BOOST_TEST(file.evicted == 1);  // the pages that were converted
  BOOST_TEST(device.allocated == 1);
  t.evict();
  BOOST_TEST(device.released == 1);
  check_equal(t.host(), {1, 2, 3});
  BOOST_TEST(device.allocated == 2);
}

// The mapped file is read-only: whatever is written must be a copy.
BOOST_AUTO_TEST_CASE(what_learns_or_is_assigned_owns_its_numbers) {
  Counting device;
  const auto file_numbers = count_to(4);
  const Stored stored{DType::f32, {4}, reinterpret_cast<const std::byte*>(file_numbers.data()), nullptr, "file", {}};

  const Tensor<Counting> learner(device, stored);
  learner.require_grad();
  learner.data()[0] = 7;
  check_equal(file_numbers, count_to(4));

  const Tensor<Counting> late(device, stored);
  BOOST_TEST(late.host()[3] == 3);  // looked at first, trained later
  late.require_grad();
  BOOST_TEST((static_cast<const void*>(late.data()) != stored.data));
  check_equal(late.host(), count_to(4));

  late.data()[0] = 7;
  late.require_grad(false);
  late.evict();  // frozen and packed: what was learned is in no file
  check_equal(late.host(), {7, 1, 2, 3});

  const Tensor<Counting> assigned(device, stored);
  BOOST_TEST(assigned.host()[3] == 3);
  assigned.columns(1, 2).assign(std::vector<float>{8, 9});
  check_equal(assigned.host(), {0, 8, 9, 3});
  check_equal(file_numbers, count_to(4));

  const Tensor<Counting> unread(device, stored);
  unread.assign(std::vector<float>{4, 5, 6, 7});
  check_equal(unread.host(), {4, 5, 6, 7});
  unread.evict();  // no file can bring these again
  check_equal(unread.host(), {4, 5, 6, 7});
  BOOST_TEST((unread.stored() == nullptr));
  check_equal(file_numbers, count_to(4));
}

BOOST_AUTO_TEST_CASE(binding_takes_the_other_files_numbers) {
  Counting device;
  File<float> one({2}, {1, 2}), two({2}, {3, 4});
  const Tensor<Counting> t(device, one.stored), copy = t;
  check_equal(t.host(), {1, 2});
  t.bind(two.stored);
  check_equal(copy.host(), {3, 4});
  const Tensor<Counting> made(device, {2}, std::vector<float>{5, 6});
  made.bind(one.stored);  // a model that was initialised, then loaded
  check_equal(made.host(), {1, 2});
}

BOOST_AUTO_TEST_CASE(evicting_what_no_file_can_bring_again_keeps_it) {
  Cpu<float> device;
  const Tensor<Cpu<float>> t(device, {3}, count_to(3));
  t.evict();
  check_equal(t.host(), count_to(3));
}

BOOST_AUTO_TEST_CASE(a_gradient_as_a_tensor_shares_and_keeps_it) {
  Cpu<float> device;
  Tensor<Cpu<float>> alias;
  {
    const Tensor<Cpu<float>> t(device, {2, 3}, count_to(6), true);
    t.grad_matrix()[1][2] = 5;
    alias = Tensor<Cpu<float>>::alias_gradient(t.columns(1, 2));
    alias.matrix()[0][0] = 4;
    check_equal(t.host_grad(), {0, 4, 0, 0, 0, 5});
  }
  check_equal(alias.host(), {4, 0, 0, 5});
}

// Its numbers are not copied, and neither gradients nor storage are shared afterwards.
BOOST_AUTO_TEST_CASE(a_gradient_changes_hands) {
  Cpu<float> device;
  const Real<Cpu<float>> from(device, {2, 3}, true), to(device, {2, 3}, true), smaller(device, {2, 2}, true);
  for (int i = 0; i < 6; ++i) from.grad()[i] = float(i);
  to.grad()[0] = 9;
  const float* numbers = from.grad();
  to.take_grad(from);
  BOOST_TEST(to.grad() == numbers);
  BOOST_TEST(!from.has_grad());
  check_equal(to.host_grad(), count_to(6));
  to.take_grad(to);
  check_equal(to.host_grad(), count_to(6));
  BOOST_CHECK_EXCEPTION(to.take_grad(smaller), Error, says("cannot take the gradient"));
  smaller.take_grad(to.columns(0, 2));  // of a view of a part: a copy
  BOOST_TEST((smaller.host_grad() == std::vector<float>{0, 1, 3, 4}));
  check_equal(to.host_grad(), count_to(6));
}

// What is read from a file stays when a dry run ends; results are counted, and hold nothing.
BOOST_AUTO_TEST_CASE(a_dry_run_reads_files_all_the_same) {
  Cpu<float> device;
  const File<bf16> file({2, 3}, {bf16(0.f), bf16(1.f), bf16(2.f), bf16(3.f), bf16(4.f), bf16(5.f)});
  const Real<Cpu<float>> bound(device, file.stored);
  {
    const DryRun<Cpu<float>> dry(device);
    const Real<Cpu<float>> result(device, {100, 100}, true);
    check_equal(result.host(), std::vector<float>(10000));
    check_equal(result.host_grad(), std::vector<float>(10000));
    check_equal(bound.host(), count_to(6));
    BOOST_TEST(device.memory().dry >= 80000u);
  }
  BOOST_TEST(device.memory().dry == 0u);
  check_equal(bound.host(), count_to(6));
}

BOOST_AUTO_TEST_SUITE_END()
