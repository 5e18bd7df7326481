#include <anser/io/pickle.hpp>
#include <boost/test/unit_test.hpp>

#include "archives.hpp"
#include "temporary.hpp"

namespace {

using anser::read_pickle;
using io_test::little;
using io_test::pickled;
using io_test::pickled_dict;
using io_test::pickled_tensor;

const std::string start = "\x80\x02";

std::vector<anser::PickledTensor> read(const std::string& bytes) { return read_pickle(bytes, "p"); }

BOOST_AUTO_TEST_SUITE(pickles)

BOOST_AUTO_TEST_CASE(a_tensor_is_described) {
  const auto tensors = read(pickled_dict("a.b", pickled_tensor({5, {2, 4}, {4, 1}, "HalfStorage", "17", 99})));
  BOOST_REQUIRE(tensors.size() == 1u);
  const auto& t = tensors[0];
  BOOST_TEST(t.name == "a.b");
  BOOST_TEST((t.dtype == anser::DType::f16));
  BOOST_TEST(t.storage == "17");
  BOOST_TEST(t.storage_size == 99u);
  BOOST_TEST(t.offset == 5u);
  BOOST_TEST((t.shape == std::vector<std::uint64_t>{2, 4}));
  BOOST_TEST((t.strides == std::vector<std::uint64_t>{4, 1}));
}

BOOST_AUTO_TEST_CASE(tensors_in_dicts_and_lists_have_the_keys_that_lead_to_them) {
  const std::string t = pickled_tensor();
  const auto names = [](const std::string& bytes) {
    std::string all;
    for (const auto& tensor : read(bytes)) all += tensor.name + ' ';
    return all;
  };
  BOOST_TEST(names(pickled_dict("a", "}(" + pickled("b") + t + pickled(7) + t + "u")) == "a.b a.7 ");
  BOOST_TEST(names(pickled_dict("a", "](" + t + "N" + t + "e")) == "a.0 a.2 ");
  BOOST_TEST(names(pickled_dict("a", "(" + t + t + "t")) == "a.0 a.1 ");
  BOOST_TEST(names(start + "](" + t + "e.") == "0 ");
  BOOST_TEST(names(start + "}" + pickled("a") + t + "s.") == "a ");
  BOOST_TEST(names(start + "ccollections\nOrderedDict\n)R(" + pickled("a") + t + "u}" + pickled("_metadata") +
                   "}sb.") == "a ");
  BOOST_TEST(names(pickled_dict("p", "ctorch._utils\n_rebuild_parameter\n(" + t + "\x88}tR")) == "p ");
  // Beside a state_dict stand settings and the optimizer, which nobody asked for.
  BOOST_TEST(names(start + "}(" + pickled("optimizer") + "}(" + pickled("m") + t + "u" + pickled("state_dict") + "}(" +
                   pickled("w") + t + "uu.") == "w ");
  BOOST_TEST(names(pickled_dict("none", "N")).empty());
  BOOST_TEST(names(start + "}(NN\x88K\1M\1\1" + std::string("\x8a\0", 2) + "\x8a\x0a" + std::string(10, 'x') + "G" +
                   std::string(8, 'x') + "u.")
                 .empty());
}

BOOST_AUTO_TEST_CASE(integers_of_every_length) {
  const auto size = [](const std::string& offset) {
    std::string tensor = pickled_tensor();
    const std::string zero = "tQ" + pickled(0);
    tensor.replace(tensor.find(zero), zero.size(), "tQ" + offset);
    return read(pickled_dict("a", tensor))[0].offset;
  };
  BOOST_TEST(size("K\xff") == 255u);
  BOOST_TEST(size("M\xff\xff") == 65535u);
  BOOST_TEST(size("J" + little(0x7fffffff, 4)) == 0x7fffffffu);
  BOOST_TEST(size("\x8a\5" + little(0xffffffff, 5)) == 0xffffffffu);
  BOOST_TEST(size("\x8a\x08" + little(1ull << 62, 8)) == 1ull << 62);
  BOOST_TEST(size(std::string("\x8a\0", 2)) == 0u);
  CHECK_SAYS(size("J" + little(0xffffffff, 4)), "offset, sizes and strides");
  CHECK_SAYS(size("\x8a\1\xff"), "offset, sizes and strides");
  CHECK_SAYS(size("\x8a\x0a" + little(0, 10)), "another form");  // more than any offset
}

BOOST_AUTO_TEST_CASE(every_other_call_is_refused_by_name) {
  const std::string rest = pickled("true") + "\x85R";
  CHECK_SAYS(read(pickled_dict("a", "cos\nsystem\n" + rest)), "p calls os.system, which is not a tensor", "not run");
  CHECK_SAYS(read(pickled_dict("a", "cposix\nsystem\n" + rest)), "posix.system");
  CHECK_SAYS(read(pickled_dict("a", "cbuiltins\neval\n" + rest)), "builtins.eval");
  CHECK_SAYS(read(pickled_dict("a", "ctorch\nload\n" + rest)), "torch.load");
  CHECK_SAYS(read(pickled_dict("a", "ctorch._utils\n_rebuild_tensor_v2.__globals__\n" + rest)), "__globals__");
  CHECK_SAYS(read(pickled_dict("a", "ctorch\nComplexFloatStorage\n" + rest)), "torch.ComplexFloatStorage");
  CHECK_SAYS(read(pickled_dict("a", "ccollections\nOrderedDict\x01\n)R")), "OrderedDict\\x01");
  CHECK_SAYS(read(pickled_dict("a", "cevil" + std::string(5000, 'x') + "\nf\n")), "evilx", "...");
  // What may be called is called with what it takes, and nothing else is.
  CHECK_SAYS(read(pickled_dict("a", "ccollections\nOrderedDict\n" + rest)), "not made empty");
  CHECK_SAYS(read(pickled_dict("a", "ctorch\nFloatStorage\n" + rest)), "a storage is called");
  CHECK_SAYS(read(pickled_dict("a", "ctorch._utils\n_rebuild_parameter\n" + rest)), "another form");
  CHECK_SAYS(read(pickled_dict("a", "ctorch._utils\n_rebuild_tensor_v2\n" + rest)), "another form");
  CHECK_SAYS(read(pickled_dict("a", pickled("x") + rest)), "cannot be called");
  CHECK_SAYS(read(pickled_dict("a", pickled("x") + "}b")), "another kind");
  CHECK_SAYS(read(pickled_dict("a", "(" + pickled("module") + "ccollections\nOrderedDict\n" + pickled("0") + "NNtQ")),
             "no storage");
  // Opcodes that name or make things in other ways.
  for (const std::string op :
       {"i", "o", "\x81", "\x82", "\x93", "P", "\x92", "B", "C", "0", "2", "I", "S", "V", "d", "l"})
    CHECK_SAYS(read(pickled_dict("a", op + "os\nsystem\n")), "opcode", "torch.save does not write");
}

BOOST_AUTO_TEST_CASE(damage_is_one_error) {
  const std::string whole = pickled_dict("a", pickled_tensor());
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK_SAYS(read(whole.substr(0, n)), "p is damaged");
  CHECK_SAYS(read(whole + "."), "goes on behind its end");
  CHECK_SAYS(read("\x80\x04}."), "pickle protocol 4", "without pickle_protocol");
  CHECK_SAYS(read("\x89}."), "does not begin");
  CHECK_SAYS(read(start + "."), "one value");
  CHECK_SAYS(read(start + "}(."), "one value");
  CHECK_SAYS(read(start + "NN."), "one value");
  CHECK_SAYS(read(start + "t."), "a mark is missing");
  CHECK_SAYS(read(start + "N(\x85t."), "a value is missing");  // what stands before a mark is out of reach
  CHECK_SAYS(read(start + "q\1."), "a value is missing");
  CHECK_SAYS(read(start + "h\1."), "no place 1");
  CHECK_SAYS(read(start + "Nr" + little(0xfffffffe, 4) + "."), "a place 4294967294");
  CHECK_SAYS(read(start + "Nq\3h\2."), "no place 2");
  CHECK_SAYS(read(start + "}(N" + "u."), "a key has no value");
  CHECK_SAYS(read(start + "]NNs."), "another kind");
  CHECK_SAYS(read(start + "X" + little(0xffffffff, 4) + "x."), "cut off");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, {2}, {1, 1}}))), "do not fit each other");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, {-2}, {1}}))), "do not fit each other");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, {2}, {-1}}))), "do not fit each other");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, std::vector<int>(17, 1), std::vector<int>(17, 1)}))), "17 axes");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, {2}, {1}, "FloatStorage", "0", -1}))), "a storage of -1");
  CHECK_SAYS(read(pickled_dict("a", pickled_tensor({0, {2}, {1}, "FloatStorage", std::string(65, '0'), 1}))),
             "the key");
  CHECK_SAYS(read(start + pickled_tensor() + "."), "one tensor without a name");
  CHECK_SAYS(read(pickled_dict("a\n", pickled_tensor())), "a\\x0a is no name");
  CHECK_SAYS(read(pickled_dict("\xff", pickled_tensor())), "\\xff is no name");
  CHECK_SAYS(read(pickled_dict(std::string(600, 'a'), pickled_tensor())), "is no name of a tensor: too long");
  CHECK_SAYS(read(start + "}N" + pickled_tensor() + "s."), "neither a text nor a whole number");
}

BOOST_AUTO_TEST_CASE(what_grows_out_of_little_is_refused) {
  // A dict in itself.
  CHECK_SAYS(read(start + "}q\1" + pickled("a") + "h\1s."), "nested deeper than 64");
  std::string deep = start;
  for (int i = 0; i < 1000; ++i) deep += "}" + pickled("a");
  deep += pickled_tensor() + std::string(1000, 's') + ".";
  CHECK_SAYS(read(deep), "nested deeper than 64");
  // Thirty lists, each with the one before twice: a billion places for one tensor.
  std::string doubled = start + "](" + pickled_tensor() + "eq" + little(0, 1);
  for (int i = 1; i <= 30; ++i)
    doubled += "](h" + little(std::uint64_t(i) - 1, 1) + "h" + little(std::uint64_t(i) - 1, 1) + "eq" +
               little(std::uint64_t(i), 1);
  // All but the last are below it on the stack: one tuple makes one value of them.
  const std::string many = start + "(" + doubled.substr(2) + "t.";
  CHECK_SAYS(read(many), "more than");
  CHECK_SAYS(read(start + std::string(8'000'001, 'N') + "."), "more than 8000000 values");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
