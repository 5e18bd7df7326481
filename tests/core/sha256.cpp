#include <anser/core/sha256.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

using anser::sha256, anser::Sha256;

BOOST_AUTO_TEST_SUITE(sha256_sum)

// FIPS 180-4's examples, and lengths around the block size against sha256sum.
BOOST_AUTO_TEST_CASE(known_answers) {
  BOOST_TEST(sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
             "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  BOOST_TEST(sha256(std::string(55, 'a')) == "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  BOOST_TEST(sha256(std::string(64, 'a')) == "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  BOOST_TEST(sha256(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_AUTO_TEST_CASE(pieces_of_any_size_give_the_same) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += char('a' + i * 7 % 26);
  for (std::size_t piece : {1, 3, 63, 64, 65, 130}) {
    Sha256 sum;
    for (std::size_t i = 0; i < text.size(); i += piece) {
      sum.update(std::string_view(text).substr(i, piece));
      if (i == 0) sum.hex();  // reading the sum in between changes nothing
    }
    BOOST_TEST(sum.hex() == sha256(text));
  }
}

BOOST_AUTO_TEST_SUITE_END()
